"""The middleware in front of a server: it refuses nothing itself, and answers 503 where a decision is unavailable."""

import json

import pytest
from fastmcp import FastMCP
from fastmcp.server import http as fastmcp_http
from ports import refusing_port
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount

from fastmcp_rs import _compat
from fastmcp_rs.auth import AuthProvider, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError


@pytest.fixture(scope="module")
def dead_end():
    """A JWK Set URL without a server."""
    with refusing_port() as port:
        yield f"http://127.0.0.1:{port}/jwks"


@pytest.fixture
def without_keys(dead_end, issuer):
    return JWTVerifier(jwks_uri=dead_end, **issuer.expected)


class CannotTell(AuthProvider):
    async def authenticate(self, _request):
        raise TokenVerificationError("down")


def test_unreachable_keys_are_a_503_with_retry_after(without_keys, issuer, serve, reasons):
    with serve(without_keys) as server:
        reply = server.post(f"Bearer {issuer.token()}")
    # A second after the first failure they can be fetched again.
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body)["error"] == "temporarily_unavailable"
    assert "www-authenticate" not in reply.headers
    assert reasons() == ["keys_unavailable"]


def test_a_token_refused_without_keys_stays_a_401(without_keys, serve):
    with serve(without_keys) as server:
        assert [server.status(token) for token in ("garbage", "a.b.c", None)] == [401] * 3


def test_sessions_of_an_sse_server_have_the_same_answers(without_keys, issuer, serve):
    authorization = {"Authorization": f"Bearer {issuer.token()}"}
    with serve(without_keys, transport="sse") as server:
        assert server.request("GET", "/mcp", None, authorization).status == 503
        assert server.request("POST", "/messages/?session_id=x", "{}", authorization).status == 503
        assert server.request("POST", "/messages/?session_id=x", "{}").status == 401
    with serve(StaticTokenVerifier(["t"]), transport="sse") as server:
        authorization = {"Authorization": "Bearer t"}
        assert server.request("POST", "/messages/?session_id=x", "{}", authorization).status == 400


def _open_routes(mcp: FastMCP) -> None:
    @mcp.custom_route("/open", methods=["GET"])
    async def is_open(request):
        return PlainTextResponse(str(request.user.is_authenticated))

    @mcp.custom_route("/own-401", methods=["GET"])
    async def own_401(_request):
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        return JSONResponse({"error": "invalid_token"}, 401, headers)


@pytest.mark.parametrize("provider", [StaticTokenVerifier(["good"]), CannotTell()], ids=["static", "cannot-tell"])
def test_a_route_without_require_auth_is_served_with_any_credentials(provider, serve):
    with serve(provider, routes=_open_routes) as server:
        for authorization in ("Bearer bad", "Basic x", "Bearer", "nonsense", None):
            headers = {} if authorization is None else {"Authorization": authorization}
            reply = server.request("GET", "/open", None, headers)
            assert (reply.status, reply.body) == (200, b"False"), authorization
        assert server.post("Bearer bad").status in (401, 503)


def test_a_route_without_require_auth_sees_the_user(serve):
    with serve(StaticTokenVerifier(["good"]), routes=_open_routes) as server:
        assert server.request("GET", "/open", None, {"Authorization": "Bearer good"}).body == b"True"


def test_a_401_of_the_applications_own_stays_as_it_is(serve):
    with serve(CannotTell(), routes=_open_routes) as server:
        reply = server.request("GET", "/own-401", None, {"Authorization": "Bearer x"})
    assert (reply.status, json.loads(reply.body)) == (401, {"error": "invalid_token"})
    assert "retry-after" not in reply.headers


def test_a_server_inside_another_application_has_the_same_answers(serve, dead_end, issuer):
    def mounted(app):
        return Starlette(routes=[Mount("/inner", app=app)], lifespan=app.router.lifespan_context)

    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}

    def status(server, token):
        return server.request("POST", "/inner/mcp", "{}", {**headers, "Authorization": f"Bearer {token}"}).status

    with serve(StaticTokenVerifier(["good"]), around=mounted) as server:
        # The message is none: that the server says so shows that it was reached.
        assert [status(server, token) for token in ("good", "bad")] == [400, 401]
    with serve(JWTVerifier(jwks_uri=dead_end, **issuer.expected), around=mounted) as server:
        assert status(server, issuer.token()) == 503


def test_a_host_header_that_fastmcp_refuses_is_refused_before_the_provider_is_called(serve, line):
    has_checks = hasattr(fastmcp_http, "HostOriginGuardMiddleware")
    assert has_checks == (line >= (3, 3)), "which lines have the checks is itself tested"
    asked = []

    class Recording(AuthProvider):
        async def authenticate(self, request):
            asked.append(request)

    options = {"host_origin_protection": True, "allowed_hosts": ["server.example"]} if has_checks else {}
    with serve(Recording(), **options) as server:
        status = server.post("Bearer x", host="evil.example").status
        bad_origin = server.post("Bearer x", origin="https://evil.example").status
    if has_checks:
        assert (status, bad_origin, asked) == (421, 403, [])
    else:
        assert (status, bad_origin, len(asked) > 0) == (401, 401, True)


def test_middleware_of_the_application_runs_after_ours_and_keeps_its_own_401(serve):
    class RefusesAll:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                return await PlainTextResponse("no entry", 401)(scope, receive, send)
            return await self.app(scope, receive, send)

    with serve(CannotTell(), middleware=[Middleware(RefusesAll)]) as server:
        assert server.post("Bearer x").body == b"no entry"


def test_the_provider_gives_middleware_where_fastmcp_takes_it(line):
    provider = StaticTokenVerifier(["t"])
    assert _compat.takes_middleware() == (line > (2, 12, 0))
    assert len(provider.get_middleware()) == 1
    if line == (2, 12, 0):
        assert [type(route).__name__ for route in provider.get_routes()] == ["AuthenticationRoute"]
