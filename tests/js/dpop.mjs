// A client with a key of its own, which shares no code with the server and the client under test:
//   node dpop.mjs TOKEN_URL CLIENT_ID CLIENT_SECRET RESOURCE SERVER_URL ALGORITHM MESSAGE
//
// It asks for a bound token (client credentials grant), and sends the message to the server five times: with a proof, with
// the same proof again, with a proof of another key, without a proof, and as a bearer token. One that is asked for a nonce
// sends its request once more with it. It answers with one JSON line: the type of the token, and the statuses.

import process from "node:process";
import * as DPoP from "dpop";

const [tokenUrl, id, secret, resource, serverUrl, algorithm, message] = process.argv.slice(2);
const [own, another] = [await DPoP.generateKeyPair(algorithm), await DPoP.generateKeyPair(algorithm)];
const nonces = {};

async function send(url, options, prove) {
  for (let attempt = 0; ; attempt += 1) {
    const { origin } = new URL(url);
    const proof = await prove(nonces[origin]);
    const headers = { ...options.headers, ...(proof && { DPoP: proof }) };
    const response = await fetch(url, { ...options, headers });
    const nonce = response.headers.get("dpop-nonce");
    const asked = nonce !== null && nonce !== nonces[origin] && [400, 401].includes(response.status);
    nonces[origin] = nonce ?? nonces[origin];
    if (!asked || attempt > 0) {
      return { response, proof };
    }
    await response.body?.cancel();
  }
}

const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64");
const granted = await send(
  tokenUrl,
  {
    method: "POST",
    headers: { Authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: "read", resource }),
  },
  (nonce) => DPoP.generateProof(own, tokenUrl, "POST", nonce),
);
const { access_token: token, token_type: type } = await granted.response.json();

async function post(scheme, prove) {
  const headers = {
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    Authorization: `${scheme} ${token}`,
  };
  const { response, proof } = await send(serverUrl, { method: "POST", headers, body: message }, prove);
  await response.body?.cancel();
  return { status: response.status, proof };
}

const by = (pair) => (nonce) => DPoP.generateProof(pair, serverUrl, "POST", nonce, token);
const good = await post("DPoP", by(own));
const replayed = await post("DPoP", () => good.proof);
const stolen = await post("DPoP", by(another));
const bare = await post("DPoP", () => undefined);
const downgraded = await post("Bearer", by(own));
const statuses = [good, replayed, stolen, bare, downgraded].map(({ status }) => status);
process.stdout.write(`${JSON.stringify({ type, statuses })}\n`);
