"""The commonest mistakes: the first screen names each of them, and what to do."""

import json
import time

import pytest

from fastmcp_rs.testing import KeyPair

SECRET = "a shared secret that is as long as SHA-256's output"
OTHER = KeyPair.generate("RS256")


@pytest.mark.parametrize(
    ("claims", "code", "explanation"),
    [
        ({"aud": "api://x"}, "audience_mismatch", 'the token says aud="api://x" and this verifier expects "my-server"'),
        (
            {"iss": "https://other.example"},
            "issuer_mismatch",
            'the token says iss="https://other.example" and this verifier expects "https://issuer.example"',
        ),
        ({"iss": "https://issuer.example/"}, "issuer_mismatch", "they differ in the slash at the end"),
        ({"scope": "write"}, "insufficient_scope", 'the token grants "write" and "read" is missing'),
        ({"exp": "2030-01-01"}, "malformed_claims", "the claim exp is a text: RFC 7519 wants a number"),
        ({"cnf": "a"}, "malformed_claims", "the claim cnf is no JSON object, as RFC 7800"),
        ({"scope": {"a": 1}}, "malformed_claims", "the claim scope is neither a text nor a list of texts"),
        ({"cnf": {"jkt": "x"}}, "bound_token", "bound to a key of the client"),
    ],
)
def test_a_claim_mismatch_is_explained(explain_ours, mint, claims, code, explanation):
    explained = explain_ours(mint(**claims))
    assert explained.code == 1
    assert explained.screen.startswith(f"REFUSED: {code} (")
    assert explanation in explained.screen


def test_an_expired_token_is_explained(explain_ours, mint):
    explanation = explain_ours(mint(exp=int(time.time()) - 185))
    assert explanation.screen.startswith("REFUSED: expired (the token has expired)\n  the token expired 3 minutes ago")
    assert "expired 3 minutes ago" in explanation.out.partition("Times")[2]


def test_a_token_that_is_not_yet_valid_is_explained(explain_ours, mint):
    explanation = explain_ours(mint(nbf=int(time.time()) + 7_205))
    assert explanation.screen.startswith("REFUSED: not_yet_valid (")
    assert "not valid for another 2 hours" in explanation.screen


def test_several_mistakes_at_once_are_all_explained(explain_ours, mint):
    explanation = explain_ours(mint(exp=1, aud="api://x", iss="https://other.example"))
    assert explanation.screen.startswith("REFUSED: expired (")
    assert "Further checks that fail: issuer, audience" in explanation.screen


def test_another_algorithm_is_explained(explain, mint, key_file):
    pair = KeyPair.generate("ES256")
    explanation = explain(mint(pair), "--public-key", key_file)
    assert explanation.screen.startswith("REFUSED: algorithm_not_allowed (")
    assert 'the token says alg="ES256" and this verifier accepts RS256' in explanation.screen


def test_a_key_for_another_algorithm_is_explained(explain, mint, tmp_path):
    pair = KeyPair.generate("ES256")
    path = tmp_path / "key.pem"
    path.write_text(pair.public_key)
    explanation = explain(mint(pair), "--public-key", str(path))
    assert explanation.code == 2
    assert "it is a key for ES256; name one of these as algorithm" in explanation.err
    assert explain(mint(pair), "--public-key", str(path), "--algorithm", "ES256").code == 0


def test_another_key_is_explained(explain_ours, mint):
    explanation = explain_ours(mint(OTHER))
    assert explanation.screen.startswith("REFUSED: invalid_signature (")
    assert "another key signed the token" in explanation.screen
    foreign = explain_ours(mint(OTHER, iss="https://other.example"))
    assert "it is another issuer's token" in foreign.screen


def test_an_unknown_kid_is_explained(explain, mint, pair, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish({"a": pair})
    explanation = explain(mint(OTHER, kid="b"), "--jwks-uri", endpoint.url)
    assert explanation.screen.startswith("REFUSED: unknown_key (")
    assert 'the token names the key "b", and the keys here are "a"' in explanation.screen
    assert explain(mint(kid="a"), "--jwks-uri", endpoint.url).code == 0


def test_an_hs256_token_with_a_public_key_is_explained(explain_ours, forge):
    explanation = explain_ours(forge({"iss": "https://issuer.example"}))
    assert explanation.screen.startswith("REFUSED: algorithm_not_allowed (")
    assert "it was signed with a shared secret, and here are public keys" in explanation.screen


def test_another_secret_is_explained(explain, forge, monkeypatch):
    monkeypatch.setenv("THE_SECRET", SECRET)
    assert explain(forge({}, secret=SECRET), "--secret-env", "THE_SECRET").code == 0
    explanation = explain(forge({}, secret=f"{SECRET}\n"), "--secret-env", "THE_SECRET")
    assert explanation.screen.startswith("REFUSED: invalid_signature (")
    assert "with a line end behind it" in explanation.screen
    explanation = explain(forge({}, secret=f"another {SECRET}"), "--secret-env", "THE_SECRET")
    assert "another secret signed the token" in explanation.screen
    assert "line ends" in explanation.screen
    assert SECRET not in explanation.out + explanation.err


@pytest.mark.parametrize(
    ("change", "explanation"),
    [
        (lambda _: "gho_16C7e42F292c6912E7710c838347Ae178B4a", "an opaque token"),
        (lambda token: f"Bearer {token}", 'starts with "Bearer"'),
        (lambda token: f'"{token}"', "stands in quotes"),
        (lambda token: token.replace(".", ".\n", 1), "line ends"),
        (lambda token: token.rpartition(".")[0], "cut off"),
        (lambda token: f'{{"access_token": "{token}"}}', "the value of access_token alone"),
    ],
)
def test_a_pasted_text_that_is_no_jwt_is_explained(explain, explain_ours, mint, change, explanation):
    text = change(mint())
    for explained in (explain_ours(text), explain(text)):
        assert explained.code == 1
        assert explained.screen.startswith("REFUSED: malformed_token (")
        assert explanation in explained.screen


def test_a_header_split_by_the_shell_is_explained(explain, mint):
    assert 'starts with "Bearer"' in explain("Bearer", mint()).screen


VECTORS = "vectors/keys"


@pytest.mark.parametrize("key", ["rsa.private.pem", "p256.private.pem", "ssh-rsa.pub"])
def test_a_key_that_is_no_public_key_is_explained(explain, mint, key, request):
    path = request.config.rootpath / "tests" / VECTORS / key
    explanation = explain(mint(), "--public-key", str(path))
    assert (explanation.code, explanation.out) == (2, "")
    assert explanation.err.startswith("fastmcp-rs explain: --public-key: the key cannot be used: ")
    assert not any(len(line) > 30 and line in explanation.err for line in path.read_text().splitlines())


def test_a_secret_in_the_place_of_a_key_and_the_reverse_are_explained(explain, mint, tmp_path, pair, monkeypatch):
    path = tmp_path / "secret"
    path.write_text(SECRET)
    explanation = explain(mint(), "--public-key", str(path))
    assert explanation.code == 2
    assert "for a shared secret name an HS* algorithm" in explanation.err
    assert SECRET not in explanation.err
    monkeypatch.setenv("THE_SECRET", pair.public_key)
    explanation = explain(mint(), "--secret-env", "THE_SECRET")
    assert explanation.code == 2
    assert "HS* algorithms require a shared secret" in explanation.err


def test_an_unknown_option_is_named_and_a_token_is_not(explain, mint):
    explanation = explain("--isuer", "https://issuer.example", mint())
    assert explanation.code == 2
    assert "has no option --isuer: did you mean --issuer?" in explanation.err
    assert "has no option --quite-another: see --help" in explain("--quite-another=x", mint()).err
    explanation = explain("-" + mint(), "--", mint())
    assert "eyJ" not in explanation.err


def test_a_file_name_is_no_token(explain_ours, mint):
    explanation = explain_ours("not-there.txt")
    assert explanation.code == 2
    assert "put < before the name" in explanation.err
    assert explain_ours(mint()).code == 0


def test_advice_names_options_and_not_parameters(explain, explain_ours, mint, key_file, monkeypatch):
    for token, explanation in (
        (mint(aud="x"), "set --audience to what"),
        (mint(iss="x"), "set --issuer to what"),
        (mint(scope="x"), "take it out of --scope"),
        (mint(scope="x", permissions=["read"]), "in scope_claims of JWTVerifier"),
        (mint(exp=int(time.time()) - 9), "or set --leeway"),
        (mint(KeyPair.generate("ES256")), "name it as --algorithm"),
    ):
        assert explanation in explain_ours(token).screen
    monkeypatch.setenv("JWT_SECRET", SECRET)
    assert "give --public-key or --jwks-uri" in explain(mint(), "--secret-env", "JWT_SECRET").screen
    assert "set --audience to what" in explain(mint(), "--audience", "x").screen
    swapped = explain(mint(), "--public-key", key_file, "--issuer", "my-server", "--audience", "https://issuer.example")
    assert "swap --issuer and --audience" in swapped.screen


def test_checks_that_were_not_made_are_shown_as_such(explain, mint, key_file):
    explanation = explain(mint(), "--public-key", key_file)
    assert 'audience           "my-server", not checked' in explanation.out
    checks = {
        check["name"]: check for check in json.loads(explain(mint(), "--public-key", key_file, "--json").out)["checks"]
    }
    unchecked = {name for name, check in checks.items() if check["result"] == "unchecked"}
    assert unchecked == {"not_before", "issuer", "audience", "client", "claim_rules", "scope", "denylist"}
    assert not any(check["unverified"] for check in checks.values())
    keyless = explain(mint(), "--audience", "my-server", "--json")
    checks = {check["name"]: check for check in json.loads(keyless.out)["checks"]}
    assert (checks["audience"]["result"], checks["audience"]["unverified"]) == ("passed", True)
    assert (checks["signature"]["result"], checks["header"]["unverified"]) == ("not_reached", False)
