// An OpenID Provider on the loopback address, so that the tests also meet an issuer that shares no code
// with the verifier under test:
//   node oidc.mjs PORT KEYS.json ALGORITHM
//
// Port 0 takes a free one. The private keys are kept in the file, the signing one first, so that a
// provider that is started again has the keys that it had.
//
// It answers with one JSON line when it is ready, and after each line of standard input:
//   rotate    publishes a new key and signs with it from now on; the older ones stay published
//   withdraw  publishes the signing key alone
//   status    changes nothing
//   stop      drops every connection and ends, with no answer, as does the end of the input

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair } from "jose";

// Standard output is for answers alone, and the provider writes notices there. It does so when it is
// imported, too.
console.info = console.error;
const { default: Provider } = await import("oidc-provider");

const TOKEN_SECONDS = 600;
// The one resource that asks for tokens that only the provider can read.
const OPAQUE_RESOURCE = "https://opaque.example/";

const [port, keysFile, algorithm] = process.argv.slice(2);

const CLIENTS = [
  { client_id: "robot", client_secret: "what only the robot knows" },
  // Characters that Basic credentials cannot have unless they are encoded.
  { client_id: "a:b", client_secret: "p+ &%" },
  { client_id: "poster", client_secret: "p+ &%", token_endpoint_auth_method: "client_secret_post" },
];

let keys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, "utf8")) : [];
let current;
const requests = {};

async function newKey() {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  // Random, so that no two runs give one name to two keys.
  const kid = crypto.randomUUID();
  return { ...(await exportJWK(privateKey)), kid, alg: algorithm, use: "sig" };
}

function publish(newKeys) {
  keys = newKeys;
  writeFileSync(keysFile, JSON.stringify(keys), { mode: 0o600 });
  // A provider's keys are those that it is made with, so that each change makes another.
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: CLIENTS.map((client) => ({
      ...client,
      grant_types: ["client_credentials"],
      // Never made, and still to be possible with the keys that there are.
      id_token_signed_response_alg: algorithm,
      redirect_uris: [],
      response_types: [],
      scope: "read",
    })),
    scopes: ["read"],
    ttl: { ClientCredentials: TOKEN_SECONDS },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: "read",
          audience: resource,
          accessTokenFormat: resource === OPAQUE_RESOURCE ? "opaque" : "jwt",
          jwt: { sign: { alg: algorithm, kid: keys[0].kid } },
        }),
      },
    },
  });
  current = provider.callback();
}

function answer() {
  const status = { issuer, port: server.address().port, kids: keys.map(({ kid }) => kid), requests };
  process.stdout.write(`${JSON.stringify(status)}\n`);
}

function stop() {
  server.close();
  server.closeAllConnections();
  commands.close();
}

const server = createServer((request, response) => {
  requests[request.url] = (requests[request.url] ?? 0) + 1;
  current(request, response);
});
await new Promise((resolve, reject) => {
  server.once("error", reject);
  server.listen(Number(port), "127.0.0.1", resolve);
});
const issuer = `http://127.0.0.1:${server.address().port}`;
publish(keys.length > 0 ? keys : [await newKey()]);

const commands = createInterface({ input: process.stdin });
answer();
for await (const command of commands) {
  if (command === "stop") {
    break;
  }
  if (command === "rotate") {
    publish([await newKey(), ...keys]);
  } else if (command === "withdraw") {
    publish(keys.slice(0, 1));
  } else if (command !== "status") {
    throw new Error(`oidc.mjs: no such command: ${command}`);
  }
  answer();
}
stop();
