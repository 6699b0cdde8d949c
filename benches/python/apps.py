"""The same FastMCP server without auth, behind FastMCP's verifier and ours, and requests to it in this process."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPVerifier

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE

__all__ = ["CREDULOUS", "WITHOUT_AUTH", "App", "application", "serving", "verifiers"]

WITHOUT_AUTH = "no auth"
CREDULOUS = "a verifier that looks at nothing"
App = Any
Verifier = Any

_CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "add", "arguments": {"a": 1, "b": 2}},
}
BODY = json.dumps(_CALL).encode()
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-06-18",
    "host": "127.0.0.1",
    "user-agent": "benchmark",
}


class Credulous(TokenVerifier):
    """Accepts every token without a look at it: what FastMCP adds around any verifier."""

    async def verify_token(self, token: str) -> AccessToken:
        """Give the same claims for every token."""
        return AccessToken(token=token, client_id="anybody", scopes=self.required_scopes, claims={})


def verifiers(*, issuer: str, audience: str, scope: str, algorithm: str = "RS256", **key: str) -> dict[str, Verifier]:
    """Make the verifiers of the servers that have one, of this key: ``public_key`` or ``jwks_uri``."""
    options: dict[str, Any] = {
        **key,
        "algorithm": algorithm,
        "issuer": issuer,
        "audience": audience,
        "required_scopes": [scope],
    }
    return {
        CREDULOUS: Credulous(required_scopes=[scope]),
        FASTMCP: FastMCPVerifier(**options),
        OURS: JWTVerifier(**options),
        OURS_WITHOUT_CACHE: JWTVerifier(**options, cache_size=0),
    }


def application(verifier: Verifier | None) -> App:
    """Make a server with one tool, which keeps no sessions."""
    server = FastMCP("benchmark", auth=verifier)

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    server.tool(add)
    return server.http_app(path="/mcp", stateless_http=True, json_response=True)


@asynccontextmanager
async def serving(apps: dict[str, App]) -> AsyncIterator[None]:
    """Run what the servers do from their start to their end."""
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


async def call(app: App, token: str | None) -> tuple[int, bytes]:
    """Call the tool, as a client that bears this token does, and give the status and the body."""
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers.append((b"content-length", str(len(BODY)).encode()))
    if token is not None:
        headers.append((b"authorization", b"Bearer " + token.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "root_path": "",
        "state": {},
    }
    sent = [{"type": "http.request", "body": BODY, "more_body": False}]
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        return sent.pop() if sent else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await app(scope, receive, send)
    return status, body
