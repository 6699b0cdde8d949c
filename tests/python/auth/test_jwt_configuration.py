"""A configuration that cannot work, or would not be safe, is an error at construction that says what would be right."""

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import MissingAudienceWarning, ShortSecretWarning
from fastmcp_rs.testing import KeyPair

SECRET = "sEcReT-of-no-less-than-sixty-four-bytes-so-that-it-suits-all-of-HS"
RSA = KeyPair.generate("RS256")


def configure(**changes) -> JWTVerifier:
    return JWTVerifier(**{"secret": SECRET, "audience": "server", **changes})


def public(key, algorithm="RS256", **changes) -> JWTVerifier:
    return JWTVerifier(**{"public_key": key, "algorithm": algorithm, "audience": "server", **changes})


# The wrong configuration, what the message must say, and the nearest right one.
WRONG = {
    "no key": (lambda: JWTVerifier(audience="server"), "no key", configure),
    "no key, but algorithms": (lambda: JWTVerifier(algorithms=["RS256"], audience="server"), "no key", configure),
    "two keys": (lambda: configure(public_key=RSA.public_key), "two keys", configure),
    "both lists of algorithms": (
        lambda: configure(algorithms=["HS256"], algorithm="HS256"),
        "either algorithms or algorithm",
        lambda: configure(algorithm="HS256"),
    ),
    "HS* mixed with asymmetric": (
        lambda: configure(algorithms=["HS256", "RS256"]),
        "mixes HS",
        lambda: configure(algorithms=["HS256", "HS512"]),
    ),
    "asymmetric mixed with HS*": (
        lambda: public(RSA.public_key, None, algorithms=["RS256", "HS256"]),
        "mixes HS",
        lambda: public(RSA.public_key, None, algorithms=["RS256", "PS256"]),
    ),
    "typ empty": (lambda: configure(typ=""), "at\\+jwt", lambda: configure(typ="at+jwt")),
    "typ JWT": (lambda: configure(typ="JWT"), "at\\+jwt", lambda: configure(typ="application/at+jwt")),
    "two typs": (lambda: configure(typ=["a", "b"]), "typ must be a str", lambda: configure(typ="at+jwt")),
    "two scopes in one": (
        lambda: configure(required_scopes=["read write"]),
        "one scope an item",
        lambda: configure(required_scopes="read write"),
    ),
    "no scope in a text": (
        lambda: configure(required_scopes=" ,"),
        "required_scopes names no scope",
        lambda: configure(required_scopes=[]),
    ),
    "algorithm in other letters": (
        lambda: configure(algorithm="hs256"),
        'unsupported algorithm "hs256": write "HS256"',
        lambda: configure(algorithm="HS256"),
    ),
    "algorithm in a list": (
        lambda: configure(algorithm=["HS256"]),
        "algorithm must be a str, not list",
        lambda: configure(algorithms=["HS256"]),
    ),
    "the name of a file": (
        lambda: public("issuer.pem"),
        "public_key: the key cannot be used: .*not the name of a file",
        lambda: public(RSA.public_key),
    ),
    "URL of metadata": (
        lambda: JWTVerifier.from_issuer("https://a.example/.well-known/openid-configuration", audience="server"),
        "issuer is the URL of metadata",
        lambda: JWTVerifier.from_issuer("https://a.example", audience="server"),
    ),
    "URL of a template": (
        lambda: JWTVerifier(jwks_uri="https://a.example/{tenant}/keys", audience="server"),
        "jwks_uri holds '{'",
        lambda: JWTVerifier(jwks_uri="https://a.example/%7Btenant%7D/keys", audience="server"),
    ),
    "URL with a space": (
        lambda: JWTVerifier(jwks_uri="https://a.example/j k", audience="server"),
        "jwks_uri holds ' '",
        lambda: JWTVerifier(jwks_uri="https://a.example/j%20k", audience="server"),
    ),
    "URLs in a list": (
        lambda: JWTVerifier(jwks_uri=["https://a.example/keys"], audience="server"),
        "jwks_uri must be a URL as str, not list",
        lambda: JWTVerifier(jwks_uri="https://a.example/keys", audience="server"),
    ),
    "empty scope": (
        lambda: configure(required_scopes=[""]),
        "empty scope",
        lambda: configure(required_scopes=[]),
    ),
    "scope that no token can hold": (
        lambda: configure(required_scopes=["\u00e9"]),
        "RFC 6749 section 3.3",
        lambda: configure(required_scopes=["e"]),
    ),
    "URL of another FastMCP": (
        lambda: configure(resource_server_url="https://server.example"),
        "use base_url",
        lambda: configure(base_url="https://server.example", resource_base_url="https://server.example"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_error_of_a_wrong_configuration_says_what_would_be_right_and_that_works(case):
    wrong, says, right = WRONG[case]
    with pytest.raises(ValueError, match=says):
        wrong()
    assert isinstance(right(), JWTVerifier)


@pytest.mark.parametrize(
    "algorithms",
    [
        *([], (), [None], "", [""], None, 1, {"HS256": 1}, [["HS256"]], [b"HS256"]),
        *("none", ["none"], ["None"], ["HS256", "none"], ["HS256", None], ["hs256"], ["HS256 "], ["HS257"]),
        *(["A128KW"], ["ES521"], ["ES256K"], ["Ed448"]),
    ],
    ids=repr,
)
def test_the_algorithms_are_at_least_one_and_all_known(algorithms):
    with pytest.raises(ValueError, match=r"algorithms?\b"):
        configure(algorithms=algorithms)


@pytest.mark.parametrize("algorithm", ["", "none", "hs256", "RS1", 1, ["HS256"], b"HS256", True], ids=repr)
def test_the_parameter_algorithm_takes_known_names_only(algorithm):
    with pytest.raises(ValueError, match=r"algorithms?\b"):
        public(SECRET, algorithm)


@pytest.mark.parametrize("parameter", ["issuer", "audience"])
@pytest.mark.parametrize("empty", [[], (), set(), "", " ", "\t\n", [""], ["good", ""], ["good", " "]], ids=repr)
def test_an_empty_expectation_is_an_error_also_when_set_later(ask, forge, parameter, empty):
    with pytest.raises(ValueError, match=f"{parameter} is empty"):
        configure(**{parameter: empty})
    verifier = configure(**{parameter: "good"})
    with pytest.raises(ValueError, match=f"{parameter} is empty"):
        setattr(verifier, parameter, empty)
    # What was set before holds on.
    assert getattr(verifier, parameter) == "good"
    claims = {"iss": "good", "aud": ["good", "server"]}
    assert None not in ask(verifier, forge(claims, secret=SECRET))
    bad = {**claims, {"issuer": "iss", "audience": "aud"}[parameter]: "bad"}
    assert ask(verifier, forge(bad, secret=SECRET)) == (None, None)


@pytest.mark.parametrize("parameter", ["issuer", "audience", "required_scopes"])
@pytest.mark.parametrize("wrong", [1, True, b"good", {"good": 1}, [1], [None], ["good", b""], NotImplemented], ids=repr)
def test_an_expectation_of_a_wrong_type_is_an_error_also_when_set_later(parameter, wrong):
    with pytest.raises(ValueError, match=parameter):
        configure(**{parameter: wrong})
    verifier = configure()
    with pytest.raises(ValueError, match=parameter):
        setattr(verifier, parameter, wrong)


@pytest.mark.parametrize(
    "leeway",
    [
        *(float("nan"), float("inf"), -float("inf"), -1, -0.001, 600.001, 601, 31_536_000, 10**400),
        *("60", b"60", True, False, [60], {}, 1j, object()),
    ],
    ids=lambda leeway: repr(leeway)[:12],
)
def test_the_leeway_is_a_number_of_seconds_from_0_to_600(leeway):
    with pytest.raises(ValueError, match="leeway must be a number of seconds"):
        configure(leeway=leeway)


@pytest.mark.parametrize("leeway", [None, 0, 0.0, 1, 1.5, 60, 600, 600.0])
def test_a_leeway_within_bounds_is_accepted(leeway):
    assert configure(leeway=leeway)


def test_an_unknown_keyword_is_a_type_error():
    for name in ("key", "issuers", "secrets", "cache_ttl"):
        with pytest.raises(TypeError, match=name):
            configure(**{name: "x"})


def test_a_short_secret_causes_one_warning_and_is_accepted():
    with pytest.warns(ShortSecretWarning, match="10 bytes.*32") as caught:
        JWTVerifier("jwt-secret", audience="server")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "jwt-secret" not in str(caught[0].message)
    for algorithm, length in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        with pytest.warns(ShortSecretWarning, match=f"{length - 1} bytes.*{length}"):
            JWTVerifier("x" * (length - 1), [algorithm], "server")
        assert JWTVerifier("x" * length, [algorithm], "server")


def test_without_an_audience_there_is_one_warning_and_any_audience_is_accepted(ask, forge):
    with pytest.warns(MissingAudienceWarning, match="no audience") as caught:
        verifier = JWTVerifier(SECRET)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for claims in ({}, {"aud": "server"}, {"aud": ["x", "y"]}):
        assert None not in ask(verifier, forge(claims, secret=SECRET))


def test_the_documented_example_warns_of_nothing_but_its_short_secret():
    with pytest.warns(ShortSecretWarning) as caught:
        JWTVerifier(
            secret="your-jwt-secret-key", algorithms=["HS256"], audience="fastmcp-server", issuer="your-auth-service"
        )
    assert len(caught) == 1
