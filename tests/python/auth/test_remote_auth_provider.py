"""RemoteAuthProvider sends each token to a service in its format, and validates the response as claims."""

import asyncio
import json
import time
from urllib.parse import parse_qs

import pytest

from fastmcp_rs.auth import RemoteAuthProvider

TOKEN = "an.opaque~token+/-_=="
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def ask(service, reply, judgement):
    """Ask about a token with this answer: ``ask({"active": True}, audience="a")``."""

    def asked(answer, status=200, token=TOKEN, **options):
        service.answer = reply(status, answer if isinstance(answer, str) else json.dumps(answer))
        return judgement(RemoteAuthProvider(f"{service.base}/verify", **options), token)

    return asked


def asked_once(service):
    request = service.requests[-1]
    assert (request.method, request.target) == ("POST", "/verify")
    return request


def test_the_request_is_json_unless_a_header_says_otherwise(service, ask):
    for headers in (None, {}, {"content-type": "Application/JSON; charset=utf-8"}, {"X-Service-Key": "a key"}):
        assert ask({"valid": True}, headers=headers) == "accepted"
        request = asked_once(service)
        assert json.loads(request.body) == {"token": TOKEN}
        assert request.headers["content-type"].lower().startswith("application/json")
        assert request.headers["accept"] == "application/json"
        for name, value in (headers or {}).items():
            assert request.headers[name.lower()] == value


def test_rfc_7662_2_1_a_form_content_type_makes_the_request_a_form(service, ask):
    assert ask({"active": True}, headers={**FORM, "Authorization": "Bearer ours"}) == "accepted"
    request = asked_once(service)
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "token": [TOKEN],
        "token_type_hint": ["access_token"],
    }
    assert request.headers["content-type"] == FORM["Content-Type"]
    assert request.headers["authorization"] == "Bearer ours"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"active": True}, "accepted"),
        ({"valid": True, "authenticated": True}, "accepted"),
        ({"user_id": "alice"}, "accepted"),
        ({"active": True, "valid": False, "sub": "alice"}, "inactive_token"),
        ({"valid": "true", "sub": "alice"}, "inactive_token"),
        ({"authenticated": 1, "sub": "alice"}, "inactive_token"),
        ({"sub": "alice", "error": "expired"}, "inactive_token"),
        ({"scope": "read"}, "inactive_token"),
        ({}, "inactive_token"),
    ],
)
def test_which_json_responses_accept_a_token(answer, says, ask):
    assert ask(answer) == says


@pytest.mark.parametrize("status", [401, 403, 404])
def test_statuses_401_403_and_404_refuse_in_json_and_not_in_a_form(status, ask):
    assert ask({"valid": True}, status) == "inactive_token"
    in_a_form = "introspection_unavailable" if status == 404 else "credentials_refused"
    assert ask({"active": True}, status, headers=FORM) == in_a_form


def test_a_form_response_needs_active(ask):
    for answer in ({}, {"sub": "alice"}, {"valid": True, "authenticated": True}):
        assert ask(answer, headers=FORM) == "inactive_token"
    assert ask({"active": True, "valid": False}, headers=FORM) == "accepted", "RFC 7662 has no such member"


def test_h8_a_token_of_another_application_is_refused(ask):
    theirs = {"active": True, "sub": "alice", "client_id": "theirs", "aud": "theirs"}
    assert ask(theirs) == "accepted", "no client_id and no audience are configured"
    assert ask(theirs, client_id="ours") == "client_mismatch"
    assert ask(theirs, audience="ours") == "audience_mismatch"
    assert ask({**theirs, "client_id": "ours"}, client_id=["other", "ours"]) == "accepted"


def test_h8_scopes_come_from_the_response_only(service, reply):
    service.answer = reply(200, json.dumps({"valid": True, "sub": "alice", "scopes": ["read"]}))
    provider = RemoteAuthProvider(service.url, required_scopes=["read"])
    assert asyncio.run(provider.verify_token(TOKEN)).scopes == ["read"]
    service.answer = reply(200, json.dumps({"valid": True, "sub": "alice"}))
    assert asyncio.run(provider.verify_token(TOKEN)) is None
    provider.required_scopes = []
    assert asyncio.run(provider.verify_token(TOKEN)).scopes == []


def test_the_members_map_to_both_tokens(service, reply, request_with):
    expires = int(time.time()) + 600
    answer = {"valid": True, "user_id": "alice", "client_id": "app", "scope": "read write", "expires_at": expires}
    service.answer = reply(200, json.dumps({**answer, "team": {"name": "core"}}))
    provider = RemoteAuthProvider(service.url)

    token = asyncio.run(provider.authenticate(request_with(TOKEN)))
    assert (token.token, token.token_type, token.user_id, token.scope) == (TOKEN, "bearer", "alice", ["read", "write"])
    assert token.expires_at.timestamp() == expires
    assert token.metadata == {**answer, "team": {"name": "core"}}

    hosts = asyncio.run(provider.verify_token(TOKEN))
    assert (hosts.client_id, hosts.subject, hosts.expires_at) == ("app", "alice", expires)
    assert hosts.claims == token.metadata


@pytest.mark.parametrize(
    ("answer", "user", "client"),
    [
        ({"sub": "s", "user_id": "u", "username": "n", "client_id": "c"}, "s", "c"),
        ({"user_id": "u", "username": "n"}, "u", "u"),
        ({"username": "n"}, "n", "n"),
        ({"client_id": "c"}, "c", "c"),
        ({"valid": True}, None, "unknown"),
    ],
)
def test_client_and_subject_come_from_the_response(answer, user, client, service, reply, request_with):
    service.answer = reply(200, json.dumps(answer))
    provider = RemoteAuthProvider(service.url)
    assert asyncio.run(provider.authenticate(request_with(TOKEN))).user_id == user
    assert asyncio.run(provider.verify_token(TOKEN)).client_id == client
