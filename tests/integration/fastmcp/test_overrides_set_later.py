"""What is set on a verifier, or on its class, while the server runs is called, as FastMCP calls its own."""

from unittest import mock

import pytest
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastmcpJWTVerifier

from fastmcp_rs.auth import AuthProvider, JWTVerifier
from fastmcp_rs.errors import TokenVerificationError

ENTRY_POINTS = ("verify_token", "load_access_token", "authenticate")


class Derived(JWTVerifier):
    """A subclass, as servers have them."""


@pytest.fixture
def make(issuer):
    return lambda cls=JWTVerifier, **more: cls(public_key=issuer.public_key, **issuer.expected, **more)


@pytest.fixture(params=["instance", "class", "base class"])
def made(request, make):
    """A verifier, and where something is set that binds it."""
    verifier = make(Derived)
    return verifier, {"instance": verifier, "class": Derived, "base class": JWTVerifier}[request.param]


def statuses(server, *tokens):
    return [server.status(token) for token in tokens]


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_an_entry_point_that_refuses_is_called_once_and_decides(serve, made, name, issuer):
    verifier, place = made
    with serve(verifier) as server:
        assert statuses(server, issuer.token()) == [200]
        with mock.patch.object(place, name, mock.AsyncMock(return_value=None)) as denies:
            assert statuses(server, issuer.token()) == [401]
            assert denies.await_count == 1 or name == "authenticate"
        assert statuses(server, issuer.token()) == [200]


@pytest.mark.parametrize("name", ["verify_token", "load_access_token"])
def test_a_function_on_the_instance_may_call_what_it_replaces(serve, make, name, issuer):
    verifier = make()
    before = getattr(verifier, name)

    async def without_mallory(token):
        answer = await before(token)
        return None if answer is None or answer.client_id == "mallory" else answer

    setattr(verifier, name, without_mallory)
    assert getattr(verifier, name) is without_mallory or not hasattr(AuthProvider, "get_middleware")
    with serve(verifier) as server:
        assert statuses(server, issuer.token(), issuer.token(client_id="mallory")) == [200, 401]


def test_an_exception_in_it_refuses_and_ends_no_request(serve, make, issuer, reasons):
    verifier = make()
    with serve(verifier) as server:
        verifier.verify_token = mock.AsyncMock(side_effect=ZeroDivisionError)
        assert statuses(server, issuer.token()) == [401]
        verifier.verify_token = mock.AsyncMock(side_effect=TokenVerificationError)
        assert statuses(server, issuer.token()) == [503]
    assert reasons() == ["custom_check_failed", "custom_check_unavailable"]


@pytest.mark.parametrize(
    ("name", "answer", "status"),
    [("_validate_issuer", False, 401), ("_validate_issuer", True, 200), ("_extract_scopes", [], 403)],
)
def test_a_hook_is_called_wherever_it_is_set(serve, made, name, answer, status, issuer):
    verifier, place = made
    verifier.required_scopes = ["read"]
    token = issuer.token(scope="read")
    with serve(verifier) as server:
        with mock.patch.object(place, name, mock.Mock(return_value=answer)) as hook:
            assert statuses(server, token) == [status]
            assert hook.call_count == 1
        assert statuses(server, token) == [200]


@pytest.mark.parametrize("name", ["_get_verification_key", "_get_jwks_key", "_refresh_jwks_key", "_fetch_jwks"])
def test_a_hook_that_would_not_be_called_cannot_be_set(made, name):
    _verifier, place = made
    with pytest.raises((AttributeError, TypeError), match=f"{name}, which is not asked here"):
        setattr(place, name, mock.AsyncMock())
    with pytest.raises(TypeError, match=f"{name}, which is not asked here"):
        type("Sub", (JWTVerifier,), {name: mock.AsyncMock()})


def test_an_instance_stays_of_its_class_and_other_instances_as_they_are(make):
    registered = []

    class Registered(JWTVerifier):
        def __init_subclass__(cls, *, wanted) -> None:
            registered.append(wanted)

    verifier, other = make(Registered), make(Registered)
    verifier.verify_token = mock.AsyncMock()
    assert isinstance(verifier, Registered)
    assert type(verifier).__qualname__ == Registered.__qualname__
    assert type(other) is Registered
    assert registered == []
    del verifier.verify_token
    assert type(verifier) is Registered


def test_a_custom_provider_uses_overrides_set_later_too(serve, issuer, make):
    accepting = make()

    class Custom(AuthProvider):
        async def verify_token(self, token):
            return await accepting.verify_token(token)

    custom = Custom()
    with serve(custom) as server:
        assert statuses(server, issuer.token()) == [200]
        custom.verify_token = mock.AsyncMock(return_value=None)
        assert statuses(server, issuer.token()) == [401]


def test_lists_changed_in_place_take_effect_at_the_next_request(serve, make, issuer, reasons):
    verifier = make()
    verifier.audience = [issuer.audience, "other"]
    with serve(verifier) as server:
        verifier.required_scopes.append("admin")
        assert statuses(server, issuer.token(), issuer.token(scope="admin")) == [403, 200]
        verifier.required_scopes.remove("admin")
        verifier.audience.remove(issuer.audience)
        assert statuses(server, issuer.token(), issuer.token(aud="other")) == [401, 200]
        verifier.audience += [issuer.audience]
        assert statuses(server, issuer.token()) == [200]
    assert reasons() == ["insufficient_scope", "audience_mismatch"]


def test_every_attribute_of_fastmcps_verifier_is_here_with_its_value(issuer):
    options = {"public_key": issuer.public_key, **issuer.expected}
    theirs, ours = FastmcpJWTVerifier(**options), JWTVerifier(**options)
    assert {"logger", "_jwks_cache", "_cache_ttl"} <= vars(theirs).keys()
    for name, value in vars(theirs).items():
        if type(value).__eq__ is object.__eq__ and name != "logger":
            assert type(getattr(ours, name)) is type(value), name
        else:
            assert getattr(ours, name) == value, name
    assert set(dir(theirs)) <= set(dir(ours))


async def _copied_from_fastmcp(self, token):
    key = await self._get_verification_key(token)
    self.logger.info("a key for %s", self.algorithm)
    return key


def test_code_that_was_copied_from_fastmcps_class_finds_what_it_reads(issuer, make):
    import asyncio  # noqa: PLC0415 - here alone

    Copying = type("Copying", (JWTVerifier,), {"key": _copied_from_fastmcp})  # noqa: N806 - a class
    assert asyncio.run(make(Copying).key(issuer.token())) == issuer.public_key
