"""The same FastMCP server without auth, behind FastMCP's verifier and ours, and requests to it in this process."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPVerifier
from fastmcp.server.dependencies import get_access_token

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE

__all__ = [
    "BODY",
    "CREDULOUS",
    "HEADERS",
    "WITHOUT_AUTH",
    "App",
    "Credulous",
    "application",
    "call",
    "check_user",
    "claims_of",
    "serving",
    "verifiers",
]

HTTP_OK = 200
WITHOUT_AUTH = "no auth"
CREDULOUS = "a verifier that looks at nothing"
App = Any
Verifier = Any


def _call_of(tool: str, **arguments: int) -> bytes:
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


BODY = _call_of("add", a=1, b=2)
# Asks what the server knows of the token.
WHO = _call_of("who")
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-06-18",
    "host": "127.0.0.1",
    "user-agent": "benchmark",
}


class Credulous(TokenVerifier):
    """Says of every token what one of them says, without a look at it: what FastMCP adds around any verifier."""

    def __init__(self, token: str, required_scopes: list[str]) -> None:
        """Read this token once, unverified."""
        super().__init__(required_scopes=required_scopes)
        claims = claims_of(token)
        self.known: dict[str, Any] = {
            "client_id": claims["client_id"],
            "scopes": claims["scope"].split(),
            "expires_at": claims["exp"],
            "subject": claims["sub"],
            "claims": claims,
        }

    async def verify_token(self, token: str) -> AccessToken:
        """Give the same claims for every token."""
        return AccessToken(token=token, **self.known)


def claims_of(token: str) -> dict[str, Any]:
    """Give the claims of a token, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


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
        FASTMCP: FastMCPVerifier(**options),
        OURS: JWTVerifier(**options),
        OURS_WITHOUT_CACHE: JWTVerifier(**options, cache_size=0),
    }


def application(verifier: Verifier | None) -> App:
    """Make a server with a tool, and one that tells what is known of the token. It keeps no sessions."""
    server = FastMCP("benchmark", auth=verifier)

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    def who() -> dict[str, Any]:
        """Tell what is known of the token."""
        token = get_access_token()
        return {} if token is None else token.model_dump(include={"client_id", "scopes", "claims"})

    server.tool(add)
    server.tool(who)
    return server.http_app(path="/mcp", stateless_http=True, json_response=True)


@asynccontextmanager
async def serving(apps: dict[str, App]) -> AsyncIterator[None]:
    """Run what the servers do from their start to their end."""
    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


async def check_user(app: App, token: str) -> None:
    """Assert that a tool gets the claims, the scopes and the identity that a token has."""
    status, body = await call(app, token, WHO)
    claims = claims_of(token)
    wanted = {"client_id": claims["client_id"], "scopes": claims["scope"].split(), "claims": claims}
    if status != HTTP_OK or json.loads(body)["result"]["structuredContent"] != wanted:
        raise SystemExit(f"a tool gets another user: {status} {body[:1000]!r}")


async def call(app: App, token: str | None, asked: bytes = BODY) -> tuple[int, bytes]:
    """Call a tool, as a client that bears this token does, and give the status and the body."""
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers.append((b"content-length", str(len(asked)).encode()))
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
    sent = [{"type": "http.request", "body": asked, "more_body": False}]
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        return sent.pop() if sent else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await app(scope, receive, send)
    return status, body
