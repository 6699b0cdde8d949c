// An OpenID Provider on the loopback address, so that the tests also meet an issuer that shares no code
// with the verifier under test:
//   node oidc.mjs PORT KEYS.json ALGORITHM
//
// Port 0 takes a free one. The private keys are kept in the file, the signing one first, so that a
// provider that is started again has the keys that it had.
//
// It answers with one JSON line when it is ready, and after each line of standard input:
//   rotate    publishes a new key and signs with it from now on; the older ones stay published
//   signers   tells the private keys of the client "signer", as JWKs and as PEM, and one that is not its own
//   code      makes an authorization code for OPAQUE_RESOURCE that a user has agreed to, and tells it
//   withdraw  publishes the signing key alone
//   status    changes nothing
//   stop      drops every connection and ends, with no answer, as does the end of the input

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { exportJWK, exportPKCS8, generateKeyPair } from "jose";

// Standard output is for answers alone, and the provider writes notices there. It does so when it is
// imported, too.
console.info = console.error;
const { default: Provider } = await import("oidc-provider");

const TOKEN_SECONDS = 600;
// The one resource that asks for tokens that only the provider can read.
const OPAQUE_RESOURCE = "https://opaque.example/";
const REDIRECT = "https://app.example/callback";

const [port, keysFile, algorithm] = process.argv.slice(2);

const CLIENTS = [
  { client_id: "robot", client_secret: "what only the robot knows" },
  // Characters that Basic credentials cannot have unless they are encoded.
  { client_id: "a:b", client_secret: "p+ &%" },
  { client_id: "poster", client_secret: "p+ &%", token_endpoint_auth_method: "client_secret_post" },
];

// What "signer" may sign assertions with (RFC 7523), and at the end what it may not.
const SIGNERS = await Promise.all(
  ["RS256", "ES256", "ES256", "EdDSA", "ES256"].map(async (alg, index) => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `signer-${index}`;
    return {
      // No alg, since a key of RSA may sign by several.
      public: { ...(await exportJWK(publicKey)), kid },
      told: { jwk: { ...(await exportJWK(privateKey)), kid }, pem: await exportPKCS8(privateKey) },
    };
  }),
);
CLIENTS.push({
  client_id: "signer",
  token_endpoint_auth_method: "private_key_jwt",
  jwks: { keys: SIGNERS.slice(0, -1).map((signer) => signer.public) },
});

let keys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, "utf8")) : [];
let current;
let madeLast;
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
    clients: [
      {
        client_id: "app",
        client_secret: "hush-hush",
        grant_types: ["authorization_code", "refresh_token"],
        id_token_signed_response_alg: algorithm,
        redirect_uris: [REDIRECT],
        response_types: ["code"],
      },
      ...CLIENTS.map((client) => ({
      ...client,
      grant_types: ["client_credentials"],
      // Never made, and still to be possible with the keys that there are.
      id_token_signed_response_alg: algorithm,
      redirect_uris: [],
      response_types: [],
      scope: "read",
      })),
    ],
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    scopes: ["openid", "offline_access", "read"],
    ttl: { AccessToken: TOKEN_SECONDS, ClientCredentials: TOKEN_SECONDS },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
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
  madeLast = provider;
}

// What is left to do once a user has signed in and agreed, which takes a browser.
async function newCode() {
  const scope = "openid offline_access read";
  const grant = new madeLast.Grant({ accountId: "alice", clientId: "app" });
  grant.addOIDCScope("openid offline_access");
  grant.addResourceScope(OPAQUE_RESOURCE, "read");
  const grantId = await grant.save();
  const client = await madeLast.Client.find("app");
  return new madeLast.AuthorizationCode({
    accountId: "alice",
    authTime: Math.floor(Date.now() / 1000),
    client,
    grantId,
    gty: "authorization_code",
    redirectUri: REDIRECT,
    resource: OPAQUE_RESOURCE,
    scope,
  }).save();
}

function answer(more) {
  const status = { ...more, issuer, port: server.address().port, kids: keys.map(({ kid }) => kid), requests };
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
  } else if (command === "signers") {
    answer({ signers: SIGNERS.map((signer) => signer.told) });
    continue;
  } else if (command === "code") {
    answer({ code: await newCode() });
    continue;
  } else if (command === "withdraw") {
    publish(keys.slice(0, 1));
  } else if (command !== "status") {
    throw new Error(`oidc.mjs: no such command: ${command}`);
  }
  answer();
}
stop();
