"""A client that knows the URL of a server alone: from its 401 over the metadata to a real OpenID Provider, and back."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.server.auth import JWTVerifier as FastMCPsJWTVerifier
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.dependencies import get_access_token
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from starlette.applications import Starlette
from starlette.routing import Mount

from fastmcp_rs.auth import JWTVerifier, protect

ROBOT = {"client_id": "robot", "client_secret": "what only the robot knows"}


class Memory:
    """Where the MCP SDK's client keeps its tokens."""

    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def audience_at(url, issuer):
    """Call a tool with the SDK's client, which asks for a token by what the server says; give its audience."""
    auth = ClientCredentialsOAuthProvider(url, Memory(), scope="read", issuer=issuer, **ROBOT)

    async def calling():
        async with Client(url, auth=auth) as client:
            return (await client.call_tool("audience", {})).data

    return asyncio.run(calling())


def server_of(auth, path="/mcp"):
    mcp = FastMCP("test", auth=auth)

    @mcp.tool
    def audience() -> str:
        return get_access_token().claims["aud"]

    return mcp.http_app(path=path)


def verifier_of(provider, base_url):
    return JWTVerifier.from_issuer(
        provider.issuer, base_url=base_url, algorithm=provider.algorithm, required_scopes=["read"]
    )


def plain(provider, base):
    return server_of(verifier_of(provider, base)), ["/mcp"]


def at_the_root(provider, base):
    return server_of(verifier_of(provider, base), "/"), ["/"]


def mounted(provider, base):
    auth = verifier_of(provider, f"{base}/api")
    inner = server_of(auth)
    routes = [*auth.get_well_known_routes("/mcp"), Mount("/api", app=inner)]
    return Starlette(routes=routes, lifespan=inner.lifespan), ["/api/mcp"]


def mounted_in_fastapi(provider, base):
    auth = verifier_of(provider, f"{base}/api")
    inner = server_of(auth)
    outer = FastAPI(routes=auth.get_well_known_routes("/mcp"), lifespan=inner.lifespan)
    outer.mount("/api", inner)

    @outer.get("/health")
    def health() -> str:
        return "well"

    return outer, ["/api/mcp"]


def two_of_one_provider(provider, base):
    auth = verifier_of(provider, base)
    apps = [server_of(auth, path) for path in ("/one", "/two")]
    return in_one_process(apps, lambda path: apps["two" in path]), ["/one", "/two"]


def two_providers(provider, base):
    auths = [verifier_of(provider, f"{base}{mount}") for mount in ("/one", "/two")]
    inner = [server_of(auth) for auth in auths]
    routes = [route for auth in auths for route in auth.get_well_known_routes("/mcp")]
    routes += [Mount("/one", app=inner[0]), Mount("/two", app=inner[1])]
    return in_one_process(inner, lambda _: Starlette(routes=routes)), ["/one/mcp", "/two/mcp"]


def behind_a_proxy_with_a_root_path(provider, base):
    app = server_of(verifier_of(provider, f"{base}/api"))

    async def proxy(scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/api"):
            scope = {**scope, "root_path": "/api"}
        await app(scope, receive, send)

    return proxy, ["/api/mcp"]


def fastmcps_own_protected(provider, base):
    verifier = FastMCPsJWTVerifier(
        jwks_uri=f"{provider.issuer}/jwks", issuer=provider.issuer, audience=f"{base}/mcp", required_scopes=["read"]
    )
    return server_of(protect(RemoteAuthProvider(verifier, [provider.issuer], base_url=base))), ["/mcp"]


def in_one_process(apps, choose):
    """One application over several, whose lifespans it runs."""

    @asynccontextmanager
    async def lifespan(_):
        async with AsyncExitStack() as stack:
            for app in apps:
                await stack.enter_async_context(app.lifespan(app))
            yield

    outer = Starlette(lifespan=lifespan)

    async def chosen(scope, receive, send):
        await (choose(scope["path"]) if scope["type"] == "http" else outer)(scope, receive, send)

    return chosen


SHAPES = [
    plain,
    at_the_root,
    mounted,
    mounted_in_fastapi,
    two_of_one_provider,
    two_providers,
    behind_a_proxy_with_a_root_path,
    fastmcps_own_protected,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_client_gets_a_token_for_the_resource_and_is_served(provider, serve_app, shape):
    paths = []

    def make_app(base):
        app, served = shape(provider, base)
        paths.extend(served)
        return app

    with serve_app(make_app) as base:
        seen = [audience_at(f"{base}{path}", provider.issuer) for path in paths]
    assert [audience.rstrip("/") for audience in seen] == [f"{base}{path}".rstrip("/") for path in paths]
