"""FastMCP's own RemoteAuthProvider around a verifier of ours, without ``protect()``."""

import asyncio
import inspect
import json
import logging
import re

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, UnauthenticatedUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from fastmcp_rs import _compat
from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

# 2.12.0 takes the URL of the resource, the later lines that of the server.
URL_PARAMETER = next(
    name for name in ("base_url", "resource_server_url") if name in inspect.signature(RemoteAuthProvider).parameters
)
AUTHORIZATION_SERVER = "https://issuer.example/"


def remote(verifier):
    """Make a provider as soon as the server's URL is known."""
    return lambda url: RemoteAuthProvider(
        token_verifier=verifier,
        authorization_servers=[AnyHttpUrl(AUTHORIZATION_SERVER)],
        **{URL_PARAMETER: url},
    )


@pytest.fixture(scope="module")
def server(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    with serve(remote(verifier)) as server:
        yield server


def test_a_client_without_a_token_finds_the_metadata_by_the_challenge(server):
    challenge = server.post(None).headers["www-authenticate"]
    advertised = re.search(r'resource_metadata="([^"]+)"', challenge)[1]
    assert advertised.startswith(server.base_url)

    reply = server.request("GET", advertised.removeprefix(server.base_url))

    metadata = json.loads(reply.body)
    assert metadata["authorization_servers"] == [AUTHORIZATION_SERVER]
    assert metadata["scopes_supported"] == ["read"]
    assert metadata["resource"].startswith(server.base_url)


def test_a_good_token_gets_through(issuer, server):
    seen = server.call(issuer.token())
    assert seen["is_fastmcps_class"]
    assert (seen["client_id"], seen["scopes"]) == ("alice", ["read", "write"])


# 2.12.0 verifies before it keeps the request, so that its own answers stay.
IS_TOLD = _compat.takes_middleware()


def test_a_bad_token_is_refused_for_its_reason(issuer, server, reasons):
    bad = {
        issuer.token(exp=1): "The token expired at 1970-01-01T00:00:01Z",
        issuer.token(iss="https://evil.example"): "The token is not accepted",
        issuer.token(aud="https://other.example"): "The token is not accepted",
        issuer.token(scope="write"): "The token does not grant every scope that is needed",
        "garbage": "The token is not of the form that tokens have here",
    }
    replies = [server.post(f"Bearer {token}") for token in bad]
    assert [reply.status for reply in replies] == [401, 401, 401, 403 if IS_TOLD else 401, 401]
    assert reasons() == ["expired", "issuer_mismatch", "audience_mismatch", "insufficient_scope", "malformed_token"]
    assert all("resource_metadata=" in reply.headers["www-authenticate"] for reply in replies)
    if IS_TOLD:
        assert [json.loads(reply.body)["error_description"] for reply in replies] == list(bad.values())


def test_an_override_that_refuses_refuses_inside_the_provider(issuer, serve):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    with serve(remote(DenyList(public_key=issuer.public_key, **issuer.expected))) as server:
        assert server.status(issuer.token()) == 200
        assert server.status(issuer.token(sub="mallory")) == 401


def test_static_tokens_work_inside_the_provider(serve):
    tokens = {"a-token": {"user_id": "alice", "scope": ["read"]}}
    with serve(remote(StaticTokenVerifier(tokens, required_scopes=["read"]))) as server:
        assert server.call("a-token")["client_id"] == "alice"
        assert server.status("b-token") == 401


@pytest.fixture
def without_keys(issuer, new_endpoint):
    """A verifier whose keys are out of reach."""
    endpoint = new_endpoint()
    endpoint.close()
    return JWTVerifier(jwks_uri=endpoint.url, **issuer.expected)


class CopiesScope:
    """Middleware that hands on a copy of the scope."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(dict(scope), receive, send)


@pytest.mark.parametrize("unavailable", ["raise", "none"])
@pytest.mark.parametrize("middleware", [[], [Middleware(CopiesScope)]], ids=["plain", "a copied scope"])
def test_keys_out_of_reach_are_a_503(issuer, serve, without_keys, unavailable, middleware):
    without_keys.unavailable = unavailable
    with serve(remote(without_keys), middleware=middleware) as server:
        reply = server.post(f"Bearer {issuer.token()}")
        assert server.status(None) == 401
    assert reply.status == (503 if IS_TOLD else 401)
    if IS_TOLD:
        assert int(reply.headers["retry-after"]) > 0
        assert "www-authenticate" not in reply.headers
    assert without_keys.stats()["unavailable"] == {"keys_unavailable": 1}


class OfAnApplication(AuthenticationBackend):
    """Users of the application that a server is mounted in."""

    def __init__(self, user):
        self.user = user

    async def authenticate(self, _connection):
        return AuthCredentials(), self.user


@pytest.mark.parametrize("user", [SimpleUser("alice"), UnauthenticatedUser()], ids=["a user", "no user"])
def test_an_application_around_the_server_may_have_users_of_its_own(issuer, without_keys, serve, user):
    def around(app):
        outer = [Middleware(AuthenticationMiddleware, backend=OfAnApplication(user))]
        return Starlette(routes=[Mount("/", app)], middleware=outer, lifespan=app.lifespan)

    with serve(remote(without_keys), around=around) as server:
        assert server.status(issuer.token()) == (503 if IS_TOLD else 401)


def test_an_outage_fills_no_log(issuer, serve, without_keys, monkeypatch):
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter())
    written = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(handler.format(record))
    loggers = [logging.getLogger(name) for name in ("fastmcp_rs.auth", "fastmcp_rs.keys", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with serve(remote(without_keys)) as server:
            assert {server.status(issuer.token()) for _ in range(50)} == {503 if IS_TOLD else 401}
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert written
    assert len("\n".join(written)) < 2000


def test_a_refusal_is_of_its_request_alone(issuer, without_keys, ask):
    provider = remote(without_keys)("https://server.example")
    app = FastMCP("test", auth=provider).http_app(path="/mcp")

    async def one_after_another(scope, receive, send):
        # In one task, and so in one context.
        bad = [*scope["headers"], (b"authorization", f"Bearer {issuer.token()}".encode())]
        await app({**scope, "headers": bad}, receive, send)
        await app(dict(scope), receive, send)

    sent, _ = ask(one_after_another, None)
    statuses = [message["status"] for message in sent if message["type"] == "http.response.start"]
    assert statuses == [503 if IS_TOLD else 401, 401]


async def answer_of(verifier, token):
    """What a caller of the verifier gets while the keys are out of reach."""
    try:
        return str(await verifier.verify_token(token))
    except Exception as error:  # noqa: BLE001 - which one is looked at
        return type(error).__name__


# Where FastMCP has an error for it.
ASKED = "None" if _compat.unavailable_error() is None else "TokenVerificationError"


def test_a_route_that_calls_the_verifier_sees_the_error(issuer, serve, without_keys):
    def routes(mcp):
        @mcp.custom_route("/ask", methods=["GET"])
        async def asking(request):
            return PlainTextResponse(await answer_of(without_keys, request.query_params["token"]))

    with serve(remote(without_keys), routes=routes) as server:
        token = issuer.token()
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            reply = server.request("GET", f"/ask?token={token}", None, headers)
            assert (reply.status, reply.body.decode()) == (200, ASKED)


def test_a_tool_of_an_open_server_that_calls_the_verifier_sees_the_error(issuer, serve, without_keys):
    async def asking() -> str:
        """Ask about a token."""
        return json.dumps(await answer_of(without_keys, issuer.token()))

    with serve(None, asking) as server:
        assert asyncio.run(server.calling(None, "asking")) == [ASKED]
