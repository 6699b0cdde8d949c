"""Where RequireAuthMiddleware comes next, a refusal is answered without it; only a count of its calls shows that."""

import pytest
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from fastmcp_rs import _compat
from fastmcp_rs.auth import AuthProvider, JWTVerifier
from fastmcp_rs.auth.middleware import AuthenticationMiddleware
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
        base_url="https://server.example" if _compat.takes_middleware() else None,
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
    """Make a server's application, which has a route without RequireAuthMiddleware beside the one with it."""
    mcp = FastMCP("test", auth=provider)

    @mcp.custom_route("/open", methods=["GET"])
    async def is_open(request):
        return PlainTextResponse(str(request.user.is_authenticated))

    return mcp.http_app(path=PATH, **options)


@pytest.fixture
def require_auth_calls(monkeypatch):
    """Count the calls of RequireAuthMiddleware: ``require_auth_calls()``."""
    asked = []
    original = _compat.RequireAuthMiddleware.__call__

    async def counting(middleware, *request):
        asked.append(middleware)
        await original(middleware, *request)

    monkeypatch.setattr(_compat.RequireAuthMiddleware, "__call__", counting)
    return lambda: len(asked)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}/x", "/open", "/", "/.well-known/oauth-protected-resource"])
def test_the_response_is_the_same_with_other_middleware_in_front_of_require_auth(ask, verifier, refused, method, path):
    plain, watched = application(verifier), application(verifier, middleware=[Middleware(Passing)])
    for name, authorization in refused.items():
        answers = [ask(app, authorization, method, path)[0] for app in (plain, watched)]
        assert answers[0] == answers[1], name
        assert answers[0][0]["status"] in (200, 307, 400, 401, 403, 404, 405), name


def test_an_unavailable_decision_is_answered_the_same(ask):
    apps = application(CannotTell()), application(CannotTell(), middleware=[Middleware(Passing)])
    answers = [ask(app, "Bearer x")[0] for app in apps]
    assert answers[0] == answers[1]
    assert answers[0][0]["status"] == 503


def test_a_server_inside_another_application_answers_alike(ask, verifier, refused):
    plain, watched = application(verifier), application(verifier, middleware=[Middleware(Passing)])
    for name, authorization in refused.items():
        answers = [
            ask(Starlette(routes=[Mount("/inner", app=app)]), authorization, path=f"/inner{PATH}")[0]
            for app in (plain, watched)
        ]
        assert answers[0] == answers[1], name
        assert answers[0][0]["status"] in (400, 401, 403), name


def test_require_auth_is_not_called_where_it_comes_next(ask, verifier, require_auth_calls):
    answer, user = ask(application(verifier), "Bearer x")
    assert answer[0]["status"] == 401
    assert require_auth_calls() == 0
    assert not user.is_authenticated


def test_middleware_in_front_of_require_auth_sees_a_refused_request(ask, verifier, require_auth_calls):
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
    if not _compat.takes_middleware():
        # There our middleware is itself one of the routes.
        del ways[2:]
    plain = ask(application(verifier), "Bearer x")[0]
    for way in ways:
        Passing.seen = 0
        assert ask(way(), "Bearer x")[0] == plain, way.__name__
        assert (Passing.seen, require_auth_calls()) == (1, 0), way.__name__


def with_require_auth(provider, cls):
    """Make an application whose endpoint has a RequireAuthMiddleware of this class."""
    app = application(provider)
    for route in app.router.routes:
        if getattr(route, "path", None) == PATH:
            route.app = route.endpoint = cls(route.app.app, [])
    return app


def test_a_subclass_of_require_auth_decides_by_itself(ask, verifier):
    class Lenient(_compat.RequireAuthMiddleware):
        async def __call__(self, scope, receive, send):
            await PlainTextResponse("come in")(scope, receive, send)

    assert ask(with_require_auth(verifier, Lenient), "Bearer x")[0][1]["body"] == b"come in"
    assert ask(with_require_auth(CannotTell(), Lenient), "Bearer x")[0][1]["body"] == b"come in"


def test_a_subclass_words_its_refusals_itself_but_does_not_refuse_where_the_decision_is_unavailable(ask, verifier):
    class Worded(_compat.RequireAuthMiddleware):
        async def _send_auth_error(self, send, status_code, **_said):
            await PlainTextResponse("sign in first", status_code)({"type": "http"}, None, send)

    assert ask(with_require_auth(verifier, Worded), "Bearer x")[0][1]["body"] == b"sign in first"
    assert ask(with_require_auth(CannotTell(), Worded), "Bearer x")[0][0]["status"] == 503


def test_a_subclass_that_changes_no_method_answers_as_fastmcps_own_does(ask, verifier):
    class Named(_compat.RequireAuthMiddleware):
        name = "mine"

    plain = [{**ask(application(verifier), "Bearer x")[0][0]}]
    assert ask(with_require_auth(verifier, Named), "Bearer x")[0][0]["status"] == plain[0]["status"]
    assert ask(with_require_auth(CannotTell(), Named), "Bearer x")[0][0]["status"] == 503


def test_require_auth_accepts_a_user_of_other_middleware(ask, issuer, verifier):
    """As with FastMCP's own verifier: keys of an API are often looked up in middleware of the application."""

    class SignsIn:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            token = await verifier.verify_token(issuer.token())
            scope["user"], scope["auth"] = _compat.AuthenticatedUser(token), AuthCredentials(token.scopes)
            await self.app(scope, receive, send)

    async def protected(scope, receive, send):
        await PlainTextResponse("come in")(scope, receive, send)

    app = application(verifier, middleware=[Middleware(SignsIn)])
    for route in app.router.routes:
        if getattr(route, "path", None) == PATH:
            route.app.app = protected
    assert ask(app, "Bearer x")[0][1]["body"] == b"come in"


def test_a_route_in_front_of_require_auth_stays_open(ask, verifier):
    async def is_open(_request):
        return PlainTextResponse("open")

    app = application(verifier)
    layer_of_2_12_0 = 0 if _compat.takes_middleware() else 1
    app.router.routes.insert(layer_of_2_12_0, Route(PATH, is_open, methods=["POST"]))
    assert ask(app, "Bearer x")[0][1]["body"] == b"open"


def test_middleware_in_another_place_skips_no_require_auth(ask, verifier):
    Passing.seen = 0
    routes = [route for route in application(verifier).router.routes if isinstance(route, Route)]
    middleware = AuthenticationMiddleware(Passing(Router(routes)), verifier)
    assert ask(middleware, "Bearer x")[0][0]["status"] == 401
    assert Passing.seen == 1
