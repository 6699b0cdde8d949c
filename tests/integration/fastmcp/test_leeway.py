"""``leeway`` over real HTTP, where the MCP library compares ``expires_at`` with the clock once more."""

import time

import pytest

from fastmcp_rs.auth import JWTVerifier


class Subclass(JWTVerifier):
    async def authenticate(self, request):
        return await super().authenticate(request)


@pytest.fixture(scope="module", params=[JWTVerifier, Subclass], ids=["verifier", "subclass with authenticate"])
def server(request, issuer, serve):
    with serve(request.param(public_key=issuer.public_key, leeway=60, **issuer.expected)) as server:
        yield server


def test_a_token_that_expired_within_the_leeway_is_accepted(issuer, server):
    assert server.call(issuer.token(exp=int(time.time()) - 5))["client_id"] == "alice"


def test_a_token_that_expired_before_the_leeway_is_refused(issuer, server, reasons):
    assert server.status(issuer.token(exp=int(time.time()) - 65)) == 401
    assert set(reasons()) == {"expired"}


def test_a_token_that_becomes_valid_within_the_leeway_is_accepted(issuer, server):
    assert server.call(issuer.token(nbf=int(time.time()) + 50))["client_id"] == "alice"


def test_a_token_that_becomes_valid_after_the_leeway_is_refused(issuer, server, reasons):
    assert server.status(issuer.token(nbf=int(time.time()) + 120)) == 401
    assert set(reasons()) == {"not_yet_valid"}


def test_the_tool_sees_the_claim_as_the_issuer_wrote_it(issuer, server):
    expiry = int(time.time()) - 5
    assert server.call(issuer.token(exp=expiry))["claims"]["exp"] == expiry


def test_without_leeway_the_token_that_just_expired_is_refused(issuer, serve):
    with serve(JWTVerifier(public_key=issuer.public_key, **issuer.expected)) as server:
        assert server.status(issuer.token(exp=int(time.time()) - 1)) == 401


def test_a_token_without_expiry_is_accepted_and_never_expires(issuer, server):
    assert server.call(issuer.token(exp=None))["expires_at"] is None
