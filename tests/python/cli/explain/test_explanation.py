"""``await verifier.explain(token)``: the command's answer as a value."""

import asyncio
import dataclasses
import json

import pytest

from fastmcp_rs.auth import Explanation, JWTVerifier
from fastmcp_rs.testing import KeyPair

OTHER = KeyPair.generate("RS256")


@pytest.fixture(scope="module")
def verifier(pair):
    options = {"issuer": "https://issuer.example", "audience": "my-server", "required_scopes": ["read"]}
    return JWTVerifier(public_key=pair.public_key, **options)


def explained(verifier, token):
    return asyncio.run(verifier.explain(token))


def test_an_explanation_says_what_the_verifier_says(verifier, mint, forge, ask, records):
    tokens = {
        mint(): None,
        "x": "malformed_token",
        "x" * 70_000: "token_too_large",
        forge({}, {"alg": "none"}): "unsupported_algorithm",
        forge({}, {"alg": "RS256", "crit": []}): "critical_header",
        forge({}): "algorithm_not_allowed",
        mint(OTHER): "invalid_signature",
        mint(exp="1"): "malformed_claims",
        mint(exp=1): "expired",
        mint(nbf=1 << 33): "not_yet_valid",
        mint(iss="x"): "issuer_mismatch",
        mint(aud="x"): "audience_mismatch",
        mint(cnf={}): "bound_token",
        mint(scope="x"): "insufficient_scope",
    }
    for token, code in tokens.items():
        before, counted = len(records()), verifier.stats()
        explanation = explained(verifier, token)
        assert (len(records()), verifier.stats()) == (before, counted), "an explanation is no request"
        assert (explanation.code, explanation.outcome == "accepted") == (code, code is None)
        answers = ask(verifier, token)
        assert all((answer is not None) == (code is None) for answer in answers)
        assert {record.reason for record in records()[before:]} == ({code} if code else set())
        first = next((check for check in explanation.checks if check.result not in {"passed", "unchecked"}), None)
        assert (first and first.code) == code


def test_an_explanation_is_frozen_and_json_serializable(verifier, mint):
    explanation = explained(verifier, mint(aud="x"))
    assert isinstance(explanation, Explanation)
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation.outcome = "accepted"
    assert json.loads(json.dumps(explanation.to_dict()))["checks"][0]["name"] == "size"
    assert explanation.claims["sub"] == "alice"
    assert explanation.times["exp"]["words"].startswith("expires in ")


def test_the_repr_of_an_explanation_shows_nothing_of_the_token(verifier, mint):
    token = mint(sub="subject-7")
    shown = repr(explained(verifier, token))
    assert shown.startswith("Explanation(outcome='accepted'")
    assert "subject-7" not in shown
    assert not any(part in shown for part in token.split("."))


@pytest.mark.parametrize("token", [None, 1, b"x", "\ud800"])
def test_explain_takes_a_str(verifier, token):
    assert explained(verifier, token).code == "malformed_token"


def test_keys_are_fetched_when_they_are_needed(pair, mint, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish({"a": pair})
    verifier = JWTVerifier(jwks_uri=endpoint.url, audience="my-server")
    assert explained(verifier, "x").code == "malformed_token"
    assert endpoint.requests == []
    assert explained(verifier, mint(kid="a")).outcome == "accepted"
    assert len(endpoint.requests) == 1


def test_keys_out_of_reach_are_an_outcome_of_their_own(mint, new_endpoint):
    verifier = JWTVerifier(jwks_uri=new_endpoint().url, audience="another")
    explanation = explained(verifier, mint())
    assert (explanation.outcome, explanation.code) == ("unavailable", "keys_unavailable")
    assert "404" in explanation.fix
    results = {check.name: check.result for check in explanation.checks}
    assert (results["key"], results["signature"], results["audience"]) == ("unavailable", "not_reached", "failed")
    assert not explanation.signature_verified


def test_overrides_are_called_only_for_signed_claims(pair, mint):
    asked = []

    class Lenient(JWTVerifier):
        def _validate_issuer(self, issuer):
            asked.append(issuer)
            return True

        def _extract_scopes(self, claims):
            return [*claims["groups"]]

    verifier = Lenient(public_key=pair.public_key, issuer="x", audience="my-server", required_scopes=["admin"])
    assert explained(verifier, mint(groups=["admin"])).outcome == "accepted"
    assert asked == ["https://issuer.example"]
    foreign = explained(verifier, mint(OTHER, groups=["admin"]))
    assert foreign.code == "invalid_signature"
    assert asked == ["https://issuer.example"]
