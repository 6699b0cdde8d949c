"""A server whose keys come from a URL: the first token, a rotation, and an outage of the endpoint."""

import asyncio

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair


@pytest.fixture
def endpoint(new_endpoint, issuer):
    endpoint = new_endpoint()
    endpoint.publish([issuer.jwk])
    return endpoint


@pytest.fixture
def verifier(endpoint, issuer):
    return JWTVerifier(jwks_uri=endpoint.url, algorithm="RS256", jwks_refresh_interval=0, **issuer.expected)


def is_unavailable(verifier, token, line):
    """Ask the verifier itself: FastMCP from 4.2 has an error for unavailable keys; before that it is None."""
    assert (_compat.unavailable_error() is not None) == (line >= (4, 2))
    if line < (4, 2):
        return asyncio.run(verifier.verify_token(token)) is None
    with pytest.raises(_compat.unavailable_error()) as raised:
        asyncio.run(verifier.verify_token(token))
    return token not in str(raised.value)


def test_keys_are_fetched_once_and_all_tokens_use_them(serve, verifier, endpoint, issuer):
    with serve(verifier) as server:
        assert server.call(issuer.token())["client_id"] == "alice"
        assert [server.status(issuer.token(sub=f"user-{number}")) for number in range(3)] == [200] * 3
        assert server.status(issuer.token(aud="https://other.example")) == 401
    assert len(endpoint.requests) == 1


def test_a_rotation_is_followed(serve, verifier, endpoint, issuer, issuers, reasons):
    successor = issuers("PyJWT", "RS256")
    with serve(verifier) as server:
        assert server.status(issuer.token()) == 200
        endpoint.publish([issuer.jwk, successor.jwk])
        assert [server.status(signer.token()) for signer in (successor, issuer)] == [200, 200]
        endpoint.publish([successor.jwk])
        third = KeyPair.generate("RS256").create_token(issuer=issuer.name, audience=issuer.audience, kid="third")
        assert server.status(third) == 401
        assert [server.status(signer.token()) for signer in (successor, issuer)] == [200, 401]
    assert reasons() == ["unknown_key", "unknown_key"]


@pytest.mark.parametrize("status", [500, 404])
def test_known_keys_go_on_through_an_outage_and_others_are_unavailable(
    status, serve, verifier, endpoint, issuer, issuers, line, reply, reasons, eventually
):
    successor = issuers("PyJWT", "RS256")
    with serve(verifier) as server:
        assert server.call(issuer.token())["client_id"] == "alice"
        endpoint.answer = reply(status)
        assert server.status(successor.token()) != 200
        assert is_unavailable(verifier, successor.token(), line)
        assert reasons() == ["keys_unavailable"] * 2
        assert server.call(issuer.token(sub="bob"))["client_id"] == "bob"
        endpoint.publish([issuer.jwk, successor.jwk])
        eventually(lambda: server.status(successor.token()) == 200)


def test_an_endpoint_that_is_down_at_the_start_is_unavailable_until_it_is_up(
    serve, verifier, endpoint, issuer, line, reply, reasons, eventually
):
    endpoint.answer = reply(503)
    with serve(verifier) as server:
        assert server.status(issuer.token()) != 200
        assert is_unavailable(verifier, issuer.token(), line)
        assert set(reasons()) == {"keys_unavailable"}
        endpoint.publish([issuer.jwk])
        eventually(lambda: server.status(issuer.token()) == 200)


def test_a_key_that_may_be_new_is_unavailable_until_the_time_that_the_answer_tells(serve, endpoint, issuer, issuers):
    interval = 600
    options = {"algorithm": "RS256", "jwks_refresh_interval": interval, **issuer.expected}
    new, made_up = issuers("PyJWT", "RS256"), KeyPair.generate("RS256")
    with serve(JWTVerifier(jwks_uri=endpoint.url, **options)) as server:
        assert server.status(issuer.token()) == 200
        # Each takes one of the two fetches that an interval has for unknown keys.
        for kid in ("one", "two"):
            token = made_up.create_token(kid=kid, issuer=issuer.expected["issuer"])
            assert server.status(token) == 401
        endpoint.publish([issuer.jwk, new.jwk])
        for _ in range(2):
            reply = server.post(f"Bearer {new.token()}")
            assert reply.status == 503, "never 401, after which the client would log in anew"
            assert interval / 2 < int(reply.headers["retry-after"]) <= interval
