"""Where FastMCP's gate comes next, a refusal is answered in its place; nobody can tell but whoever counts its calls."""

import asyncio

import pytest
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from fastmcp_rs import host
from fastmcp_rs.auth import AuthProvider, JWTVerifier
from fastmcp_rs.auth.layer import AuthenticationLayer
from fastmcp_rs.errors import TokenVerificationError

PATH = "/mcp"


class Passing:
    """Middleware that changes nothing, and counts what it sees."""

    seen = 0

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            type(self).seen += 1
        await self.app(scope, receive, send)


class CannotTell(AuthProvider):
    async def verify_token(self, _token):
        raise TokenVerificationError("down")


@pytest.fixture
def verifier(issuer):
    return JWTVerifier(
        public_key=issuer.public_key,
        required_scopes=["read"],
        base_url="https://server.example" if host.takes_middleware() else None,
        **issuer.expected,
    )


@pytest.fixture
def refused(issuer):
    """What a client may present that is refused, each for another reason."""
    return {
        "nothing": None,
        "another scheme": "Basic x",
        "garbage": "Bearer x",
        "two tokens in one": "Bearer x, Bearer y",
        "expired": f"Bearer {issuer.token(exp=1)}",
        "another audience": f"Bearer {issuer.token(aud='x')}",
        "too little scope": f"Bearer {issuer.token(scope='write')}",
    }


def application(provider, **options):
    """Make a server's application, which has a route without a gate beside the one with it."""
    mcp = FastMCP("test", auth=provider)

    @mcp.custom_route("/open", methods=["GET"])
    async def is_open(request):
        return PlainTextResponse(str(request.user.is_authenticated))

    return mcp.http_app(path=PATH, **options)


def ask(app, authorization, method="POST", path=PATH, root_path=""):
    """Send a request straight to an application, and give all that it sends."""
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append({name: value for name, value in message.items() if value != {}})

    asyncio.run(app(scope, receive, send))
    return sent, scope.get("user")


@pytest.fixture
def of_the_gate(monkeypatch):
    """Give how often FastMCP's gate was asked: ``of_the_gate()``."""
    asked = []
    ask_gate = host.Gate.__call__

    async def counting(gate, *request):
        asked.append(gate)
        await ask_gate(gate, *request)

    monkeypatch.setattr(host.Gate, "__call__", counting)
    return lambda: len(asked)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}/x", "/open", "/", "/.well-known/oauth-protected-resource"])
def test_whether_something_stands_before_the_gate_shows_in_no_answer(verifier, refused, method, path):
    plain, watched = application(verifier), application(verifier, middleware=[Middleware(Passing)])
    for name, authorization in refused.items():
        answers = [ask(app, authorization, method, path)[0] for app in (plain, watched)]
        assert answers[0] == answers[1], name
        assert answers[0][0]["status"] in (200, 307, 400, 401, 403, 404, 405), name


def test_what_nobody_can_tell_is_answered_alike():
    apps = application(CannotTell()), application(CannotTell(), middleware=[Middleware(Passing)])
    answers = [ask(app, "Bearer x")[0] for app in apps]
    assert answers[0] == answers[1]
    assert answers[0][0]["status"] == 503


def test_a_server_inside_another_application_answers_alike(verifier, refused):
    plain, watched = application(verifier), application(verifier, middleware=[Middleware(Passing)])
    for name, authorization in refused.items():
        answers = [
            ask(Starlette(routes=[Mount("/inner", app=app)]), authorization, path=f"/inner{PATH}")[0]
            for app in (plain, watched)
        ]
        assert answers[0] == answers[1], name
        assert answers[0][0]["status"] in (400, 401, 403), name


def test_the_gate_is_not_asked_where_it_comes_next(verifier, of_the_gate):
    answer, user = ask(application(verifier), "Bearer x")
    assert answer[0]["status"] == 401
    assert of_the_gate() == (0 if host.takes_middleware() else 1)
    assert not user.is_authenticated


def test_whatever_stands_before_the_gate_sees_what_is_refused(verifier, of_the_gate):
    """Each of the ways in which an application can put something there, of which a limiter or a log may be one."""

    def middleware_of_the_application():
        return application(verifier, middleware=[Middleware(Passing)])

    def around_the_endpoint():
        app = application(verifier)
        for route in app.router.routes:
            if hasattr(route, "app"):
                route.app = Passing(route.app)
        return app

    def around_the_routes():
        app = application(verifier)
        app.router.middleware_stack = Passing(app.router.app)
        return app

    def a_router_of_another_kind():
        class Counting(Router):
            async def app(self, scope, receive, send):
                await Passing(super().app)(scope, receive, send)

        app = application(verifier)
        app.router = Counting(app.router.routes)
        return app

    ways = [middleware_of_the_application, around_the_endpoint, around_the_routes, a_router_of_another_kind]
    if not host.takes_middleware():
        # There the layer is itself one of the routes.
        del ways[2:]
    for number, way in enumerate(ways, start=1):
        Passing.seen = 0
        assert ask(way(), "Bearer x")[0][0]["status"] == 401
        assert (Passing.seen, of_the_gate()) == (1, number), way.__name__


def test_a_gate_of_somebodys_own_decides_by_itself(verifier):
    class Lenient(host.Gate):
        async def __call__(self, scope, receive, send):
            await PlainTextResponse("come in")(scope, receive, send)

    app = application(verifier)
    for route in app.router.routes:
        if getattr(route, "path", None) == PATH:
            route.app = Lenient(route.app, [])
    assert ask(app, "Bearer x")[0][1]["body"] == b"come in"


def test_a_route_before_the_gate_stays_open(verifier):
    async def is_open(_request):
        return PlainTextResponse("open")

    app = application(verifier)
    layer_of_2_12_0 = 0 if host.takes_middleware() else 1
    app.router.routes.insert(layer_of_2_12_0, Route(PATH, is_open, methods=["POST"]))
    assert ask(app, "Bearer x")[0][1]["body"] == b"open"


def test_a_layer_that_stands_elsewhere_leaves_out_nothing(verifier):
    Passing.seen = 0
    routes = [route for route in application(verifier).router.routes if isinstance(route, Route)]
    layer = AuthenticationLayer(Passing(Router(routes)), verifier)
    assert ask(layer, "Bearer x")[0][0]["status"] == 401
    assert Passing.seen == 1
