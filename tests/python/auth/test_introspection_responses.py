"""An introspection response is validated as the claims of a JWT are (SECURITY.md H7, H10, RFC 7662 section 4)."""

import asyncio
import json

import pytest

TOKEN = "an.opaque~token+/-_=="
DEMANDS = {"audience": "https://server.example/mcp", "issuer": "https://issuer.example", "scope": ["read"]}


@pytest.fixture
def ask(service, reply, judgement, asker, yes):
    """Ask about a token with these changes to a good answer; ``None`` takes a member away."""

    def asked(**changes):
        answer = {name: value for name, value in {**yes, **changes}.items() if value is not ...}
        service.answer = reply(200, json.dumps(answer))
        return judgement(asker.make(service.url, **DEMANDS), TOKEN)

    return asked


def test_a_good_response_is_accepted(ask):
    assert ask() == "accepted"
    assert (
        ask(exp=4_000_000_000, nbf=1_000_000_000, aud=["other", DEMANDS["audience"]], scope="write read") == "accepted"
    )
    assert ask(iss=...) == "accepted", "RFC 7662 2.2: it is optional"
    assert ask(token_type="Bearer", username="alice", jti="x", unknown={"a": [1]}) == "accepted"


@pytest.mark.parametrize("active", ["false", "true", 1, 0, None, [True], {}, ""])
def test_active_is_json_true_and_nothing_else(active, ask):
    assert ask(active=active) == "inactive_token"


def test_a_response_without_active_is_inactive(ask, asker):
    if asker.unavailable == "remote_verifier_unavailable":
        assert ask(active=..., valid=..., sub=...) == "inactive_token"
    else:
        assert ask(active=...) == "inactive_token"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"exp": 0}, "expired"),
        ({"exp": -1}, "expired"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": "x"}, "malformed_claims"),
        ({"exp": None}, "malformed_claims"),
        ({"exp": 1e300}, "malformed_claims"),
        ({"exp": True}, "malformed_claims"),
        ({"nbf": 4_000_000_000}, "not_yet_valid"),
        ({"nbf": "x"}, "malformed_claims"),
        ({"iss": "https://other.example"}, "issuer_mismatch"),
        ({"iss": "https://issuer.example/"}, "issuer_mismatch"),
        ({"iss": None}, "malformed_claims"),
        ({"aud": ...}, "audience_mismatch"),
        ({"aud": None}, "malformed_claims"),
        ({"aud": ""}, "audience_mismatch"),
        ({"aud": []}, "audience_mismatch"),
        ({"aud": "https://server.example/"}, "audience_mismatch"),
        ({"aud": ["https://server.example/mcp2"]}, "audience_mismatch"),
        ({"token_type": "refresh_token"}, "wrong_type"),
        ({"token_use": "refresh"}, "wrong_type"),
        ({"typ": "Refresh"}, "wrong_type"),
        ({"token_usage": "refresh_token"}, "wrong_type"),
        ({"token_type": "id_token"}, "id_token"),
        ({"token_use": "id"}, "id_token"),
        ({"at_hash": "x"}, "id_token"),
        ({"token_type": 1}, "wrong_type"),
        ({"token_type": "DPoP"}, "bound_token"),
        ({"cnf": {"x5t#S256": "x"}}, "certificate_bound_token"),
        ({"scope": ...}, "insufficient_scope"),
        ({"scope": ""}, "insufficient_scope"),
        ({"scope": "reader READ"}, "insufficient_scope"),
        ({"scope": "", "scp": "read"}, "insufficient_scope"),
        ({"scope": {"read": True}}, "malformed_claims"),
    ],
)
def test_h7_rfc_7662_4_the_response_itself_is_checked(members, reason, ask):
    assert ask(**members) == reason


@pytest.mark.parametrize(
    "body", ['[{"active":true}]', '{"active":true,"active":true}', '{"active":false,"active":true}', "true", "\ufeff[]"]
)
def test_a_broken_response_never_accepts_a_token(body, service, reply, judgement, asker):
    service.answer = reply(200, body)
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "malformed_token"),
        (" ", "malformed_token"),
        ("a b", "malformed_token"),
        ('a"b', "malformed_token"),
        ("a\x00b", "malformed_token"),
        ("é", "malformed_token"),
        ("=", "malformed_token"),
        ("a=b", "malformed_token"),
        ("\ud800", "malformed_token"),
        (None, "malformed_token"),
        (b"bytes", "malformed_token"),
        ("a" * 65_537, "token_too_large"),
    ],
)
def test_h10_what_is_no_bearer_token_is_not_sent_to_the_endpoint(token, reason, service, reasons, asker):
    assert asyncio.run(asker.make(service.url).verify_token(token)) is None
    assert reasons() == [reason]
    assert service.connections == 0


def test_a_token_of_the_largest_size_is_sent_to_the_endpoint(service, judgement, asker):
    assert judgement(asker.make(service.url), "a" * 65_536) == "accepted"
