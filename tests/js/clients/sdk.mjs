// The client of the TypeScript SDK, with a user who agrees to everything:
//   node sdk.mjs VERSION TOOL... SERVER_URL
//
// VERSION 1 is @modelcontextprotocol/sdk, and 2 is @modelcontextprotocol/client. It signs in with nothing but the URL of the
// server, and calls the tools in one session, which are tools without arguments. One that needs more scopes is called again
// once the client has them. It answers with one JSON line: the text of each tool, the sessions, and how often it asked its user.

import process from "node:process";
import { visit } from "./browser.mjs";

const CALLBACK = "http://127.0.0.1:9/callback";
const [version, ...tools] = process.argv.slice(2);
const serverUrl = new URL(tools.pop());

async function importedSdk() {
  if (version === "2") {
    return import("@modelcontextprotocol/client");
  }
  const modules = ["index.js", "streamableHttp.js", "auth.js"];
  return Object.assign({}, ...(await Promise.all(modules.map((name) => import(`@modelcontextprotocol/sdk/client/${name}`)))));
}

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await importedSdk();

/** What the SDK has its applications keep, and a user in the place of a browser. */
class User {
  redirectUrl = CALLBACK;
  clientMetadata = {
    client_name: "test",
    redirect_uris: [CALLBACK],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  asked = 0;
  #kept = {};

  clientInformation = () => this.#kept.client;
  saveClientInformation = (client) => void (this.#kept.client = client);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  codeVerifier = () => this.#kept.verifier;
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  discoveryState = () => this.#kept.discovery;
  saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery);

  async redirectToAuthorization(url) {
    this.asked += 1;
    const { searchParams } = await visit(url, ({ pathname }) => pathname === "/callback");
    if (!searchParams.has("code")) {
      throw new Error(`no code: ${searchParams}`);
    }
    this.answer = searchParams;
  }
}

const user = new User();

async function signedIn(attempt, transportOf) {
  for (let more = 2; ; more -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || more === 0) {
        throw error;
      }
      await transportOf().finishAuth(version === "2" ? user.answer : user.answer.get("code"));
    }
  }
}

let client;
let transport;
await signedIn(
  async () => {
    client = new Client({ name: "test", version: "1" });
    transport = new StreamableHTTPClientTransport(serverUrl, { authProvider: user });
    await client.connect(transport);
  },
  () => transport,
);

const texts = [];
const sessions = new Set([transport.sessionId]);
const inSession = (request) => signedIn(request, () => transport);
await inSession(() => client.listTools());
for (const name of tools) {
  const { content, isError } = await inSession(() => client.callTool({ name, arguments: {} }));
  texts.push(isError ? `error: ${content[0].text}` : content[0].text);
  sessions.add(transport.sessionId);
}
await client.close();
process.stdout.write(`${JSON.stringify({ texts, sessions: [...sessions], asked: user.asked })}\n`);
