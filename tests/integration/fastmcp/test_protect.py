"""Responses of a server whose provider is FastMCP's, or an application's own, behind ``protect()``."""

import json
import logging

import pytest
from fastmcp import FastMCP
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth import JWTVerifier as FastMCPsJWTVerifier
from fastmcp.server.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware

from fastmcp_rs import _compat
from fastmcp_rs._compat.installed import optional
from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier, protect
from fastmcp_rs.errors import NestedProtectionWarning

URL_PARAMETER = _compat.server_url_parameter()
# Each line brings one of them.
CLIENT = next(filter(None, map(optional, ("httpx2", "httpx"))))
MultiAuth = getattr(fastmcp_auth, "MultiAuth", None)
GENERIC = "The token is not accepted"


def url_of(base):
    return {URL_PARAMETER: base}


def remote(verifier, base):
    return RemoteAuthProvider(verifier, [AnyHttpUrl("https://issuer.example")], **url_of(base))


def multi_of_verifiers(verifier, base):
    other = FastMCPsJWTVerifier(
        jwks_uri=verifier.jwks_uri, issuer="https://two.example", audience="x", required_scopes=["read"]
    )
    return MultiAuth(verifiers=[other, verifier], base_url=base, required_scopes=[])


def multi_of_a_server(verifier, base):
    return MultiAuth(server=remote(verifier, base), verifiers=[StaticTokenVerifier(["a-token"])])


class Vendor(RemoteAuthProvider):
    """A class such as those of vendors: built around a verifier, with a route of its own."""

    def __init__(self, verifier, base):
        super().__init__(verifier, [AnyHttpUrl("https://issuer.example")], **url_of(base))

    def get_routes(self, *arguments, **options):
        from starlette.responses import PlainTextResponse  # noqa: PLC0415 - as vendors do
        from starlette.routing import Route  # noqa: PLC0415 - likewise

        return [*super().get_routes(*arguments, **options), Route("/vendor", lambda _: PlainTextResponse("here"))]


SHAPES = {"alone": lambda verifier, _: verifier, "RemoteAuthProvider": remote, "vendor": Vendor}
if MultiAuth is not None:
    SHAPES |= {"MultiAuth of verifiers": multi_of_verifiers, "MultiAuth of a server": multi_of_a_server}

WITHOUT_METADATA = {"alone", "MultiAuth of verifiers"}
VERIFIERS = {"ours": JWTVerifier, "FastMCP's": FastMCPsJWTVerifier}


@pytest.fixture
def keys(issuer, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish([issuer.jwk])
    return endpoint


def verifier_of(issuer, keys, whose):
    return VERIFIERS[whose](jwks_uri=keys.url, required_scopes=["read"], **issuer.expected)


TABLE = {
    "no token": (None, 401, None),
    "expired": ({"exp": 1}, 401, "The token expired at 1970-01-01T00:00:01Z"),
    "wrong audience": ({"aud": "https://other.example"}, 401, GENERIC),
    "missing scope": ({"scope": "write"}, 403, "The token does not grant every scope that is needed"),
}


@pytest.mark.parametrize("whose", VERIFIERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_each_provider_has_the_documented_answers(issuer, serve, keys, whose, shape):
    def provider(url):
        return protect(SHAPES[shape](verifier_of(issuer, keys, whose), url))

    with serve(provider) as server:
        assert server.call(issuer.token())["client_id"]
        for claims, status, description in TABLE.values():
            reply = server.post(None if claims is None else f"Bearer {issuer.token(**claims)}")
            assert reply.status == status
            challenge = reply.headers["www-authenticate"]
            # Some lines name metadata that is not served as well.
            assert "resource_metadata" in challenge or shape in WITHOUT_METADATA
            if description is None:
                assert "error" not in challenge
            else:
                assert json.loads(reply.body)["error_description"] == description


@pytest.mark.parametrize("whose", VERIFIERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_keys_out_of_reach_are_a_503(issuer, serve, keys, reply, whose, shape, reasons):
    keys.answer = reply(500)
    with serve(lambda url: protect(SHAPES[shape](verifier_of(issuer, keys, whose), url))) as server:
        replies = [server.post(f"Bearer {issuer.token()}") for _ in range(3)]
    assert [reply.status for reply in replies] == [503] * 3
    assert all(int(reply.headers["retry-after"]) > 0 for reply in replies)
    assert not any("www-authenticate" in reply.headers for reply in replies)
    assert "keys_unavailable" in reasons()


def test_retry_after_says_when_keys_are_fetched_again(issuer, serve, keys, reply):
    keys.answer = reply(500)
    ours, theirs = (verifier_of(issuer, keys, whose) for whose in VERIFIERS)
    for verifier in (ours, theirs):
        with serve(lambda url, verifier=verifier: protect(remote(verifier, url))) as server:
            seconds = int(server.post(f"Bearer {issuer.token()}").headers["retry-after"])
        # FastMCP's waits from 3.0 on; before, each request fetches.
        expected = 1 if verifier is ours else getattr(verifier, "_jwks_refresh_interval", 5)
        assert abs(seconds - expected) <= 1


class Own(fastmcp_auth.TokenVerifier):
    """A provider that the server's operator wrote, which does whatever a test says."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    async def verify_token(self, _token):
        answer = self.answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


def chained(cause):
    error = RuntimeError("the provider's own words")
    error.__cause__ = cause
    return error


def status_error(status):
    request = CLIENT.Request("GET", "https://issuer.example")
    return CLIENT.HTTPStatusError("x", request=request, response=CLIENT.Response(status, request=request))


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (CLIENT.ConnectError("x"), 503, "custom_check_unavailable"),
        (CLIENT.ReadTimeout("x"), 503, "custom_check_unavailable"),
        (chained(CLIENT.ConnectError("x")), 503, "custom_check_unavailable"),
        (ConnectionRefusedError(), 503, "custom_check_unavailable"),
        (status_error(502), 503, "custom_check_unavailable"),
        (status_error(429), 503, "custom_check_unavailable"),
        (status_error(401), 401, "custom_check_failed"),
        (KeyError("a bug"), 401, "custom_check_failed"),
        ((_compat.unavailable_error() or CLIENT.ConnectError)("x"), 503, "custom_check_unavailable"),
        (None, 401, "denied"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_exceptions_of_a_provider_are_unavailable_or_refusals_by_their_type(serve, reasons, error, status, reason):
    with serve(protect(Own(error))) as server:
        reply = server.post("Bearer a-token")
    assert (reply.status, reasons()) == (status, [reason])
    assert ("retry-after" in reply.headers) == (status == 503)


def test_a_refusal_without_a_known_reason_has_fastmcps_text(serve):
    with serve(Own(None)) as theirs, serve(protect(Own(None))) as ours:
        expected, got = theirs.post("Bearer a-token"), ours.post("Bearer a-token")
    assert (got.status, got.body) == (expected.status, expected.body)
    assert got.headers["www-authenticate"] == expected.headers["www-authenticate"]


def test_an_accepted_token_is_the_object_that_the_provider_returned(serve):
    token = fastmcp_auth.AccessToken(token="a-token", client_id="app", scopes=["read"], expires_at=None)
    provider = protect(Own(token))
    with serve(provider) as server:
        assert server.call("a-token")["client_id"] == "app"
    assert provider.stats()["accepted"] > 0


def test_a_subclass_of_fastmcps_verifier_may_refuse_for_reasons_of_its_own(issuer, serve, reasons):
    class Stricter(FastMCPsJWTVerifier):
        async def load_access_token(self, _token):
            return None

    with serve(protect(Stricter(public_key=issuer.public_key, **issuer.expected))) as server:
        assert server.status(issuer.token(exp=1)) == 401
    assert reasons() == ["denied"]


def test_an_explanation_of_a_refusal_never_changes_the_decision(issuer, serve, reasons):
    verifier = FastMCPsJWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    # By its attributes the token is a good one.
    vars(verifier)["_extract_scopes"] = lambda _: []
    with serve(protect(verifier)) as server:
        assert server.status(issuer.token()) == 401
    assert reasons() == ["denied"]


def test_the_refusal_of_the_latest_check_is_reported(issuer, serve):
    if MultiAuth is None:
        return
    other = JWTVerifier(secret="a shared secret of the tests that is long enough", audience="x")
    near = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    for verifiers in ([other, near], [near, other]):
        with serve(protect(MultiAuth(verifiers=verifiers, required_scopes=[]))) as server:
            assert server.status(issuer.token(scope="write")) == 403


def test_protect_returns_the_same_object_with_its_routes(issuer, keys, ask):
    provider = Vendor(verifier_of(issuer, keys, "ours"), "https://server.example")
    before = [route.path for route in FastMCP("test", auth=provider).http_app(path="/mcp").routes]
    assert protect(provider) is provider
    assert protect(provider) is provider
    app = FastMCP("test", auth=provider).http_app(path="/mcp")
    assert [route.path for route in app.routes if hasattr(route, "path")] == before
    assert ask(app, None, path="/vendor", method="GET")[0][0]["status"] == 200


@pytest.mark.parametrize("where", ["instance", "class"])
def test_functions_set_on_a_provider_later_are_called(issuer, serve, keys, monkeypatch, where):
    async def refuse_all(*_):
        return None

    provider = protect(remote(verifier_of(issuer, keys, "ours"), "https://server.example"))
    with serve(provider) as server:
        assert server.status(issuer.token()) == 200
        monkeypatch.setattr(provider if where == "instance" else RemoteAuthProvider, "verify_token", refuse_all)
        assert server.status(issuer.token()) == 401


def test_a_provider_of_this_package_needs_no_protection():
    verifier = StaticTokenVerifier(["a-token"])
    assert protect(verifier) is verifier
    assert "get_middleware" not in vars(verifier)


class Slotted(Own):
    def __setattr__(self, name, value):
        if name.startswith("get_") or name == "verify_token":
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_the_error_for_what_cannot_be_protected_names_its_method():
    with pytest.raises(TypeError, match=r"object has no get_middleware\(\)"):
        protect(object())
    with pytest.raises(TypeError, match=r"Slotted\.get_\w+ cannot be set"):
        protect(Slotted(None))


def test_a_provider_with_its_own_authentication_middleware_is_an_error():
    class Another(Own):
        def get_middleware(self):
            return [Middleware(object)]

    if _compat.takes_middleware():
        with pytest.raises(TypeError, match=r"Another\.get_middleware\(\) does not ask"):
            protect(Another(None))


def test_further_middleware_of_a_provider_stays(ask):
    seen = []

    class Counting:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            seen.append(scope["path"])
            await self.app(scope, receive, send)

    class WithMiddleware(Own):
        def get_middleware(self):
            return [*super().get_middleware(), Middleware(Counting)]

    if _compat.takes_middleware():
        sent, _ = ask(FastMCP("test", auth=protect(WithMiddleware(None))).http_app(path="/mcp"), None)
        assert (sent[0]["status"], seen) == (401, ["/mcp"])


def test_protect_inside_another_provider_warns_and_has_no_effect(issuer, keys):
    inner = protect(remote(verifier_of(issuer, keys, "FastMCP's"), "https://server.example"))
    with pytest.warns(NestedProtectionWarning, match="RemoteAuthProvider"):
        protect(remote(inner, "https://server.example"))
    if MultiAuth is not None:
        outer = MultiAuth(server=protect(remote(verifier_of(issuer, keys, "ours"), "https://server.example")))
        with pytest.warns(NestedProtectionWarning, match="MultiAuth"):
            FastMCP("test", auth=outer).http_app(path="/mcp")


def test_each_decision_is_counted_once(issuer, serve, keys):
    provider = protect(remote(verifier_of(issuer, keys, "ours"), "https://server.example"))
    with serve(provider) as server:
        assert [server.status(token) for token in (issuer.token(), issuer.token(exp=1), "garbage")] == [200, 401, 401]
    counts = provider.stats()
    assert counts["accepted"] == 1
    assert counts["rejected"] == {"expired": 1, "malformed_token": 1}


@pytest.mark.parametrize("whose", VERIFIERS)
def test_an_outage_fills_no_log(issuer, serve, keys, reply, whose, monkeypatch):
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter())
    keys.answer = reply(500)
    written = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(handler.format(record))
    loggers = [
        logging.getLogger(name) for name in ("fastmcp_rs", "fastmcp_rs.auth", "fastmcp_rs.keys", "uvicorn.error")
    ]
    for logger in loggers[1:]:
        logger.addHandler(handler)
    try:
        with serve(lambda url: protect(remote(verifier_of(issuer, keys, whose), url))) as server:
            assert {server.status(issuer.token()) for _ in range(50)} == {503}
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert written
    assert sum(map(len, written)) < 2048


def test_the_audience_of_a_verifier_inside_is_the_resource_that_is_served(issuer, serve):
    def provider(url):
        verifier = JWTVerifier(
            public_key=issuer.public_key,
            issuer=issuer.name,
            authorization_servers=[issuer.name],
            **url_of("https://elsewhere.example"),
        )
        return protect(remote(verifier, url))

    with serve(provider) as server:
        resource = server.url if URL_PARAMETER == "base_url" else server.base_url
        assert server.status(issuer.token(aud=resource)) == 200
        assert server.status(issuer.token(aud="https://elsewhere.example/mcp")) == 401
