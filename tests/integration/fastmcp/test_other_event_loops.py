"""A provider that waits for the network says at the start that it needs asyncio, and not at the first token."""

import asyncio
import contextvars

import pytest
from fastmcp import FastMCP

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.auth.middleware import AuthenticationMiddleware

KEYS = "https://issuer.example/jwks.json"


def without_asyncio(coroutine):
    """Run what never waits, with no event loop of asyncio's, as under trio: in a context of its own, like a task."""
    try:
        contextvars.copy_context().run(coroutine.send, None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("it waited")


def start(app):
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    return app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send), sent


WAITING = {
    "keys from a URL": lambda issuer: JWTVerifier(jwks_uri=KEYS, **issuer.expected),
    "a service that is asked": lambda _: RemoteAuthProvider("https://service.example/verify"),
}


@pytest.mark.parametrize("name", WAITING)
def test_a_server_on_another_event_loop_does_not_start(name, issuer):
    app = FastMCP("test", auth=WAITING[name](issuer)).http_app()
    if not _compat.takes_middleware():
        # FastMCP 2.12.0 shows a provider nothing of the start.
        app = AuthenticationMiddleware(app, WAITING[name](issuer))
    starting, sent = start(app)
    without_asyncio(starting)
    [message] = sent
    assert message["type"] == "lifespan.startup.failed"
    assert "asyncio or uvloop" in message["message"]


@pytest.mark.parametrize("name", WAITING)
def test_without_a_check_at_the_start_every_request_fails_alike(name, issuer):
    async def never(*_):
        raise AssertionError("it was reached")

    for credentials in ([], [(b"authorization", b"Bearer x")]):
        middleware = AuthenticationMiddleware(never, WAITING[name](issuer))
        scope = {"type": "http", "headers": credentials, "query_string": b"", "path": "/", "method": "POST"}
        with pytest.raises(RuntimeError, match="asyncio or uvloop"):
            without_asyncio(middleware(scope, never, never))


@pytest.mark.parametrize("name", WAITING)
def test_every_other_caller_gets_an_unavailable_decision(name, issuer, caplog):
    """A provider of FastMCP's around a verifier tells it nothing of the start."""
    verifier = WAITING[name](issuer)
    unavailable = _compat.unavailable_error()

    async def ask():
        if unavailable is None:
            assert await verifier.verify_token(issuer.token()) is None
        else:
            with pytest.raises(unavailable):
                await verifier.verify_token(issuer.token())

    for _ in range(2):
        without_asyncio(ask())
    assert [record.levelname for record in caplog.records if "asyncio or uvloop" in record.getMessage()] == ["ERROR"]
    assert sum(verifier.stats()["unavailable"].values()) == 2


def test_a_provider_that_never_waits_starts_on_any_event_loop(issuer):
    reached = []

    async def app(scope, _receive, _send):
        reached.append(scope["type"])

    for provider in (JWTVerifier(public_key=issuer.public_key, **issuer.expected), StaticTokenVerifier(["t"])):
        without_asyncio(start(AuthenticationMiddleware(app, provider))[0])
    assert reached == ["lifespan"] * 2


@pytest.mark.parametrize("name", WAITING)
def test_a_server_on_asyncio_starts(name, issuer):
    async def app(_scope, _receive, send):
        await send({"type": "lifespan.startup.complete"})

    starting, sent = start(AuthenticationMiddleware(app, WAITING[name](issuer)))
    asyncio.run(starting)
    assert sent == [{"type": "lifespan.startup.complete"}]
