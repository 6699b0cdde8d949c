"""What a JWT verifier is configured with: defaults, attributes, what can be set later, and what cannot be read."""

import copy
import inspect
import json
import pickle
import time

import pytest

from fastmcp_rs.auth import FROM_RESOURCE, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.errors import MissingAudienceWarning
from fastmcp_rs.testing import KeyPair

RSA = KeyPair.generate("RS256")


@pytest.fixture
def verifier(secret):
    return JWTVerifier(secret, audience="server", issuer="issuer")


def rsa_token(**claims) -> str:
    return RSA.sign({"alg": "RS256"}, {"aud": "server", **claims})


def test_the_documented_parameters_come_first_with_their_defaults():
    parameters = list(inspect.signature(JWTVerifier).parameters.values())
    documented = [parameter for parameter in parameters if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert [parameter.name for parameter in documented] == ["secret", "algorithms", "audience", "issuer"]
    assert [parameter.default for parameter in documented[1:]] == [["HS256"], FROM_RESOURCE, None]
    # The documented default, unless authorization servers are named.
    with pytest.warns(MissingAudienceWarning):
        assert JWTVerifier("a shared secret of the tests, long enough").audience is None
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters[4:-1])


def test_the_documented_parameters_are_taken_by_position(ask, forge, secret):
    verifier = JWTVerifier(secret, ["HS512", "HS256"], "server", "issuer")
    assert (verifier.algorithms, verifier.audience, verifier.issuer) == (["HS512", "HS256"], "server", "issuer")
    assert None not in ask(verifier, forge({"aud": "server", "iss": "issuer"}))
    for claims in ({"aud": "issuer", "iss": "server"}, {"aud": "server"}, {"iss": "issuer"}):
        assert ask(verifier, forge(claims)) == (None, None)


def test_a_secret_means_hs256_and_a_public_key_rs256_by_default(ask, secret):
    assert JWTVerifier(secret, audience="server").algorithms == ["HS256"]
    verifier = JWTVerifier(public_key=RSA.public_key, audience="server")
    assert verifier.algorithms == ["RS256"]
    assert verifier.algorithm == "RS256"
    assert None not in ask(verifier, rsa_token())
    assert JWTVerifier(public_key=RSA.public_key, algorithm=None, audience="server").algorithms == ["RS256"]
    assert JWTVerifier(public_key=RSA.public_key, algorithm="PS256", audience="server").algorithms == ["PS256"]
    assert JWTVerifier(secret, algorithm="HS384", audience="server").algorithms == ["HS384"]


def test_several_algorithms_share_a_key(ask, forge):
    pairs = [KeyPair.generate(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")]
    keys = json.dumps({"keys": [pair.jwk() for pair in pairs]})
    verifier = JWTVerifier(public_key=keys, algorithms=["RS256", "ES256", "EdDSA"], audience="server")
    for pair in pairs:
        assert None not in ask(verifier, pair.sign({"alg": pair.algorithm}, {"aud": "server"}))
    assert ask(verifier, forge({"aud": "server"})) == (None, None)


def test_the_public_key_reads_back_and_a_shared_secret_does_not(secret):
    for key in (RSA.public_key, RSA.public_key.encode(), json.dumps(RSA.jwk())):
        assert JWTVerifier(public_key=key, audience="server").public_key == key
        assert JWTVerifier(key, ["RS256"], "server").public_key == key
    assert JWTVerifier(secret, audience="server").public_key is None
    assert JWTVerifier(public_key=secret, algorithm="HS256", audience="server").public_key is None
    assert JWTVerifier(public_key=RSA.public_key, audience="server").jwks_uri is None


@pytest.mark.parametrize("make", ["by secret", "by public_key"])
def test_a_shared_secret_can_be_found_nowhere_on_the_verifier(secret, make):
    arguments = {"secret": secret} if make == "by secret" else {"public_key": secret, "algorithm": "HS256"}
    verifier = JWTVerifier(**arguments, audience="server")
    shown = [repr(verifier), str(verifier), repr(vars(verifier)), repr(verifier._native)]  # noqa: SLF001 - looked into
    shown += [repr(getattr(verifier, name, None)) for name in dir(verifier)]
    shown += [repr(getattr(verifier._native, name, None)) for name in dir(verifier._native)]  # noqa: SLF001
    assert not any(secret in text for text in shown)


def test_the_repr_shows_what_is_expected_of_a_token(secret):
    verifier = JWTVerifier(secret, ["HS256", "HS512"], ["a", "b"], "issuer", required_scopes=["read"])
    shown = repr(verifier)
    assert shown == (
        "JWTVerifier(algorithms=['HS256', 'HS512'], audience=['a', 'b'], issuer='issuer', required_scopes=['read'])"
    )
    assert secret not in shown


@pytest.mark.parametrize("make", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_verifier_cannot_be_pickled_or_copied(verifier, make):
    for one in (verifier, StaticTokenVerifier(["t"])):
        with pytest.raises(TypeError, match=f"{type(one).__name__} cannot be pickled: it holds keys"):
            make(one)


@pytest.mark.parametrize(
    ("setting", "claim", "before", "after"),
    [
        ("issuer", "iss", "issuer", "other"),
        ("issuer", "iss", "issuer", ["other", "third"]),
        ("audience", "aud", "server", "other"),
        ("audience", "aud", ["server"], ("other", "third")),
        ("required_scopes", "scope", ["read"], ["other"]),
        ("required_scopes", "scope", "read", "other"),
    ],
)
def test_a_setting_changed_later_takes_effect_at_once_for_both_entry_points(
    ask, forge, secret, setting, claim, before, after
):
    good = {"iss": "issuer", "aud": "server", "scope": "read"}
    other = forge({**good, claim: "other"})
    verifier = JWTVerifier(secret, **{"audience": "server", "issuer": "issuer", setting: before})
    assert None not in ask(verifier, forge(good))
    assert ask(verifier, other) == (None, None)
    setattr(verifier, setting, after)
    assert ask(verifier, forge(good)) == (None, None)
    assert None not in ask(verifier, other)
    setattr(verifier, setting, None)
    assert None not in ask(verifier, forge(good))
    assert None not in ask(verifier, other)


def test_the_settings_read_back_as_they_were_given(secret):
    verifier = JWTVerifier(secret, audience="server", issuer=["a", "b"])
    assert (verifier.issuer, verifier.audience, verifier.required_scopes) == (["a", "b"], "server", [])
    verifier.issuer, verifier.audience, verifier.required_scopes = None, ("x", "y"), "read write"
    assert (verifier.issuer, verifier.audience, verifier.required_scopes) == (None, ["x", "y"], ["read", "write"])
    verifier.required_scopes = "read,write"
    assert verifier.required_scopes == ["read", "write"]


def test_the_algorithms_cannot_be_set(verifier):
    for name in ("algorithms", "algorithm"):
        with pytest.raises(AttributeError):
            setattr(verifier, name, "none")
    verifier.algorithms.append("none")
    assert verifier.algorithms == ["HS256"]


@pytest.mark.parametrize("later", [False, True], ids=["at construction", "set later"])
def test_a_list_argument_is_copied(ask, forge, secret, later):
    """Row E11 of the threats: another library took on what was changed after the fact."""
    issuer, audience, scopes, algorithms = ["issuer"], ["server"], ["read"], ["HS256"]
    settings = {"issuer": issuer, "audience": audience, "required_scopes": scopes}
    if later:
        verifier = JWTVerifier(secret, algorithms, "x")
        for name, value in settings.items():
            setattr(verifier, name, value)
    else:
        verifier = JWTVerifier(secret, algorithms, **settings)
    good, evil = {"iss": "issuer", "aud": "server", "scope": "read"}, {"iss": "evil", "aud": "evil", "scope": ""}
    for owned in (issuer, audience):
        owned.append("evil")
    for owned in (scopes, algorithms):
        owned.clear()
    assert None not in ask(verifier, forge(good))
    for name in good:
        assert ask(verifier, forge({**good, name: evil[name]})) == (None, None), name
    assert repr(verifier).count("evil") == 0


def test_verifiers_share_no_settings(ask, forge, secret):
    one, other = (JWTVerifier(secret, audience="server", issuer=issuer) for issuer in ("one", "other"))
    one.required_scopes = ["admin"]
    other.audience = "other server"
    assert None not in ask(one, forge({"iss": "one", "aud": "server", "scope": "admin"}))
    assert None not in ask(other, forge({"iss": "other", "aud": "other server"}))
    assert other.required_scopes == []
    assert JWTVerifier(secret, audience="server").algorithms == ["HS256"]


def test_the_leeway_applies_to_exp_and_nbf_and_is_30_seconds_for_nbf_by_default(ask, forge, secret):
    strict, default, wide = (JWTVerifier(secret, audience="a", leeway=leeway) for leeway in (0, None, 60))
    now = time.time()
    for claims, accepting in [
        ({"exp": now + 20, "nbf": now - 20}, [strict, default, wide]),
        ({"nbf": now + 20}, [default, wide]),
        ({"nbf": now + 45}, [wide]),
        ({"nbf": now + 75}, []),
        ({"exp": now - 5}, [wide]),
        ({"exp": now - 75}, []),
        ({"iat": now + 3600}, [strict, default, wide]),
    ]:
        for verifier in (strict, default, wide):
            accepted = None not in ask(verifier, forge({"aud": "a", **claims}))
            assert accepted is (verifier in accepting), claims


def test_a_type_is_required_only_where_it_is_named(ask, forge, secret):
    typed = JWTVerifier(secret, audience="a", typ="at+jwt")
    free = JWTVerifier(secret, audience="a")
    for header, fits in [
        ({"typ": "at+jwt"}, True),
        ({"typ": "application/AT+JWT"}, True),
        ({"typ": "JWT"}, False),
        ({"typ": "rt+jwt"}, False),
        ({}, False),
    ]:
        token = forge({"aud": "a"}, {"alg": "HS256", **header})
        assert (None not in ask(typed, token)) is fits, header
        assert None not in ask(free, token)


def test_a_bound_token_is_refused_unless_allow_bound_tokens_is_set(ask, forge, secret):
    token = forge({"aud": "a", "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
    assert ask(JWTVerifier(secret, audience="a"), token) == (None, None)
    assert None not in ask(JWTVerifier(secret, audience="a", allow_bound_tokens=True), token)


def test_the_urls_of_the_server_reach_fastmcp(secret):
    verifier = JWTVerifier(
        secret, audience="a", base_url="https://server.example", resource_base_url="https://resource.example"
    )
    assert str(verifier.base_url) == "https://server.example/"
    assert str(verifier.resource_base_url) == "https://resource.example/"
    assert JWTVerifier(secret, audience="a").base_url is None
