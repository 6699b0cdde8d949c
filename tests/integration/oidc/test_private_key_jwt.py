"""A real OpenID Provider knows a client by its signature (RFC 7523), at the token endpoint and at introspection."""

import asyncio
import json

import pytest

from fastmcp_rs.auth import OAuthProvider, RemoteAuthProvider
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError

OPAQUE = "https://opaque.example/"
RSA, P256, OTHER_P256, ED25519, UNKNOWN = range(5)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# RFC 7518 names several algorithms for one key of RSA: the `alg` of the JWK decides.
KEYS = [
    *((at, form, {}) for at in (RSA, P256, ED25519) for form in ("pem", "jwk")),
    (RSA, "jwk", {"alg": "PS256"}),
    (ED25519, "jwk", {"alg": "Ed25519"}),
]


@pytest.fixture
def key_file(provider, tmp_path):
    """Write a key of the client into the file, which is then another one, and give its path."""
    path = tmp_path / "key"

    def written(at, form="jwk", more=()):
        key = provider.signers()[at][form]
        (tmp_path / "new").write_text(key if form == "pem" else json.dumps({**key, **dict(more)}))
        (tmp_path / "new").replace(path)
        return path

    return written


def oauth_of(provider, path, **options):
    return OAuth("signer", None, f"{provider.issuer}/token", scope="read", private_key_file=path, **options)


@pytest.mark.parametrize(("at", "form", "more"), KEYS)
@pytest.mark.parametrize("audience", ["token_url", "issuer"])
def test_the_token_endpoint_accepts_an_assertion_by_each_key_type(provider, key_file, at, form, more, audience):
    path = key_file(at, form, more)
    named = {} if audience == "token_url" else {"assertion_audience": provider.issuer}
    for resource in ("https://server.example/mcp", OPAQUE):
        # Each is a new assertion, since the provider takes none twice.
        assert asyncio.run(oauth_of(provider, path, resource=resource, **named).get_token())


def test_tokens_of_a_client_with_a_key_may_be_bound_too(provider, key_file):
    oauth = oauth_of(provider, str(key_file(P256)), resource=OPAQUE, dpop=True)
    assert asyncio.run(oauth.get_token())


@pytest.mark.parametrize("options", [{"assertion_audience": "https://other.example"}, {}], ids=["audience", "key"])
def test_an_assertion_for_another_or_by_another_is_refused(provider, key_file, options):
    oauth = oauth_of(provider, key_file(P256 if options else UNKNOWN), resource=OPAQUE, **options)
    with pytest.raises(OAuthError) as caught:
        asyncio.run(oauth.get_token())
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)


def test_a_key_that_is_replaced_serves_from_the_next_request_on(provider, key_file):
    path = key_file(P256)
    token = lambda: asyncio.run(oauth.get_token())  # noqa: E731 - said three times
    oauth = oauth_of(provider, path, resource=OPAQUE)
    first = token()
    key_file(UNKNOWN)
    assert token() == first, "it lives"
    oauth = oauth_of(provider, path, resource=OPAQUE)
    with pytest.raises(OAuthError):
        token()
    key_file(OTHER_P256, "pem")
    assert token()


def introspecting(provider, path):
    """Each way to have a server ask the provider, with the key in a file."""
    token_url, endpoint = f"{provider.issuer}/token", f"{provider.issuer}/token/introspection"
    expected = {"audience": OPAQUE, "private_key_file": path}
    return {
        "of the token URL's metadata": OAuthProvider("signer", None, token_url, **expected),
        "named, and a token URL": OAuthProvider("signer", None, token_url, introspection_url=endpoint, **expected),
        "named, and an issuer": OAuthProvider(
            "signer", None, issuer=provider.issuer, introspection_url=endpoint, **expected
        ),
        "named alone": OAuthProvider("signer", None, introspection_url=endpoint, **expected),
        "a URL": RemoteAuthProvider(endpoint, FORM, assertion_client_id="signer", **expected),
        "a URL, and an issuer": RemoteAuthProvider(
            endpoint, FORM, assertion_client_id="signer", assertion_audience=provider.issuer, **expected
        ),
    }


@pytest.mark.parametrize("at", [RSA, P256])
def test_introspection_is_authenticated_by_private_key_jwt_however_the_endpoint_is_known(provider, key_file, at):
    token = provider.token(OPAQUE)
    for way, asking in introspecting(provider, key_file(at)).items():
        for _ in range(2):
            accepted = asyncio.run(asking.verify_token(token))
            assert (accepted.client_id, accepted.scopes) == ("robot", ["read"]), way
        assert asyncio.run(asking.verify_token("another")) is None, way


def test_an_assertion_that_introspection_refuses_is_no_refusal_of_the_token(provider, key_file, judgement):
    token = provider.token(OPAQUE)
    for way, asking in introspecting(provider, key_file(UNKNOWN)).items():
        assert judgement(asking, token) == "credentials_refused", way
    key_file(P256)
