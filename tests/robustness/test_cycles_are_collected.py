"""What refers to itself through this package is collected like any other Python object."""

import asyncio
import gc
import weakref

import pytest

from fastmcp_rs.auth import AccessToken, JWTVerifier, StaticTokenVerifier


class Shared:
    """Something in metadata that is not copied."""

    def __deepcopy__(self, _memo):
        return self


class Client:
    """As an AsyncClient looks, with room for a cycle."""

    def stream(self, *_arguments, **_options):
        raise OSError("it fetches nothing")

    async def aclose(self):
        pass


def token(shared):
    shared.holds = AccessToken("a-token", metadata={"shared": [shared]})


def listed(shared):
    shared.holds = StaticTokenVerifier({"a-token": {"shared": {"in": shared}}})


def accepted(shared):
    verifier = StaticTokenVerifier({"a-token": {"shared": shared}})
    shared.holds = asyncio.run(verifier.authenticate({"headers": [(b"authorization", b"Bearer a-token")]}))


@pytest.mark.parametrize("make", [token, listed, accepted])
def test_a_cycle_through_metadata_is_collected(make):
    shared = Shared()
    make(shared)
    gone = weakref.ref(shared)
    del shared
    gc.collect()
    assert gone() is None


def test_a_cycle_through_the_http_client_is_collected():
    client = Client()
    client.verifier = JWTVerifier(jwks_uri="https://issuer.example/jwks", http_client=client, audience="server")
    asyncio.run(client.verifier.explain("e30.e30.AAAA"))
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_client_is_kept_as_long_as_its_verifier():
    verifier = JWTVerifier(jwks_uri="https://issuer.example/jwks", http_client=Client(), audience="server")
    gc.collect()
    with pytest.raises(Exception, match="OSError"):
        asyncio.run(verifier.warm_up())
