"""Middleware of the application sees the answer that the client gets, and what it adds to it or changes is kept.

What must come out is known: what the middleware makes of an endpoint that answers as ours does without any middleware.
"""

import asyncio

import pytest
from fastmcp import FastMCP
from ports import refusing_port
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from fastmcp_rs.auth import AuthProvider, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError

PATH = "/mcp"
ORIGIN = (b"origin", b"https://inspector.example")
ENCODING = (b"accept-encoding", b"gzip")


class CannotTell(AuthProvider):
    async def verify_token(self, _token):
        raise TokenVerificationError("down")


class Around:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            await self.serve(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class AddsHeaders(Around):
    async def serve(self, scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                message["headers"] += [(b"x-request-id", b"7"), (b"strict-transport-security", b"max-age=1")]
            await send(message)

        await self.app(scope, receive, sending)


class PatchesTheChallenge(Around):
    async def serve(self, scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, value.replace(b"Bearer", b'Bearer realm="mcp"') if name == b"www-authenticate" else value)
                    for name, value in message["headers"]
                ]
            await send(message)

        await self.app(scope, receive, sending)


class CopiesTheScope(Around):
    async def serve(self, scope, receive, send):
        await self.app({**scope, "state": {}}, receive, send)


class HandsOnAPartOfTheScope(Around):
    async def serve(self, scope, receive, send):
        part = "type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "root_path", "query_string"
        more = "headers", "client", "server", "app"
        await self.app({name: scope[name] for name in (*part, *more) if name in scope}, receive, send)


class RunsInAnotherTask(Around):
    async def serve(self, scope, receive, send):
        await asyncio.wait_for(asyncio.create_task(self.app(dict(scope), receive, send)), 5)


class SendsTheWholeAtOnce(Around):
    async def serve(self, scope, receive, send):
        kept = []

        async def sending(message):
            kept.append(message)

        await self.app(scope, receive, sending)
        for message in kept:
            await send(message)


class SendsInPieces(Around):
    async def serve(self, scope, receive, send):
        async def sending(message):
            for byte in message.get("body", b""):
                await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await send({**message, "body": b""} if "body" in message else message)

        await self.app(scope, receive, sending)


class Counts(Around):
    seen: list = []  # noqa: RUF012 - as counters of metrics are

    async def serve(self, scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                self.seen.append(message["status"])
            await send(message)

        await self.app(scope, receive, sending)


async def through_a_response(request, call_next):
    response = await call_next(request)
    response.headers["x-through"] = str(response.status_code)
    return response


MIDDLEWARE = {
    "cors": Middleware(CORSMiddleware, allow_origins=[ORIGIN[1].decode()], expose_headers=["WWW-Authenticate"]),
    "compression": Middleware(GZipMiddleware, minimum_size=1),
    "base": Middleware(BaseHTTPMiddleware, dispatch=through_a_response),
    **{
        cls.__name__: Middleware(cls)
        for cls in (
            AddsHeaders,
            PatchesTheChallenge,
            CopiesTheScope,
            HandsOnAPartOfTheScope,
            RunsInAnotherTask,
            SendsTheWholeAtOnce,
            SendsInPieces,
            Counts,
        )
    },
}


@pytest.fixture
def refused(issuer):
    """Providers, and what a client may present to them that is refused, by the status that comes of it."""
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    with refusing_port() as port:
        nowhere = f"http://127.0.0.1:{port}/jwks"
        yield [
            (401, verifier, None),
            (401, verifier, "Bearer"),
            (401, verifier, "Bearer x"),
            (401, verifier, f"Bearer {issuer.token(exp=1)}"),
            (401, verifier, f"Bearer {issuer.token(aud='x')}"),
            (403, verifier, f"Bearer {issuer.token(scope='write')}"),
            (400, verifier, "Bearer x, Bearer y"),
            (503, JWTVerifier(jwks_uri=nowhere, **issuer.expected), f"Bearer {issuer.token()}"),
            (503, CannotTell(), "Bearer x"),
            (401, StaticTokenVerifier(["t"]), "Bearer x"),
        ]


def application(provider, middleware=()):
    return FastMCP("test", auth=provider).http_app(path=PATH, middleware=[*middleware])


def around(middleware, messages):
    """Put middleware around an endpoint that sends these messages."""

    async def endpoint(_scope, _receive, send):
        for message in messages:
            await send({**message, "headers": [*message["headers"]]} if "headers" in message else {**message})

    for one in reversed(middleware):
        endpoint = one.cls(endpoint, *one.args, **one.kwargs)
    return endpoint


@pytest.mark.parametrize("name", MIDDLEWARE)
def test_changes_of_an_answer_by_middleware_reach_the_client(name, ask, refused):
    middleware = [MIDDLEWARE[name]]
    for status, provider, authorization in refused:
        Counts.seen.clear()
        asked = {"authorization": authorization, "headers": (ORIGIN, ENCODING)}
        plain = ask(application(provider), **asked)[0]
        made = ask(application(provider, middleware), **asked)[0]
        assert plain[0]["status"] == made[0]["status"] == status, authorization
        assert made == ask(around(middleware, plain), **asked)[0], authorization
        if name == "Counts":
            assert Counts.seen == [status] * 2


def test_changes_by_several_middlewares_reach_the_client(ask, refused):
    middleware = list(MIDDLEWARE.values())
    for status, provider, authorization in refused:
        asked = {"authorization": authorization, "headers": (ORIGIN, ENCODING)}
        plain = ask(application(provider), **asked)[0]
        app = application(provider, middleware)
        # The first request to an application is answered as all others are.
        answers = [ask(app, **asked)[0] for _ in range(3)]
        assert answers == [ask(around(middleware, plain), **asked)[0]] * 3, authorization
        assert answers[0][0]["status"] == status


def test_a_browser_can_read_the_challenge(ask, refused):
    for _, provider, authorization in refused:
        start = ask(application(provider, [MIDDLEWARE["cors"]]), authorization, headers=(ORIGIN,))[0][0]
        headers = dict(start["headers"])
        assert headers[b"access-control-allow-origin"] == ORIGIN[1], authorization
        assert headers[b"access-control-expose-headers"] == b"WWW-Authenticate", authorization


def test_middleware_finds_what_fastmcps_own_verifier_lets_it_find(ask, issuer):
    """The headers beside those of the answer itself are, byte for byte and in order, those of FastMCP's answer."""
    from fastmcp.server.auth.providers.jwt import JWTVerifier as FastmcpJWTVerifier  # noqa: PLC0415 - by its name here

    own = {b"content-length", b"content-type", b"www-authenticate"}
    options = {"public_key": issuer.public_key, "algorithm": issuer.algorithm, **issuer.expected}
    # Without a token FastMCP up to 3.4 has a body and ours has none, of which compression makes a difference.
    for authorization in ("Bearer x", f"Bearer {issuer.token(exp=1)}"):
        for name, middleware in MIDDLEWARE.items():
            answers = [
                ask(application(cls(**options), [middleware]), authorization, headers=(ORIGIN,))[0]
                for cls in (JWTVerifier, FastmcpJWTVerifier)
            ]
            mine, theirs = ([pair for pair in one[0]["headers"] if pair[0] not in own] for one in answers)
            assert (mine, answers[0][0]["status"]) == (theirs, answers[1][0]["status"]), name
