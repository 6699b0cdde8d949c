#!/usr/bin/env node
// A browser whose user agrees to everything: it follows redirects, and keeps the cookies on the way.
//
// A client that opens a browser runs this with the URL, and gets its callback. A client in Node.js imports `visit`, which gives
// the first URL of those that `isLast` knows, without asking it.

import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const MOST_REDIRECTS = 20;
const PATIENCE_MS = 20_000;

// A user takes longer than these redirects do, so that a client may open the browser before it listens.
async function patientFetch(url, options) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await fetch(url, options);
    } catch (error) {
      if (error.cause?.code !== "ECONNREFUSED" || Date.now() > end) {
        throw error;
      }
      await pause(50);
    }
  }
}

export async function visit(start, isLast = () => false) {
  const cookies = new Map();
  let url = new URL(start);
  for (let at = 0; at < MOST_REDIRECTS; at += 1) {
    if (isLast(url)) {
      return url;
    }
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const response = await patientFetch(url, { headers, redirect: "manual" });
    const text = await response.text();
    const location = response.headers.get("location");
    if (location === null) {
      if (!response.ok) {
        throw new Error(`${response.status} of ${url.origin}${url.pathname}: ${text}`);
      }
      return url;
    }
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(";", 1)[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    url = new URL(location, url);
  }
  throw new Error(`more than ${MOST_REDIRECTS} redirects`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await visit(process.argv[2]);
}
