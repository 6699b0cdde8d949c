"""Why a token is refused: a stable code in the log, at a level that suits it, and nothing of the token beside it."""

import asyncio
import base64
import json
import logging
import re
import time
from pathlib import Path

import pytest

from fastmcp_rs.auth import JWTVerifier, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

REJECTIONS = Path(__file__).parents[3] / "src" / "outcome" / "rejection.rs"
CODES = re.findall(r'"(\w+)"', re.search(r"CODES: .*?= \[(.*?)\];", REJECTIONS.read_text(), re.DOTALL)[1])

DEBUG, INFO, WARNING = logging.DEBUG, logging.INFO, logging.WARNING
LEVELS = {
    "missing_token": DEBUG,
    "invalid_request": DEBUG,
    "unknown_token": DEBUG,
    "token_too_large": DEBUG,
    "malformed_token": DEBUG,
    "unsupported_algorithm": WARNING,
    "malformed_claims": WARNING,
    "critical_header": INFO,
    "invalid_signature": INFO,
    "wrong_type": INFO,
    "expired": INFO,
    "inactive_token": INFO,
    "not_yet_valid": INFO,
    "bound_token": INFO,
    "certificate_bound_token": INFO,
    "unbound_token": INFO,
    "id_token": WARNING,
    "untyped_token": WARNING,
    "algorithm_not_allowed": WARNING,
    "unknown_key": WARNING,
    "ambiguous_key": WARNING,
    "issuer_mismatch": WARNING,
    "audience_mismatch": WARNING,
    "client_mismatch": WARNING,
    "issued_in_future": WARNING,
    "missing_claim": WARNING,
    "claim_mismatch": WARNING,
    "insufficient_user_authentication": INFO,
    "insufficient_scope": WARNING,
    "denied_token": INFO,
    "custom_check_failed": logging.ERROR,
    "denied": INFO,
    "dpop_proof_missing": INFO,
    "dpop_proof_malformed": INFO,
    "dpop_algorithm_not_allowed": WARNING,
    "dpop_key_unusable": INFO,
    "dpop_key_mismatch": INFO,
    "dpop_token_hash_mismatch": INFO,
    "dpop_method_mismatch": INFO,
    "dpop_url_mismatch": WARNING,
    "dpop_proof_expired": WARNING,
    "dpop_proof_in_future": WARNING,
    "dpop_nonce_mismatch": INFO,
    "dpop_signature_invalid": INFO,
    "dpop_proof_replayed": INFO,
}
# These are about the request, and verify_token sees none. test_dpop.py has those of a proof, with their levels.
OF_THE_REQUEST = {"missing_token", "invalid_request", "denied", *(code for code in CODES if code.startswith("dpop_"))}

PLANTED = "planted-kid-text"
PAIRS = [KeyPair.generate("ES256"), KeyPair.generate("ES256")]


class Raises(JWTVerifier):
    def _validate_issuer(self, _issuer):
        raise RuntimeError(PLANTED)


def keys(*kids: str) -> str:
    return json.dumps({"keys": [pair.jwk(kid) for pair, kid in zip(PAIRS, kids, strict=True)]})


def es256(kid: str | None) -> str:
    return PAIRS[0].create_token(audience="server", kid=kid)


@pytest.fixture(scope="module")
def cases(forge, secret, new_lasting_endpoint, reply):
    """For each reason a verifier and a token whose only fault it is."""
    plain = JWTVerifier(secret, audience="server", issuer="issuer")
    ec_keys = JWTVerifier(public_key=keys("a", "b"), algorithm="ES256", audience="server")
    typed = JWTVerifier(secret, audience="server", typ="at+jwt")
    scoped = JWTVerifier(secret, audience="server", required_scopes=["read", "write"])
    denying = JWTVerifier(secret, audience="server")
    denying.deny(client_id="client")
    proven = JWTVerifier(secret, audience="server", dpop="required")
    good = {"iss": "issuer", "aud": "server", "sub": "alice", "client_id": "client"}
    knows, does_not = new_lasting_endpoint(), new_lasting_endpoint()
    knows.answer = reply(200, json.dumps({**good, "active": True, "x": PLANTED}))
    does_not.answer = reply(200, json.dumps({**good, "active": False, "x": PLANTED}))
    return {
        "inactive_token": (RemoteAuthProvider(does_not.url), "unknown-token"),
        "client_mismatch": (RemoteAuthProvider(knows.url, client_id="ours"), "their-token"),
        "unknown_token": (StaticTokenVerifier({"listed": {}}), "unlisted-token"),
        "token_too_large": (plain, forge({**good, "x": "x" * 65_536})),
        "malformed_token": (plain, "not-a-token"),
        "unsupported_algorithm": (plain, forge(good, {"alg": "none", "kid": PLANTED})),
        "critical_header": (plain, forge(good, {"alg": "HS256", "crit": ["x"], "x": PLANTED})),
        "algorithm_not_allowed": (plain, forge(good, {"alg": "RS256", "kid": PLANTED})),
        "unknown_key": (ec_keys, es256(PLANTED)),
        "ambiguous_key": (ec_keys, es256(None)),
        "invalid_signature": (plain, forge(good, secret=PLANTED)),
        "wrong_type": (typed, forge({**good, "x": PLANTED}, {"alg": "HS256", "typ": "id+jwt"})),
        "id_token": (plain, forge({**good, "at_hash": PLANTED})),
        "untyped_token": (RemoteAuthProvider(knows.url, require_token_type=True), "a-refresh-token"),
        "malformed_claims": (plain, forge({**good, "exp": PLANTED})),
        "expired": (plain, forge({**good, "exp": int(time.time()) - 1})),
        "not_yet_valid": (plain, forge({**good, "nbf": int(time.time()) + 60})),
        "issuer_mismatch": (plain, forge({**good, "iss": "https://evil.example"})),
        "audience_mismatch": (plain, forge({**good, "aud": ["https://other.example", "x"]})),
        "bound_token": (plain, forge({**good, "cnf": {"jkt": PLANTED}})),
        "certificate_bound_token": (plain, forge({**good, "cnf": {"x5t#S256": PLANTED}})),
        "unbound_token": (proven, forge(good)),
        "issued_in_future": (
            JWTVerifier(secret, audience="server", iat_leeway=5),
            forge({**good, "iat": int(time.time()) + 60}),
        ),
        "missing_claim": (JWTVerifier(secret, audience="server", required_claims="email"), forge(good)),
        "claim_mismatch": (
            JWTVerifier(secret, audience="server", expected_claims={"tenant": "a"}),
            forge({**good, "tenant": "b"}),
        ),
        "insufficient_user_authentication": (
            JWTVerifier(secret, audience="server", max_age=60),
            forge({**good, "auth_time": int(time.time()) - 61, "x": PLANTED}),
        ),
        "denied_token": (denying, forge({**good, "x": PLANTED})),
        "insufficient_scope": (scoped, forge({**good, "scope": "read"})),
        "custom_check_failed": (Raises(secret, audience="server"), forge(good)),
    }


def decide(verifier, token: str) -> tuple:
    request = {"headers": {"authorization": f"Bearer {token}"}}
    return asyncio.run(verifier.authenticate(request)), asyncio.run(verifier.verify_token(token))


def test_every_reason_of_the_core_is_here_with_its_level(cases):
    assert set(CODES) == set(LEVELS)
    assert set(cases) | OF_THE_REQUEST == set(CODES)


@pytest.mark.parametrize("code", [code for code in CODES if code not in OF_THE_REQUEST])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_refused_token_leaves_one_record_for_each_entry_point(cases, records, secret, code):
    verifier, token = cases[code]
    assert decide(verifier, token) == (None, None)
    found = records()
    assert [record.reason for record in found] == [code, code]
    for record in found:
        assert record.levelno == LEVELS[code]
        assert_clean(record.getMessage())
        for hidden in (token, secret, PLANTED, *(part for part in token.split(".") if part)):
            assert hidden not in record.getMessage()


def assert_clean(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        ("missing_token", {}),
        ("missing_token", {"authorization": "Basic YWxpY2U6c2VjcmV0"}),
        ("missing_token", {"authorization": "Bearer"}),
        ("invalid_request", [("authorization", "Bearer one"), ("authorization", "Bearer two")]),
        ("invalid_request", {"authorization": "Bearer one, Bearer two"}),
    ],
)
def test_a_request_without_exactly_one_token_is_logged_too(cases, records, code, headers):
    verifier, _ = cases["expired"]
    assert asyncio.run(verifier.authenticate({"headers": headers})) is None
    (record,) = records()
    assert (record.reason, record.levelno) == (code, LEVELS[code])
    assert_clean(record.getMessage())
    assert "YWxp" not in record.getMessage()


def test_an_accepted_token_leaves_no_record(forge, secret, records):
    verifier = JWTVerifier(secret, audience="server")
    assert None not in decide(verifier, forge({"aud": "server", "sub": "alice"}))
    assert records() == []


def test_a_mismatch_is_logged_with_the_value_and_what_was_expected(cases, records):
    for code in ("wrong_type", "issuer_mismatch", "audience_mismatch", "client_mismatch", "insufficient_scope"):
        decide(*cases[code])
    typ, _, issuer, _, audience, _, client, _, scope, _ = (record.getMessage() for record in records())
    assert typ.endswith('the token is of another type (got "id+jwt", expected "at+jwt")')
    assert issuer.endswith('the issuer is not the expected one (got "https://evil.example", expected "issuer")')
    assert audience.endswith(
        'the audience is not the expected one (got "https://other.example", "x", expected "server")'
    )
    assert client.endswith('the client is not the expected one (got "client", expected "ours")')
    assert scope.endswith('a required scope is missing ("write")')


def test_client_and_subject_are_logged_only_after_the_signature_holds(cases, records):
    for code, (verifier, token) in cases.items():
        if code not in {"custom_check_failed", "unknown_token"}:
            decide(verifier, token)
    for record in records():
        named = CODES.index(record.reason) >= CODES.index("wrong_type") and record.reason != "malformed_claims"
        assert (record.client_id, record.subject) == (("client", "alice") if named else (None, None)), record.reason


def test_a_forged_and_expired_token_is_refused_for_its_signature(forge, secret, records):
    """Row E13 of the threats: nothing is logged of the claims of an unsigned token."""
    verifier = JWTVerifier(secret, audience="server", issuer="issuer")
    claims = {"exp": 1, "iss": "evil", "aud": "evil", "sub": "mallory"}
    decide(verifier, forge(claims, secret="another secret of the same length, to sign what is not ours"))
    decide(verifier, forge(claims))
    assert [record.reason for record in records()] == ["invalid_signature"] * 2 + ["expired"] * 2


HOSTILE = {
    "newline": "a\nWARNING forged line",
    "carriage return": "a\r\nb",
    "escape": "\x1b[31mred\x1b[0m",
    "NUL": "a\0b",
    "C1 control": "a\x85b\x9b",
    "line separator": "a\u2028b\u2029",
    "direction override": "a\u202eb\u2066",
    "unassigned": "\U0010ffff\ue000",
    "quotes": 'a"b\'c\\d"',
    "percent": "%s %d %(x)s %",
    "braces": "{0} {reason} {",
    "10 kB": "x" * 10_000,
    "3 kB of controls": "\0" * 3_000,
    "what takes most to write": "\U0010ffff" * 3_000,
}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("claim", ["iss", "aud", "auds", "sub", "client_id", "scope", "kid"])
def test_hostile_text_in_a_token_stays_within_one_short_line(forge, secret, records, claim, text):
    hostile = HOSTILE[text]
    verifier = JWTVerifier(secret, audience="server", issuer="issuer", required_scopes=["read"])
    # Refused by its claim, or for the scope that is missing.
    several = [f"{number}{hostile}"[:500] for number in range(5)]
    changes = {"auds": {"aud": several}, "kid": {}}.get(claim, {claim: hostile})
    header = {"alg": "HS256", "kid": hostile if claim == "kid" else "x"}
    token = forge({"iss": "issuer", "aud": "server", **changes}, header)
    assert decide(verifier, token) == (None, None)
    assert len(records()) == 2
    for record in records():
        assert record.reason in {"issuer_mismatch", "audience_mismatch", "insufficient_scope"}
        assert_clean(record.getMessage())
        assert_clean(logging.Formatter("%(levelname)s %(name)s %(message)s").format(record))


@pytest.mark.parametrize("kid", ["../../x", "' OR 1=1", "k" * 65_536, "k" * 40_000, "a\nb", "\0", ""])
def test_a_hostile_kid_is_ignored_by_a_single_key_and_unknown_to_several(ask, records, kid):
    """Row C5 of the threats."""
    token = es256(kid)
    single = JWTVerifier(public_key=PAIRS[0].public_key, algorithm="ES256", audience="server")
    several = JWTVerifier(public_key=keys("a", "b"), algorithm="ES256", audience="server")
    fits = len(token) <= 65_536
    assert (None not in ask(single, token)) is fits
    assert ask(several, token) == (None, None)
    for record in records()[-2:]:
        assert record.reason == ("unknown_key" if fits else "token_too_large")
        assert_clean(record.getMessage())
        assert "OR 1" not in record.getMessage()


@pytest.mark.parametrize("kid", [1, True, [], ["a"], {}, None])
def test_a_kid_that_is_no_string_is_refused(ask, forge, secret, records, kid):
    verifier = JWTVerifier(secret, audience="server")
    assert ask(verifier, forge({"aud": "server"}, {"alg": "HS256", "kid": kid})) == (None, None)
    assert [record.reason for record in records()] == ["malformed_token"] * 2


def test_a_header_of_a_megabyte_is_logged_in_one_short_line(secret, records):
    """Row G6 of the threats."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "x": "PLANTED\n" * 2**17}).encode()).decode()
    assert decide(JWTVerifier(secret, audience="server"), f"{header}.e30.e30") == (None, None)
    for record in records():
        assert record.reason == "token_too_large"
        assert len(record.getMessage()) < 200
        assert record.getMessage().isprintable()
        assert header[:20] not in record.getMessage()


@pytest.mark.parametrize(
    ("token", "hint"),
    [
        ("an-opaque-token-0123456789", "it looks like an opaque token"),
        ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA", "it is an encrypted token (JWE"),
    ],
)
def test_an_opaque_or_encrypted_token_is_logged_as_a_warning(cases, caplog, token, hint):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    decide(cases["malformed_token"][0], token)
    assert [record.reason for record in caplog.records] == ["malformed_token"] * 2
    assert all(hint in record.getMessage() and token not in record.getMessage() for record in caplog.records)


def test_nothing_is_logged_below_the_level_that_is_asked_for(cases, caplog):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    for code in ("malformed_token", "expired", "issuer_mismatch"):
        decide(*cases[code])
    assert [record.reason for record in caplog.records] == ["issuer_mismatch"] * 2
