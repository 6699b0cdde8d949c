"""FastMCP's own RemoteAuthProvider around a verifier of ours."""

import inspect
import json
import re
import time

import pytest
from fastmcp.server.auth.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

# 2.12.0 takes the URL of the resource, the later lines that of the server.
URL_PARAMETER = next(
    name for name in ("base_url", "resource_server_url") if name in inspect.signature(RemoteAuthProvider).parameters
)
AUTHORIZATION_SERVER = "https://issuer.example/"


def remote(verifier):
    """Make a provider as soon as the server's URL is known."""
    return lambda url: RemoteAuthProvider(
        token_verifier=verifier,
        authorization_servers=[AnyHttpUrl(AUTHORIZATION_SERVER)],
        **{URL_PARAMETER: url},
    )


@pytest.fixture(scope="module")
def server(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    with serve(remote(verifier)) as server:
        yield server


def test_a_client_without_a_token_finds_the_metadata_by_the_challenge(server):
    challenge = server.post(None).headers["www-authenticate"]
    advertised = re.search(r'resource_metadata="([^"]+)"', challenge)[1]
    assert advertised.startswith(server.base_url)

    reply = server.request("GET", advertised.removeprefix(server.base_url))

    metadata = json.loads(reply.body)
    assert metadata["authorization_servers"] == [AUTHORIZATION_SERVER]
    assert metadata["scopes_supported"] == ["read"]
    assert metadata["resource"].startswith(server.base_url)


def test_a_good_token_gets_through(issuer, server):
    seen = server.call(issuer.token())
    assert seen["is_fastmcps_class"]
    assert (seen["client_id"], seen["scopes"]) == ("alice", ["read", "write"])


def test_a_bad_token_is_refused_for_its_reason(issuer, server, reasons):
    bad = [
        issuer.token(exp=int(time.time()) - 5),
        issuer.token(iss="https://evil.example"),
        issuer.token(aud="https://other.example"),
        issuer.token(scope="write"),
        "garbage",
    ]
    assert [server.status(token) for token in bad] == [401] * len(bad)
    assert reasons() == ["expired", "issuer_mismatch", "audience_mismatch", "insufficient_scope", "malformed_token"]


def test_a_deny_list_binds_inside_the_provider(issuer, serve):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    with serve(remote(DenyList(public_key=issuer.public_key, **issuer.expected))) as server:
        assert server.status(issuer.token()) == 200
        assert server.status(issuer.token(sub="mallory")) == 401


def test_static_tokens_work_inside_the_provider(serve):
    tokens = {"a-token": {"user_id": "alice", "scope": ["read"]}}
    with serve(remote(StaticTokenVerifier(tokens, required_scopes=["read"]))) as server:
        assert server.call("a-token")["client_id"] == "alice"
        assert server.status("b-token") == 401
