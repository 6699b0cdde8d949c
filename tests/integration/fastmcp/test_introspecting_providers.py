"""Providers that ask another server about tokens protect a real server, whatever line of FastMCP is installed."""

import json
import warnings
from urllib.parse import parse_qs

import pytest
from fastmcp.server.auth.auth import AccessToken

from fastmcp_rs.auth import OAuthProvider, RemoteAuthProvider

GOOD, UNKNOWN = "a-good-token", "an-unknown-token"
AUDIENCE = "https://server.example/mcp"


@pytest.fixture
def authority(new_endpoint, reply, issuer):
    """An authorization server that knows one opaque token, and verifies tokens in JSON as well."""
    endpoint = new_endpoint()

    def answer(_endpoint, connection, request):
        body = request.body.decode()
        form = request.headers["content-type"].endswith("urlencoded")
        token = parse_qs(body)["token"][0] if form else json.loads(body)["token"]
        known = {"active": True, "sub": "alice", "client_id": "app", "scope": "read", "aud": AUDIENCE}
        connection.sendall(reply(200, json.dumps(known if token == GOOD else {"active": False})))

    metadata = {
        "issuer": endpoint.base,
        "token_endpoint": f"{endpoint.base}/token",
        "jwks_uri": f"{endpoint.base}/jwks",
        "introspection_endpoint": f"{endpoint.base}/introspect",
    }
    endpoint.routes = {
        "/.well-known/openid-configuration": reply(200, json.dumps(metadata)),
        "/jwks": reply(200, json.dumps({"keys": [issuer.jwk]})),
        "/introspect": answer,
        "/verify": answer,
    }
    return endpoint


def remote(authority, **options):
    return RemoteAuthProvider(f"{authority.base}/verify", **options)


def oauth(authority, **options):
    return OAuthProvider("id", "secret", f"{authority.base}/token", audience=AUDIENCE, **options)


@pytest.mark.parametrize("made", [remote, oauth])
def test_an_active_token_is_accepted_as_its_user(made, authority, serve):
    with serve(made(authority)) as server:
        seen = server.call(GOOD)
    assert seen["is_fastmcps_class"]
    assert (seen["token"], seen["client_id"], seen["scopes"]) == (GOOD, "app", ["read"])
    if "subject" in AccessToken.model_fields:
        assert seen["subject"] == "alice"


@pytest.mark.parametrize("made", [remote, oauth])
def test_an_inactive_token_gets_401(made, authority, serve, reasons):
    with serve(made(authority)) as server:
        assert [server.status(token) for token in (None, UNKNOWN, GOOD)] == [401, 401, 200]
    assert reasons()[-1] == "inactive_token"


@pytest.mark.parametrize("made", [remote, oauth])
def test_without_a_response_a_token_is_not_accepted_and_the_reason_says_so(made, authority, serve, reasons, reply):
    authority.routes.update({"/introspect": reply(503), "/verify": reply(503)})
    with serve(made(authority)) as server:
        assert server.status(GOOD) == 503
    assert set(reasons()) == {"remote_verifier_unavailable" if made is remote else "introspection_unavailable"}


def test_a_jwt_of_the_server_is_accepted_without_introspection(authority, serve, issuer):
    with serve(oauth(authority, scope=["read"])) as server:
        seen = server.call(issuer.token(iss=authority.base))
        assert (seen["client_id"], seen["scopes"]) == ("alice", ["read", "write"])
        assert server.status(issuer.token(iss="https://issuer.example")) == 401
        assert server.status(issuer.token(iss=authority.base, aud="other")) == 401
        assert server.status(issuer.token(iss=authority.base, scope="write")) == 403
    assert not [request for request in authority.requests if request.target == "/introspect"]


def test_a_required_scope_must_be_in_the_response(authority, serve, reasons):
    with serve(remote(authority, required_scopes=["write"])) as server:
        assert server.status(GOOD) == 403
    assert set(reasons()) == {"insufficient_scope"}


@pytest.mark.parametrize("cls", [RemoteAuthProvider, OAuthProvider])
def test_the_error_for_a_parameter_of_fastmcps_class_names_that_class(cls):
    parameters = {RemoteAuthProvider: "token_verifier", OAuthProvider: "issuer_url"}
    with warnings.catch_warnings(), pytest.raises(TypeError, match=rf"fastmcp\.server\.auth\.{cls.__name__}"):
        cls(**{parameters[cls]: "x", "base_url": "https://server.example"})
