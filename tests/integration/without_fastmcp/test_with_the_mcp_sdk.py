"""With the MCP SDK alone, a verifier of ours is the SDK's ``token_verifier``."""

import asyncio
import json
import time
from contextlib import contextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from fastmcp_rs import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

ISSUER = "https://issuer.example"


def whoami() -> str:
    token = get_access_token()
    return json.dumps({**token.model_dump(mode="json"), "is_the_sdks_class": type(token) is AccessToken})


@pytest.fixture(scope="module")
def serve(serve_app):
    """Serve ``whoami`` behind a verifier that is made for the server's URL, which it gives."""

    @contextmanager
    def serving(make_verifier, **settings):
        def make_app(base_url):
            url = f"{base_url}/mcp"
            auth = AuthSettings(issuer_url=ISSUER, resource_server_url=url, validate_token_resource=True, **settings)
            mcp = MCPServer("test", token_verifier=make_verifier(url), auth=auth)
            mcp.tool()(whoami)
            return mcp.streamable_http_app()

        with serve_app(make_app) as base_url:
            yield f"{base_url}/mcp"

    return serving


@pytest.fixture(scope="module")
def status(post_mcp):
    """Ask to initialize a session with a bearer token: ``status(url, token)``."""
    return lambda url, token: post_mcp(url.removesuffix("/mcp"), None if token is None else f"Bearer {token}").status


def call(url: str, token: str):
    async def calling():
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http_client,
            Client(streamable_http_client(url, http_client=http_client)) as client,
        ):
            result = await client.call_tool("whoami", {})
        return json.loads(result.content[0].text)

    return asyncio.run(calling())


@pytest.fixture(scope="module")
def pair():
    return KeyPair.generate("RS256")


@pytest.fixture(scope="module")
def url(pair, serve):
    def verifier(url):
        return JWTVerifier(public_key=pair.public_key, issuer=ISSUER, audience=url, required_scopes=["read"])

    with serve(verifier, required_scopes=["read"]) as url:
        yield url


def token_of(pair, url, **claims):
    return pair.create_token("alice", ISSUER, url, ["read"], additional_claims=claims)


def test_verify_token_gives_the_sdks_access_token(pair):
    verifier = JWTVerifier(public_key=pair.public_key, issuer=ISSUER, audience="https://server.example/mcp")
    token = token_of(pair, "https://server.example/mcp", client_id="app-7", role="admin")
    seen = asyncio.run(verifier.verify_token(token))
    assert type(seen) is AccessToken
    assert (seen.token, seen.client_id, seen.subject, seen.scopes) == (token, "app-7", "alice", ["read"])
    assert seen.resource == "https://server.example/mcp"
    assert (seen.claims["iss"], seen.claims["role"]) == (ISSUER, "admin")
    assert seen.expires_at == seen.claims["exp"]
    assert asyncio.run(verifier.verify_token("garbage")) is None


def test_static_tokens_are_the_sdks_access_tokens_too():
    seen = asyncio.run(StaticTokenVerifier({"token": {"user_id": "alice", "scope": ["read"]}}).verify_token("token"))
    assert type(seen) is AccessToken
    assert (seen.client_id, seen.scopes) == ("alice", ["read"])


def test_a_good_token_gets_through_and_the_tool_sees_its_user(pair, url):
    # The SDK compares the token's resource with the server's URL here, which only a filled `resource` passes.
    seen = call(url, token_of(pair, url, client_id="app-7"))
    assert seen["is_the_sdks_class"]
    assert (seen["client_id"], seen["subject"], seen["scopes"]) == ("app-7", "alice", ["read"])
    assert seen["claims"]["iss"] == ISSUER


def test_bad_tokens_are_refused(pair, url, status, caplog):
    bad = {
        "expired": token_of(pair, url, exp=int(time.time()) - 5),
        "not_yet_valid": token_of(pair, url, nbf=int(time.time()) + 600),
        "issuer_mismatch": token_of(pair, url, iss="https://evil.example"),
        "audience_mismatch": token_of(pair, url, aud="https://other.example"),
        "insufficient_scope": token_of(pair, url, scope="write"),
        "invalid_signature": token_of(KeyPair.generate("RS256"), url),
        "malformed_token": "garbage",
    }
    with caplog.at_level("DEBUG", logger="fastmcp_rs.auth"):
        assert [status(url, token) for token in bad.values()] == [401] * len(bad)
        assert status(url, None) == 401
    assert [record.reason for record in caplog.records if record.name == "fastmcp_rs.auth"] == list(bad)
    assert status(url, token_of(pair, url)) == 200


def test_a_token_that_expired_within_the_leeway_gets_through(pair, serve, status):
    def verifier(url):
        return JWTVerifier(public_key=pair.public_key, issuer=ISSUER, audience=url, leeway=60)

    with serve(verifier) as url:
        assert status(url, token_of(pair, url, exp=int(time.time()) - 5)) == 200
        assert status(url, token_of(pair, url, exp=int(time.time()) - 65)) == 401


def test_an_override_of_authenticate_that_refuses_protects_the_server(pair, serve, status):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    def verifier(url):
        return DenyList(public_key=pair.public_key, issuer=ISSUER, audience=url)

    with serve(verifier) as url:
        assert status(url, token_of(pair, url, sub="mallory")) == 401
        assert status(url, token_of(pair, url)) == 200
