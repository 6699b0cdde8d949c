"""The types that signatures name agree with what the code returns."""

import asyncio
from typing import get_args

import pytest

from fastmcp_rs import _native
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair
from fastmcp_rs.types import Algorithm, CacheCounts, KeyInfo, KeysStatus, SigningAlgorithm, Stats, VerifierStats

ALGORITHMS = get_args(Algorithm)


def test_the_names_of_algorithms_are_those_that_are_verified():
    assert set(ALGORITHMS) == {"HS256", "HS384", "HS512", *_native.ASYMMETRIC_ALGORITHMS}
    with pytest.raises(ValueError, match="RS256"):
        JWTVerifier(public_key="a key", algorithm="RS255")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_names_of_algorithms_to_sign_with_are_those_that_sign(algorithm):
    if algorithm in get_args(SigningAlgorithm):
        assert KeyPair.generate(algorithm).algorithm == algorithm
    else:
        with pytest.raises(ValueError, match="token can be signed here"):
            KeyPair.generate(algorithm)


def test_stats_and_keys_have_the_members_of_their_types(endpoint):
    verifier = JWTVerifier(jwks_uri=endpoint.url, algorithm="ES256", audience="a")
    assert verifier.keys().keys() == KeysStatus.__annotations__.keys()
    stats = verifier.stats()
    assert stats.keys() == Stats.__annotations__.keys() | VerifierStats.__annotations__.keys()
    assert stats["cache"].keys() == CacheCounts.__annotations__.keys()
    assert StaticTokenVerifier(["t"]).stats().keys() == Stats.__annotations__.keys()


def test_a_key_has_the_members_of_its_type(endpoint):
    verifier = JWTVerifier(jwks_uri=endpoint.url, algorithm="ES256", audience="a")
    asyncio.run(verifier.warm_up())
    (key,) = verifier.keys()["keys"]
    assert key.keys() == KeyInfo.__annotations__.keys()
