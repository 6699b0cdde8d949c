"""Listed tokens over real HTTP, with the documented parameters and with FastMCP's."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from fastmcp.server.auth.auth import AccessToken
from fastmcp.server.auth.auth import TokenVerifier as FastmcpTokenVerifier

from fastmcp_rs.auth import StaticTokenVerifier

DOCUMENTED = {
    "admin-token-123": {"user_id": "admin", "scope": ["read", "write", "admin"], "role": "administrator"},
    "user-token-456": {"user_id": "user1", "scope": ["read", "write"], "role": "user"},
    "readonly-token-789": {"user_id": "readonly", "scope": ["read"], "role": "readonly"},
}
FASTMCPS = {
    "dev-token": {"client_id": "dev", "scopes": ["read", "write"], "sub": "alice", "team": "core"},
    "other-token": {"client_id": "other", "scopes": []},
}
NOT_LISTED = ["", "admin-token-12", "admin-token-1234", "ADMIN-TOKEN-123", "admin", "garbage", "a.b.c", "x" * 50_000]


@pytest.fixture(scope="module")
def documented(serve):
    with serve(StaticTokenVerifier(DOCUMENTED)) as server:
        yield server


@pytest.mark.parametrize("token", DOCUMENTED)
def test_a_token_of_the_documented_dict_is_accepted_as_its_user(token, documented):
    seen = documented.call(token)
    assert seen["is_fastmcps_class"]
    assert seen["token"] == token
    assert seen["client_id"] == DOCUMENTED[token]["user_id"]
    assert seen["scopes"] == DOCUMENTED[token]["scope"]
    assert seen["claims"]["role"] == DOCUMENTED[token]["role"]
    assert seen["expires_at"] is None


@pytest.mark.parametrize("token", NOT_LISTED, ids=lambda token: token[:20] or "empty")
def test_a_token_that_is_not_listed_is_refused(token, documented, reasons):
    assert documented.status(token) == 401
    assert reasons()[-1] == ("unknown_token" if token.strip() else "missing_token")


def test_no_token_gets_401(documented):
    assert documented.status(None) == 401


def test_each_token_of_a_list_is_accepted(serve):
    with serve(StaticTokenVerifier(["one", "two"])) as server:
        assert [server.status(token) for token in ("one", "two", "three")] == [200, 200, 401]
        seen = server.call("two")
        assert seen["is_fastmcps_class"]
        assert seen["scopes"] == []


def test_fastmcps_keyword_and_its_metadata_are_understood(serve):
    with serve(StaticTokenVerifier(tokens=FASTMCPS)) as server:
        seen = server.call("dev-token")
        assert (seen["client_id"], seen["scopes"], seen["claims"]["team"]) == ("dev", ["read", "write"], "core")
        if "subject" in AccessToken.model_fields:
            assert seen["subject"] == "alice"
        assert server.call("other-token")["client_id"] == "other"
        assert server.status("admin-token-123") == 401


def test_required_scopes_as_fastmcps_second_argument_are_checked(serve, reasons):
    with serve(StaticTokenVerifier(DOCUMENTED, ["write"])) as server:
        assert [server.status(token) for token in DOCUMENTED] == [200, 200, 403]
        assert reasons() == ["insufficient_scope"]


@pytest.mark.parametrize(
    "expiry",
    [
        lambda offset: int(time.time()) + offset,
        lambda offset: datetime.now(timezone.utc) + timedelta(seconds=offset),
        lambda offset: (datetime.now(timezone.utc) + timedelta(seconds=offset)).replace(tzinfo=None),
    ],
    ids=["seconds", "datetime", "naive datetime"],
)
def test_an_expired_token_is_refused_and_one_that_will_expire_is_not(expiry, serve, reasons):
    tokens = {"old": {"user_id": "a", "expires_at": expiry(-5)}, "new": {"user_id": "a", "expires_at": expiry(600)}}
    with serve(StaticTokenVerifier(tokens)) as server:
        assert [server.status(token) for token in tokens] == [401, 200]
        assert reasons() == ["expired"]
        assert server.call("new")["expires_at"] == pytest.approx(time.time() + 600, abs=30)


def test_our_static_verifier_is_a_token_verifier_of_fastmcps():
    assert isinstance(StaticTokenVerifier(["one"]), FastmcpTokenVerifier)
