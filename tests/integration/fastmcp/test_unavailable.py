"""What ``verify_token`` does where keys or a server are out of reach, and what the server then answers."""

import asyncio

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import AuthProvider, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError


class Custom(AuthProvider):
    async def verify_token(self, _token):
        raise TokenVerificationError


class CustomRequest(AuthProvider):
    async def authenticate(self, _request):
        raise TokenVerificationError


class Derived(JWTVerifier):
    async def verify_token(self, token):
        return await super().verify_token(token)


# The longest time for which no keys are fetched after a failure, in seconds.
LONGEST_PAUSE = 30
PROVIDERS = {
    "JWTVerifier": lambda url, **more: JWTVerifier(jwks_uri=url, audience="s", **more),
    "subclass": lambda url, **more: Derived(jwks_uri=url, audience="s", **more),
    "OAuthProvider": lambda url, **more: OAuthProvider("id", "hush-hush", url, audience="s", **more),
    "RemoteAuthProvider": RemoteAuthProvider,
    "authenticate": lambda _, **more: CustomRequest(**more),
}


@pytest.fixture(params=PROVIDERS)
def make(request, new_endpoint):
    """Make a provider that can reach nothing."""
    endpoint = new_endpoint()
    endpoint.close()
    return lambda **more: PROVIDERS[request.param](endpoint.url, **more)


def test_by_default_fastmcps_error_is_raised_where_it_has_one(make, issuer):
    error = _compat.unavailable_error()
    if error is None:
        assert asyncio.run(make().verify_token(issuer.token())) is None
    else:
        with pytest.raises(error):
            asyncio.run(make(unavailable="raise").verify_token(issuer.token()))


def test_unavailable_none_gives_none_in_the_place_of_the_error(make, issuer):
    provider = make(unavailable="none")
    assert provider.unavailable == "none"
    assert asyncio.run(provider.verify_token(issuer.token())) is None


@pytest.mark.parametrize("unavailable", ["raise", "none"])
def test_the_server_answers_503_in_both_cases(make, issuer, serve, unavailable):
    with serve(make(unavailable=unavailable)) as server:
        answer = server.post(f"Bearer {issuer.token()}")
        assert (answer.status, 1 <= int(answer.headers["retry-after"]) <= LONGEST_PAUSE) == (503, True)


def test_unavailable_can_be_set_later(make, issuer):
    provider = make()
    provider.unavailable = "none"
    assert asyncio.run(provider.verify_token(issuer.token())) is None


@pytest.mark.parametrize("wrong", [None, True, "None", ["none"], {}])
def test_any_other_value_of_unavailable_is_an_error(wrong):
    with pytest.raises(ValueError, match="unavailable must be"):
        Custom(unavailable=wrong)
    static = StaticTokenVerifier(["token"])
    with pytest.raises(ValueError, match="unavailable must be"):
        static.unavailable = wrong
    assert static.unavailable == "raise"
