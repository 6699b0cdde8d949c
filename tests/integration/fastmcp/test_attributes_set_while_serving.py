"""FastMCP's own providers set a verifier's attributes late, so that a running server has to use them."""

import pytest

from fastmcp_rs.auth import JWTVerifier

INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}


@pytest.fixture
def verifier(issuer):
    return JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)


@pytest.fixture
def server(serve, verifier):
    with serve(verifier) as server:
        yield server


def test_a_token_without_the_required_scope_never_gets_through(issuer, server, reasons):
    tokens = [issuer.token(scope=scope) for scope in (None, "", "write", "reads", "READ", "read:all", ["write"])]
    assert [server.status(token) for token in tokens] == [403] * len(tokens)
    assert reasons() == ["insufficient_scope"] * len(tokens)
    for scope in ("read", "write read", ["read"], ["write", "read"]):
        assert server.status(issuer.token(scope=scope)) == 200


def test_a_further_required_scope_binds_the_next_request(issuer, server, verifier, reasons):
    token = issuer.token(scope="read")
    assert server.status(token) == 200
    verifier.required_scopes = ["read", "admin"]
    assert server.status(token) == 403
    assert reasons() == ["insufficient_scope"]
    assert server.status(issuer.token(scope="admin read")) == 200


def test_scopes_that_are_added_by_an_operator_can_be_removed_again(issuer, server, verifier):
    token = issuer.token(scope="read")
    verifier.required_scopes += ["admin"]
    assert server.status(token) == 403
    verifier.required_scopes.remove("admin")
    assert server.status(token) == 200
    verifier.required_scopes[:] = ["admin", "more"]
    assert server.status(token) == 403
    verifier.required_scopes.clear()
    assert server.status(token) == 200


def test_another_issuer_binds_the_next_request(issuer, server, verifier, reasons):
    old, new = issuer.token(), issuer.token(iss="https://new.example")
    assert [server.status(old), server.status(new)] == [200, 401]
    verifier.issuer = "https://new.example"
    assert [server.status(old), server.status(new)] == [401, 200]
    verifier.issuer = [issuer.name, "https://new.example"]
    assert [server.status(old), server.status(new)] == [200, 200]
    assert reasons() == ["issuer_mismatch"] * 2


def test_another_audience_binds_the_next_request(issuer, server, verifier, reasons):
    old, new = issuer.token(), issuer.token(aud="https://new.example/mcp")
    assert [server.status(old), server.status(new)] == [200, 401]
    verifier.audience = "https://new.example/mcp"
    assert [server.status(old), server.status(new)] == [401, 200]
    verifier.audience = [issuer.audience, "https://new.example/mcp"]
    assert [server.status(old), server.status(new)] == [200, 200]
    assert reasons() == ["audience_mismatch"] * 2


def test_a_change_binds_an_open_session(issuer, server, verifier):
    bearer = f"Bearer {issuer.token()}"
    session = server.post(bearer).headers["mcp-session-id"]
    assert server.post(bearer, INITIALIZED, session).status == 202
    assert server.post(bearer, PING, session).status == 200
    verifier.audience = "https://elsewhere.example"
    assert server.post(bearer, PING, session).status == 401


def test_a_setting_that_cannot_be_is_refused_and_the_old_one_stays(issuer, server, verifier):
    for name, value in (("issuer", ""), ("issuer", []), ("audience", ""), ("audience", [])):
        with pytest.raises(ValueError, match=name):
            setattr(verifier, name, value)
    assert server.status(issuer.token()) == 200
    assert server.status(issuer.token(iss="https://new.example")) == 401
    assert server.status(issuer.token(aud="https://new.example")) == 401
