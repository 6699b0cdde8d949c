"""What a remembered answer costs: FastMCP's own cache, FastMCP's verifiers with ``install()``, and the native provider.

The endpoint is a server on this machine that is asked once for each. Times are of the CPU, the least of several rounds,
awaited. The whole of ``GitHubProvider`` is beside what it takes with a verifier that asks no server: the proxy's own
swap of tokens.
"""

import asyncio
import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fastmcp
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.auth.providers.github import GitHubProvider, GitHubTokenVerifier
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from ways import GITHUB, SETTLED_SECONDS, proxied

import fastmcp_rs
from fastmcp_rs.auth import RemoteAuthProvider

ROUNDS, TOKENS = 20, 2_000
MANY = 10_000
CLAIMS = {
    "active": True,
    "sub": "alice",
    "client_id": "app",
    "scope": "openid user",
    "iss": "https://issuer.example",
    "aud": "https://server.example/mcp",
    "email": "alice@example.com",
    "name": "Alice",
    "groups": ["a", "b", "c"],
}


class Endpoint(BaseHTTPRequestHandler):
    """Says yes to everything."""

    def do_POST(self) -> None:
        """Answer one question."""
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({**CLAIMS, "exp": int(time.time()) + 3600}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Answer as GitHub does about a user, and about what a token may."""
        body = json.dumps({"id": 1, "login": "alice", "name": "Alice"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-oauth-scopes", "user")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def microseconds(verifier: Any, token: str = "t" * 40) -> float:  # noqa: ANN401 - of FastMCP or of ours
    """The least time of a remembered token, awaited."""
    if await verifier.verify_token(token) is None:
        raise RuntimeError("the token is refused")
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(TOKENS):
            await verifier.verify_token(token)
        best = min(best, (time.process_time() - start) / TOKENS)
    return best * 1e6


class Knowing(TokenVerifier):
    """Asks no server."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Accept a token."""
        return AccessToken(token=token, client_id="alice", scopes=["user"])


def ask_github_at(address: str) -> None:
    """Put another address into the code of FastMCP's verifier, which has GitHub's as a constant."""
    code = GitHubTokenVerifier.verify_token.__code__
    constants = [text.replace(GITHUB, address) if isinstance(text, str) else text for text in code.co_consts]
    vars(GitHubTokenVerifier)["verify_token"].__code__ = code.replace(co_consts=tuple(constants))


async def github(folder: str, *, verifier: Any = None) -> float:  # noqa: ANN401 - of FastMCP's base class
    """The least time of ``GitHubProvider`` as a whole, with this verifier in the place of its own."""
    fastmcp.settings.home = Path(folder)
    provider = GitHubProvider(
        client_id="app",
        client_secret="the secret of an app",  # noqa: S106 - made up
        base_url="https://server.example",
        jwt_signing_key=b"a key" * 8,
    )
    if verifier is not None:
        vars(provider)["_token_validator"] = verifier
    token = await proxied(provider, "gho_" + "t" * 36)
    await asyncio.sleep(SETTLED_SECONDS)
    return await microseconds(provider, token)


async def megabytes(provider: RemoteAuthProvider) -> float:
    """What 10,000 answers take, as the provider counts."""
    for number in range(MANY):
        await provider.verify_token(f"token-{number}")
    answers = provider.stats()["answers"]
    if answers is None or answers["entries"] != MANY:
        raise RuntimeError("not all answers were remembered")
    return answers["bytes"] / 1e6


def main() -> None:
    """Measure, and print."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    ask_github_at(f"http://127.0.0.1:{server.server_port}")
    options = {"introspection_url": url, "client_id": "id", "client_secret": "secret"}
    theirs = asyncio.run(microseconds(IntrospectionTokenVerifier(**options, cache_ttl_seconds=600)))
    print(f"FastMCP's own cache:            {theirs:6.2f} us")
    fastmcp_rs.install(cache_ttl_seconds=600)
    print(f"FastMCP's verifier, install():  {asyncio.run(microseconds(IntrospectionTokenVerifier(**options))):6.2f} us")
    with tempfile.TemporaryDirectory() as folder:
        whole = asyncio.run(github(f"{folder}/whole"))
        swap = asyncio.run(github(f"{folder}/swap", verifier=Knowing()))
    print(f"GitHubProvider, install():      {whole:6.2f} us, of which the proxy's swap takes {swap:.2f}")
    fastmcp_rs.uninstall()
    native = RemoteAuthProvider(url, cache_ttl_seconds=600)
    print(f"RemoteAuthProvider:             {asyncio.run(microseconds(native)):6.2f} us")
    many = RemoteAuthProvider(url, cache_ttl_seconds=600)
    print(f"{MANY} answers:                  {asyncio.run(megabytes(many)):6.2f} MB")


if __name__ == "__main__":
    main()
