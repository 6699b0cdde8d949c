"""``explain --dpop``: the checks of a proof behind those of its token, and what would help."""

import json

import pytest

from fastmcp_rs.testing import KeyPair

CLIENT = KeyPair.generate("ES256")
URL = "https://my-server.example/mcp"
REQUEST = ("--method", "POST", "--url", URL)


@pytest.fixture
def bound(mint):
    return mint(cnf={"jkt": CLIENT.thumbprint()})


def test_a_good_proof_passes_every_check_that_needs_no_server(explain_ours, bound):
    explanation = explain_ours(bound, "--dpop", CLIENT.create_dpop_proof("POST", URL, bound), *REQUEST, "--json")
    explained = json.loads(explanation.out)
    assert (explanation.code, explained["outcome"], explained["code"]) == (0, "accepted", None)
    proof = {check["name"]: check["result"] for check in explained["checks"] if check["name"].startswith("proof")}
    assert proof.pop("proof_replay") == "not_reached"
    assert len(proof) == 11
    assert set(proof.values()) == {"passed"}


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"url": "https://other.example/mcp"}, "dpop_url_mismatch", "set base_url to the URL that clients use"),
        ({"method": "GET"}, "dpop_method_mismatch", "make a proof for each request"),
        ({"issued_in_seconds": -400}, "dpop_proof_expired", "compare the clocks"),
        ({"issued_in_seconds": 400}, "dpop_proof_in_future", "compare the clocks"),
        ({"token": "another"}, "dpop_token_hash_mismatch", "make ath of the token"),
        ({"additional_header": {"alg": "HS256"}}, "dpop_algorithm_not_allowed", "one of the accepted algorithms"),
        ({"additional_header": {"jwk": {}}}, "dpop_key_unusable", "put its public key into jwk"),
        ({"additional_header": {"typ": "JWT"}}, "dpop_proof_malformed", "only the client can mend that"),
        ({"additional_header": {"jwk": KeyPair.generate("ES256").jwk()}}, "dpop_key_mismatch", "the token is stolen"),
    ],
)
def test_each_fault_is_named_with_what_would_help(explain_ours, bound, changed, code, message):
    proof = CLIENT.create_dpop_proof(**{"method": "POST", "url": URL, "token": bound, **changed})
    shown = explain_ours(bound, "--dpop", proof, *REQUEST)
    assert shown.code == 1
    assert shown.screen.startswith(f"REFUSED: {code} (")
    assert message in shown.screen


def test_the_token_is_checked_first(explain_ours, mint):
    token = mint(aud="another", cnf={"jkt": CLIENT.thumbprint()})
    shown = explain_ours(token, "--dpop", "garbage", *REQUEST)
    assert shown.screen.startswith("REFUSED: audience_mismatch (")
    assert "proof" in shown.screen


def test_a_token_that_is_not_bound_needs_no_proof(explain_ours, mint):
    token = mint()
    shown = explain_ours(token, "--dpop", CLIENT.create_dpop_proof("POST", URL, token), *REQUEST)
    assert shown.screen.startswith("REFUSED: unbound_token (")


@pytest.mark.parametrize(
    "options",
    [("--dpop", "x"), ("--dpop", "x", "--method", "POST"), ("--url", URL), ("--dpop", "x", *REQUEST[:3], "mcp")],
)
def test_a_missing_option_is_named(explain_ours, bound, options):
    shown = explain_ours(bound, *options)
    assert shown.code == 2
