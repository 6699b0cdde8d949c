"""With the MCP SDK alone, a verifier of ours is the SDK's ``token_verifier``."""

import asyncio
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.types import LATEST_PROTOCOL_VERSION

from fastmcp_rs import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

ISSUER = "https://issuer.example"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
START_SECONDS = 30


def whoami() -> str:
    token = get_access_token()
    return json.dumps({**token.model_dump(mode="json"), "is_the_sdks_class": type(token) is AccessToken})


class Server(uvicorn.Server):
    """Says when it is ready, so that nobody has to ask again and again."""

    def __init__(self, config):
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def serve(make_verifier, **settings):
    """Serve ``whoami`` behind a verifier that is made for the server's URL, which it gives."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        auth = AuthSettings(issuer_url=ISSUER, resource_server_url=url, validate_token_resource=True, **settings)
        mcp = MCPServer("test", token_verifier=make_verifier(url), auth=auth)
        mcp.tool()(whoami)
        config = uvicorn.Config(
            mcp.streamable_http_app(), http="h11", ws="none", log_config=None, timeout_graceful_shutdown=5
        )
        server = Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            assert server.is_up.wait(START_SECONDS), "the server did not start"
            yield url
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
            assert not thread.is_alive(), "the server did not stop"


def status(url: str, token: str | None) -> int:
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
    try:
        connection.request("POST", "/mcp", json.dumps(INITIALIZE), headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


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
def url(pair):
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


def test_bad_tokens_are_refused(pair, url, caplog):
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


def test_a_token_that_expired_within_the_leeway_gets_through(pair):
    def verifier(url):
        return JWTVerifier(public_key=pair.public_key, issuer=ISSUER, audience=url, leeway=60)

    with serve(verifier) as url:
        assert status(url, token_of(pair, url, exp=int(time.time()) - 5)) == 200
        assert status(url, token_of(pair, url, exp=int(time.time()) - 65)) == 401


def test_a_deny_list_in_authenticate_protects_the_server(pair):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    def verifier(url):
        return DenyList(public_key=pair.public_key, issuer=ISSUER, audience=url)

    with serve(verifier) as url:
        assert status(url, token_of(pair, url, sub="mallory")) == 401
        assert status(url, token_of(pair, url)) == 200
