"""``public_key`` of a verifier may be set while a server runs, as FastMCP's may."""

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import ShortSecretWarning
from fastmcp_rs.testing import KeyPair

OLD, NEW = (KeyPair.generate("ES256") for _ in range(2))
EXPECTED = {"issuer": "https://issuer.example", "audience": "server"}


def token(pair, **options):
    return pair.create_token(**EXPECTED, **options)


def verifier_of(key, **options):
    return JWTVerifier(public_key=key, algorithm="ES256", **EXPECTED, **options)


@pytest.fixture
def judged(judgement):
    """Ask about a token of each key."""
    return lambda verifier: [judgement(verifier, token(pair)) for pair in (OLD, NEW)]


@pytest.mark.parametrize("cache_size", [0, 100])
def test_the_new_key_counts_at_once_and_a_remembered_token_of_the_old_one_does_not(judgement, cache_size):
    verifier = verifier_of(OLD.public_key, cache_size=cache_size)
    old, new = token(OLD), token(NEW)
    assert [judgement(verifier, given) for given in (old, new)] == ["accepted", "invalid_signature"]
    verifier.public_key = NEW.public_key
    assert verifier.public_key == NEW.public_key
    assert [judgement(verifier, given) for given in (old, new)] == ["invalid_signature", "accepted"]
    verifier.public_key = OLD.public_key
    assert [judgement(verifier, given) for given in (old, new)] == ["accepted", "invalid_signature"]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("abc", "public_key: the key cannot be used"),
        (KeyPair.generate("RS256").public_key, "public_key: .*ES256"),
        (None, "public_key: without a key no token can be verified"),
        (1, "public_key"),
    ],
)
def test_a_bad_key_is_an_error_and_the_old_key_still_counts(judged, key, text):
    verifier = verifier_of(OLD.public_key)
    with pytest.raises((ValueError, TypeError), match=text):
        verifier.public_key = key
    assert verifier.public_key == OLD.public_key
    assert judged(verifier) == ["accepted", "invalid_signature"]


def test_a_key_takes_the_place_of_fetched_keys_until_it_is_removed(judged, judgement, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish({"old": OLD})
    verifier = JWTVerifier(jwks_uri=endpoint.url, algorithm="ES256", **EXPECTED)
    verifier.public_key = NEW.public_key
    assert judged(verifier) == ["invalid_signature", "accepted"]
    assert (verifier.keys(), endpoint.requests) == ({}, [])
    verifier.public_key = None
    assert judgement(verifier, token(OLD, kid="old")) == "accepted"
    assert len(endpoint.requests) == 1
    verifier.public_key = NEW.public_key
    # No key of this id is looked for where one is given.
    assert judgement(verifier, token(OLD, kid="another")) == "invalid_signature"
    assert len(endpoint.requests) == 1


def test_jwks_uri_may_be_removed_once_there_is_a_key_and_nothing_is_fetched_again(judged, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish({"old": OLD})
    verifier = JWTVerifier(jwks_uri=endpoint.url, algorithm="ES256", **EXPECTED)
    for url in (None, f"{endpoint.url}/other"):
        with pytest.raises(AttributeError, match="jwks_uri is read"):
            verifier.jwks_uri = url
    verifier.public_key = NEW.public_key
    verifier.jwks_uri = None
    with pytest.raises(ValueError, match="no jwks_uri any more"):
        verifier.public_key = None
    assert judged(verifier) == ["invalid_signature", "accepted"]
    assert (verifier.jwks_uri, endpoint.requests) == (None, [])


def test_a_secret_may_be_replaced_and_does_not_read_back(judgement, forge):
    claims = {"iss": EXPECTED["issuer"], "aud": EXPECTED["audience"], "exp": 4_000_000_000}
    first, second = ("a secret of the tests that is long enough " + name for name in ("1", "2"))
    verifier = JWTVerifier(first, **EXPECTED)
    verifier.public_key = second
    assert verifier.public_key is None
    assert judgement(verifier, forge(claims, secret=second)) == "accepted"
    assert judgement(verifier, forge(claims, secret=first)) == "invalid_signature"
    with pytest.raises(ValueError, match="require a shared secret"):
        verifier.public_key = OLD.public_key
    with pytest.warns(ShortSecretWarning):
        verifier.public_key = "short"


def test_a_verifier_of_several_issuers_uses_the_replaced_key(judged):
    verifier = verifier_of(OLD.public_key)
    several = JWTVerifier.from_issuers([verifier], audience="server")
    assert judged(several) == ["accepted", "invalid_signature"]
    verifier.public_key = NEW.public_key
    assert judged(several) == ["invalid_signature", "accepted"]
