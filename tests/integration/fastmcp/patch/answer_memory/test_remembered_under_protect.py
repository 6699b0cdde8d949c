"""``protect(provider, cache_ttl_seconds=60)``, without ``install()``."""

import asyncio
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPsVerifier
from network_verifiers import SHARED, Store, answer_to_too_few_scopes, ask, asked_of, made, parts

import fastmcp_rs
from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.testing import KeyPair

_SERVED = {_compat.server_url_parameter(): "https://server.example"}


@pytest.fixture
def leave_classes():
    """Take away what protect() replaces for good."""
    places = [
        *((import_module(name).AsyncClient, "send") for name in ("httpx", "httpx2") if find_spec(name)),
        (import_module("mcp.server.auth.handlers.revoke").RevocationHandler, "handle"),
    ]
    before = [vars(owner)[name] for owner, name in places]
    yield
    for (owner, name), value in zip(places, before, strict=True):
        setattr(owner, name, value)


def fastmcps_jwt_verifier():
    return FastMCPsVerifier(public_key=KeyPair.generate("RS256").public_key)


@pytest.mark.usefixtures("leave_classes")
class TestProtect:
    """``protect(provider, cache_ttl_seconds=60)``, without ``install()``."""

    def test_a_verifier_of_fastmcps_inside_is_remembered(self, service, reply, cls):
        from fastmcp.server.auth import RemoteAuthProvider  # noqa: PLC0415 - of this test alone

        verifier, bystander = made(cls), made(cls)
        fastmcps = answer_to_too_few_scopes(cls)
        once = asked_of(service, verifier)
        outer = RemoteAuthProvider(verifier, ["https://issuer.example"], **_SERVED)
        protect(outer, cache_ttl_seconds=60)
        (without,) = ask(bystander)
        service.requests.clear()
        for token in ask(outer, "alice", "alice"):
            assert parts(token) == parts(without)
        assert len(service.requests) == once
        assert all(ask(bystander))
        assert len(service.requests) == 2 * once, "no other is"
        verifier.required_scopes = ["admin"]
        assert ask(outer) == fastmcps
        verifier.required_scopes = []
        assert all(ask(outer))
        service.answer = reply(401, "{}")
        asyncio.run(fastmcp_rs.invalidate("alice"))
        assert ask(outer) == [None]

    def test_protect_with_cache_ttl_seconds_remembers_answers_of_a_custom_class(self):
        from fastmcp.server.auth import TokenVerifier  # noqa: PLC0415 - of this test alone

        class Mine(TokenVerifier):
            asked = 0

            async def verify_token(self, token):
                self.asked += 1
                return _compat.FastMCPAccessToken(token=token, client_id="me", scopes=["a"]) if token != "bad" else None

        mine = Mine()
        protect(mine, cache_ttl_seconds=60)
        assert [token.client_id for token in ask(mine, "alice", "alice")] == ["me"] * 2
        assert ask(mine, "bad", "bad") == [None] * 2
        assert mine.asked == 3
        mine.required_scopes = ["b"]
        assert all(ask(mine))
        assert mine.asked == 4

    def test_workers_share_answers(self, service, reply, cls):
        store = Store()
        one, other = made(cls), made(cls)
        once = asked_of(service, one)
        for verifier in (one, other):
            protect(verifier, **SHARED, cache_store=store)
        assert all(ask(one))
        assert all(ask(other))
        assert (len(service.requests), store.reads) == (once, 2)
        service.answer = reply(401, "{}")
        asyncio.run(fastmcp_rs.invalidate("alice"))
        assert ask(one) + ask(other) == [None] * 2

    def test_verifiers_of_a_custom_class_have_entries_of_their_own_in_a_store(self):
        from fastmcp.server.auth import TokenVerifier  # noqa: PLC0415 - of this test alone

        class Mine(TokenVerifier):
            asked = 0

            def __init__(self, service):
                super().__init__()
                self.service, self.client = service, object()

            async def verify_token(self, token):
                type(self).asked += 1
                return _compat.FastMCPAccessToken(token=token, client_id=str(self.service), scopes=[])

        store = Store()
        services = [Path("/one"), Path("/other"), b"one", b"other", "one"]
        for number, service in enumerate(services, 1):
            for _ in range(2):
                mine = Mine(service)
                protect(mine, **SHARED, cache_store=store)
                assert [token.client_id for token in ask(mine)] == [str(service)]
            assert Mine.asked == number, "which the other worker's verifier reads"

    def test_a_provider_that_never_asks_has_nothing_to_remember(self):
        for provider in (JWTVerifier(SHARED["cache_secret"], audience="a"), fastmcps_jwt_verifier()):
            with pytest.raises(ValueError, match="cache_ttl_seconds is for verifiers that ask"):
                protect(provider, cache_ttl_seconds=60)
            assert protect(provider) is provider

    def test_rules_that_fastmcps_classes_lack_are_refused_by_name(self):
        for rule in ("scope_hierarchy", "expected_claims", "client_id", "denylist", "max_age"):
            with pytest.raises(TypeError, match=rf"protect\(\) has no {rule}: .* fastmcp_rs\.auth"):
                protect(fastmcps_jwt_verifier(), **{rule: None})
        with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
            protect(fastmcps_jwt_verifier(), speed=9)

    def test_protect_alone_remembers_nothing(self, service, cls):
        verifier = made(cls)
        once = asked_of(service, verifier)
        protect(verifier)
        assert all(ask(verifier, "alice", "alice"))
        assert len(service.requests) == 2 * once
