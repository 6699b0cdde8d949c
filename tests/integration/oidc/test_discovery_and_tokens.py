"""Keys found by the issuer alone verify the tokens of a real OpenID Provider."""

import asyncio
import base64
import json

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import KeysUnavailableError

OPAQUE_RESOURCE = "https://opaque.example/"


@pytest.fixture
def verifier(provider, resource):
    return JWTVerifier.from_issuer(provider.issuer, audience=resource)


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_an_access_token_of_rfc_9068_is_accepted(provider, resource, verifier, verify):
    token = provider.token()
    header, claims, _ = token.split(".")
    assert decoded(header)["typ"] == "at+jwt"
    assert decoded(claims)["aud"] == resource

    accepted = verify(verifier, token)

    assert accepted.client_id == "robot"
    assert accepted.scopes == ["read"]
    assert accepted.claims["iss"] == provider.issuer


def test_its_type_can_be_asked_for(provider, resource, verify, reasons):
    strict = JWTVerifier.from_issuer(provider.issuer, audience=resource, typ="at+jwt")
    assert verify(strict, provider.token())
    other = JWTVerifier.from_issuer(provider.issuer, audience=resource, typ="logout+jwt")
    assert verify(other, provider.token()) is None
    assert reasons() == ["wrong_type"]


def test_a_token_for_another_resource_is_refused(provider, verifier, verify, reasons):
    assert verify(verifier, provider.token("https://other.example/mcp")) is None
    assert reasons() == ["audience_mismatch"]


def test_a_token_without_a_required_scope_is_refused(provider, resource, verify, reasons):
    verifier = JWTVerifier.from_issuer(provider.issuer, audience=resource, required_scopes=["write"])
    assert verify(verifier, provider.token()) is None
    assert reasons() == ["insufficient_scope"]


def test_a_tampered_token_is_refused(provider, resource, verifier, verify, reasons):
    header, _, signature = provider.token("https://other.example/mcp").split(".")
    claims = json.dumps({"iss": provider.issuer, "aud": resource, "exp": 4_102_444_800}).encode()
    forged = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()

    assert verify(verifier, f"{header}.{forged}.{signature}") is None
    assert reasons() == ["invalid_signature"]


def test_an_opaque_token_is_refused_as_malformed(provider, verifier, verify, reasons):
    token = provider.token(OPAQUE_RESOURCE)
    assert "." not in token
    assert verify(verifier, token) is None
    assert reasons() == ["malformed_token"]


def test_warm_up_tells_what_is_published(provider, verifier):
    asyncio.run(verifier.warm_up())
    held = verifier.keys()
    assert [(key["kid"], key["kty"], key["alg"]) for key in held["keys"]] == [(provider.key_ids()[0], "RSA", "RS256")]
    assert held["last_error"] is None


def test_many_verifiers_and_loops_fetch_once(own_provider, verifier_of, verify):
    token = own_provider.token()
    verifiers = [verifier_of(own_provider) for _ in range(5)]
    assert all(verify(verifier, token) for verifier in verifiers for _ in range(3))
    assert own_provider.fetches() == 1


@pytest.mark.parametrize(
    "misspell",
    [
        lambda issuer: f"{issuer}/",
        lambda issuer: issuer.replace("http:", "HTTP:"),
        lambda issuer: issuer.replace("127.0.0.1", "LOCALHOST"),
    ],
    ids=["trailing slash", "scheme in capitals", "another name of the host"],
)
def test_the_issuer_is_compared_character_by_character(provider, resource, verify, misspell):
    verifier = JWTVerifier.from_issuer(misspell(provider.issuer), audience=resource)

    with pytest.raises(KeysUnavailableError, match='"issuer"'):
        asyncio.run(verifier.warm_up())
    assert '"issuer"' in verifier.keys()["last_error"]
    # Without keys every token is unavailable, also the issuer's own.
    with pytest.raises(RuntimeError, match="out of reach"):
        verify(verifier, provider.token())
