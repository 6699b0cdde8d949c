// An authorization server whose user agrees to everything at once, for clients that sign in by themselves:
//   node consent.mjs RESOURCE SCOPES [PAGE]
//
// It registers whatever client asks (RFC 7591), and issues JWTs for the one resource with those of the scopes that were asked
// for. The client "page" is a web page of this URL, whose scripts may ask for tokens. It answers with one JSON line when it is ready, and after each line of standard input with the scopes of all
// authorization requests so far. The end of the input ends it.

import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair } from "jose";

// Standard output is for answers alone, and the provider writes notices there.
console.info = console.error;
console.warn = console.error;
const { default: Provider } = await import("oidc-provider");

const [resource, scopes, page] = process.argv.slice(2);
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const keys = [{ ...(await exportJWK(privateKey)), kid: "consent", alg: "RS256", use: "sig" }];
const asked = [];

const server = createServer((request, response) => answer(request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: page ? [{ client_id: "page", redirect_uris: [page] }] : [],
  clientBasedCORS: (_context, origin, client) => client.clientId === "page" && origin === new URL(page).origin,
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  scopes: ["openid", "offline_access", ...scopes.split(" ")],
  clientDefaults: { token_endpoint_auth_method: "none", id_token_signed_response_alg: "RS256" },
  interactions: { url: (_context, interaction) => `/agree/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: scopes, audience: resource, accessTokenFormat: "jwt" }),
    },
  },
});

async function agree(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    return provider.interactionFinished(request, response, { login: { accountId: "alice" } });
  }
  const fresh = { accountId: session.accountId, clientId: params.client_id };
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant(fresh);
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  for (const [indicator, missing] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(indicator, missing.join(" "));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

// A client that steps up asks for more than it was registered with.
async function register(request, response) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  const { scope: _, ...metadata } = JSON.parse(Buffer.concat(parts));
  request.body = metadata;
  provider.callback()(request, response);
}

function answer(request, response) {
  const url = new URL(request.url, issuer);
  if (url.pathname === "/auth" && url.searchParams.has("client_id")) {
    asked.push(url.searchParams.get("scope"));
  }
  const own = url.pathname.startsWith("/agree/") ? agree : url.pathname === "/reg" ? register : provider.callback();
  Promise.resolve(own(request, response)).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}

const tell = () => process.stdout.write(`${JSON.stringify({ issuer, asked })}\n`);
tell();
for await (const _ of createInterface({ input: process.stdin })) {
  tell();
}
server.close();
server.closeAllConnections();
