// Signs one token per line of input with jose, so that the tests also see tokens made by a JOSE
// implementation that shares no code with the one under test.
//
// Each line of standard input is a JSON object:
//   {"alg": "RS256", "key": <private or oct JWK>, "header": {...}, "claims": {...}}
// "header" is optional. "payload", a string, may stand in for "claims", to sign bytes that are not a
// JSON object. One compact JWS is written per line, in the order of the input.

import { createInterface } from "node:readline";
import process from "node:process";
import { CompactSign, importJWK } from "jose";

const encoder = new TextEncoder();

async function mint({ alg, key, header = {}, claims, payload }) {
  // CompactSign rather than SignJWT: the latter checks and rewrites claims, and the tests need
  // tokens whose claims are wrong.
  const text = payload ?? JSON.stringify(claims);
  if (typeof text !== "string") {
    throw new TypeError('a line needs "claims" or a string "payload"');
  }
  // The use that a JWK declares for itself is the verifier's to judge, not the minting side's.
  const { use: _use, key_ops: _keyOps, ...jwk } = key;
  const signer = new CompactSign(encoder.encode(text)).setProtectedHeader({ alg, ...header });
  return signer.sign(await importJWK(jwk, alg));
}

let lineNumber = 0;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  lineNumber += 1;
  if (line.trim() === "") {
    continue;
  }
  try {
    process.stdout.write(`${await mint(JSON.parse(line))}\n`);
  } catch (error) {
    process.stderr.write(`mint.mjs: line ${lineNumber}: ${error.name}: ${error.message}\n`);
    process.exitCode = 1;
    break;
  }
}
