"""Rules about claims that cannot be right, and what takes the place of an audience."""

import warnings

import pytest

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, OAuthProvider
from fastmcp_rs.errors import MissingAudienceWarning


def test_with_client_id_there_is_no_warning_of_a_missing_audience():
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingAudienceWarning)
        JWTVerifier(public_key=_public_key(), algorithm="ES256", client_id="app")
        OAuthProvider("id", "a secret", "https://issuer.example/token", allowed_client_id=["app"])
    for make in (
        lambda: JWTVerifier(public_key=_public_key(), algorithm="ES256"),
        lambda: OAuthProvider("id", "a secret", "https://issuer.example/token"),
    ):
        with pytest.warns(MissingAudienceWarning, match="client_id"):
            make()


def _public_key():
    from fastmcp_rs.testing import KeyPair  # noqa: PLC0415 - one test needs one

    return KeyPair.generate("ES256").public_key


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"scope_hierarchy": {"a": ["b"], "b": ["a"]}}, "circle"),
        ({"scope_hierarchy": {"a b": ["c"]}}, "scope_hierarchy"),
        ({"scope_hierarchy": {"a": None}}, "scope_hierarchy"),
        ({"scope_hierarchy": ["a"]}, "scope_hierarchy must be a dict"),
        ({"scope_claims": []}, "scope_claims is empty"),
        ({"scope_claims": "/a~2"}, "tilde"),
        ({"client_id_claim": ""}, "client_id_claim"),
        ({"subject_claim": 7}, "subject_claim"),
        ({"required_claims": []}, "required_claims is empty"),
        ({"expected_claims": {}}, "expected_claims is empty"),
        ({"expected_claims": {"a": []}}, "no value"),
        ({"expected_claims": {"a": None}}, "expected_claims must hold"),
        ({"expected_claims": {"a": float("nan")}}, "JSON"),
        ({"expected_claims": {7: "a"}}, "expected_claims must be a str"),
        ({"max_age": 0}, "max_age"),
        ({"max_age": 1.5}, "max_age"),
        ({"max_age": True}, "max_age"),
        ({"iat_leeway": -1}, "iat_leeway"),
        ({"client_id": []}, "client_id is empty"),
    ],
)
def test_the_error_of_a_wrong_rule_says_what_would_be_right(secret, rules, said):
    with pytest.raises(ValueError, match=said):
        JWTVerifier(secret, audience="a", **rules)


@pytest.mark.parametrize("rule", ["scope_hierarchy", "client_id", "denylist"])
def test_install_refuses_rules_and_names_the_module_that_has_them(rule):
    with pytest.raises(TypeError, match=rf"no {rule}: .* fastmcp_rs\.auth"):
        fastmcp_rs.install(**{rule: None})
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        fastmcp_rs.install(speed=9)
