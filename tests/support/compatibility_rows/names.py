"""Observations for docs/compatibility.md: names and arguments."""

import asyncio
import json

from compatibility_rows.sides import FASTMCPS, OURS, SECRET, attempt, row, verifier


@row
def auth_provider(side, _):
    return attempt(lambda: side.package.FastMCP("test", auth_provider=verifier(side)))


@row
def authenticate(side, _):
    return "there" if hasattr(side.auth.AuthProvider, "authenticate") else "absent"


@row
def jwt_verifier(side, _):
    return attempt(lambda: side.auth.JWTVerifier(SECRET, algorithms=["HS256"], audience="server", issuer="issuer"))


@row
def static_list(side, _):
    return attempt(lambda: asyncio.run(side.auth.StaticTokenVerifier(["token"]).verify_token("token")))


@row
def static_metadata(side, _):
    tokens = {"token": {"user_id": "alice", "scope": ["read"]}}
    return attempt(lambda: asyncio.run(side.auth.StaticTokenVerifier(tokens).verify_token("token")))


@row
def oauth_provider(side, _):
    names = {"client_id": "id", "client_secret": "secret", "token_url": "https://auth.example/token"}
    return attempt(lambda: side.auth.OAuthProvider(**names, audience="server"))


@row
def remote_auth_provider(side, _):
    return attempt(lambda: side.auth.RemoteAuthProvider(verify_url="https://auth.example/verify", timeout=5.0))


@row
def access_token(side, _):
    return attempt(lambda: side.auth.AccessToken("token", user_id="alice", scope=["read"]).has_scope("read"))


@row
def get_access_token(side, at):
    def asks() -> str:
        return json.dumps(hasattr(side.dependencies.get_access_token(), "user_id"))

    with at.serve(
        side.auth.StaticTokenVerifier(tokens={"token": {"client_id": "alice", "scopes": []}}), asks
    ) as server:
        return "the documented `AccessToken`" if server.call("token", "asks") else "FastMCP's `AccessToken`"


@row
def require_scope(side, _):
    return "there" if hasattr(side.dependencies, "require_scope") else "absent"


@row
def validate_scopes(side, _):
    return "there" if hasattr(side.dependencies, "validate_scopes") else "absent"


@row
def oauth_client(side, _):
    names = {"client_id": "id", "client_secret": "secret", "token_url": "https://auth.example/token"}
    return attempt(lambda: side.client_auth.OAuth(**names, scope=["read"]))


@row
def get_token(side, _):
    return "there" if hasattr(side.client_auth.OAuth, "get_token") else "absent"


@row
def refused_client(side, at):
    async def connecting(url):
        async with side.package.Client(url, auth="another"):
            pass

    with at.serve(OURS.auth.StaticTokenVerifier(["token"])) as server:
        return attempt(lambda: asyncio.run(connecting(server.url)))


@row
def result_text(side, _):
    def tool() -> str:
        return "text"

    mcp = FASTMCPS.package.FastMCP("test")
    mcp.tool(tool)

    async def calling():
        async with side.package.Client(mcp) as client:
            return await client.call_tool("tool")

    return "there" if hasattr(asyncio.run(calling()), "text") else "absent"
