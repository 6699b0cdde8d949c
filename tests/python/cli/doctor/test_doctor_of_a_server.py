"""``fastmcp-rs doctor --url``, beside real FastMCP servers."""

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy, RemoteAuthProvider
from key_value.aio.stores.memory import MemoryStore
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

from fastmcp_rs.auth import JWTVerifier

ORIGIN = "https://client.example"
CORS = Middleware(
    CORSMiddleware,
    allow_origins=[ORIGIN],
    allow_methods=["*"],
    allow_headers=["*"],
    expose_headers=["WWW-Authenticate", "Mcp-Session-Id"],
)


def protected(issuer, address, *, base_url=None, middleware=()):
    verifier = JWTVerifier.from_issuer(issuer.url, audience=f"{address}/mcp")
    auth = RemoteAuthProvider(token_verifier=verifier, authorization_servers=[issuer.url], base_url=base_url or address)
    return FastMCP("protected", auth=auth).http_app(path="/mcp", middleware=list(middleware))


def test_a_correct_server_passes_every_check(doctor, issuer, serve_app):
    with serve_app(lambda address: protected(issuer, address, middleware=[CORS])) as address:
        code, checks = doctor("--url", f"{address}/mcp", "--origin", ORIGIN)
    assert code == 0, checks
    assert [(check, result) for check, result, _ in checks[3:]] == [
        ("challenge", "passed"),
        ("resource metadata", "passed"),
        ("resource", "passed"),
        ("authorization servers", "passed"),
        ("keys", "passed"),
        ("clock", "passed"),
        ("preflight", "passed"),
        ("exposed headers", "passed"),
    ]


def test_a_missing_preflight_is_advice(doctor, issuer, serve_app, result_of):
    with serve_app(lambda address: protected(issuer, address)) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 0
    assert result_of(checks, "preflight")[0] == "advice"
    assert "deployment.html#browser-clients" in doctor.fixes["preflight"]
    assert "\n" not in doctor.fixes["preflight"], "the code is for those who name an origin"


def test_response_headers_that_are_not_exposed_are_named(doctor, issuer, serve_app, result_of):
    hidden = Middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_methods=["*"], allow_headers=["*"])
    with serve_app(lambda address: protected(issuer, address, middleware=[hidden])) as address:
        _, checks = doctor("--url", f"{address}/mcp", "--origin", ORIGIN)
    assert result_of(checks, "preflight")[0] == "passed"
    result, text = result_of(checks, "exposed headers")
    assert result == "advice"
    assert "www-authenticate, mcp-session-id" in text


def test_a_resource_that_is_not_the_url_fails(doctor, issuer, serve_app, result_of):
    """The server is asked by the name localhost, which its metadata does not have."""
    with serve_app(lambda address: protected(issuer, address)) as address:
        code, checks = doctor("--url", f"{address.replace('127.0.0.1', 'localhost')}/mcp")
    assert code == 1
    assert result_of(checks, "resource")[0] == "failed"


def test_metadata_that_cannot_be_reached_fails(doctor, issuer, serve_app, result_of):
    with serve_app(lambda address: protected(issuer, address, base_url="http://127.0.0.1:9")) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 1
    assert result_of(checks, "resource metadata")[0] == "failed"


def test_a_verifier_without_metadata_is_advice(doctor, issuer, serve_app, result_of):
    verifier = JWTVerifier.from_issuer(issuer.url, audience="here")
    with serve_app(lambda _: FastMCP("bare", auth=verifier).http_app(path="/mcp")) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 0
    assert result_of(checks, "challenge") == ("passed", "401, Bearer")
    assert result_of(checks, "resource metadata")[0] == "advice"


async def _keyless(request):
    issuer = str(request.base_url).rstrip("/")
    return JSONResponse({"issuer": issuer, "token_endpoint": f"{issuer}/token", "response_types_supported": []})


def test_a_proxy_that_is_its_own_authorization_server_needs_no_keys(doctor, issuer, serve_app, result_of):
    def proxy(address):
        auth = OAuthProxy(
            upstream_authorization_endpoint=f"{issuer.url}/authorize",
            upstream_token_endpoint=f"{issuer.url}/token",
            upstream_client_id="id",
            upstream_client_secret="secret",
            token_verifier=JWTVerifier.from_issuer(issuer.url, audience="here"),
            base_url=address,
            client_storage=MemoryStore(),
            jwt_signing_key="a secret of at least 32 bytes for tests",
        )
        return FastMCP("proxy", auth=auth).http_app(path="/mcp")

    with serve_app(proxy) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 0, checks
    result, text = result_of(checks, "keys")
    assert result == "passed"
    assert "publishes none: it is this server" in text


def test_an_issuer_without_keys_elsewhere_is_advice(doctor, serve_app, result_of):
    keyless = Starlette(routes=[Route("/.well-known/oauth-authorization-server", _keyless)])
    with serve_app(lambda _: keyless) as address:
        code, checks = doctor("--issuer", address)
    assert code == 0
    assert result_of(checks, "keys") == ("advice", f"{address} publishes none: its metadata has no jwks_uri")
    assert doctor.fixes["keys"].startswith("nothing, if it is asked about each token")


@pytest.mark.parametrize("there", [True, False])
def test_keys_cannot_be_checked_without_metadata(doctor, serve_app, result_of, there):
    """A server that answers 404 has no metadata; one that is out of reach may have some."""

    def server(address):
        verifier = JWTVerifier(jwks_uri=f"{address}/jwks", audience="here")
        named = f"{address}/tenant" if there else "http://127.0.0.1:9"
        auth = RemoteAuthProvider(token_verifier=verifier, authorization_servers=[named], base_url=address)
        return FastMCP("protected", auth=auth).http_app(path="/mcp")

    with serve_app(server) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    result, text = result_of(checks, "keys")
    assert (code, result) == ((0, "advice") if there else (3, "unavailable"))
    assert ("so MCP clients cannot sign in" in text) is there
    assert ("fastmcp-rs doctor server.py" in doctor.fixes["keys"]) is there


async def _unauthorized(_):
    return PlainTextResponse("no", 401)


async def _moved(_):
    return RedirectResponse("/elsewhere")


async def _broken(_):
    return PlainTextResponse("oops", 502)


@pytest.mark.parametrize("named", ["file:///etc/hostname", "ftp://127.0.0.1/", "nothing", "http://[::1"])
def test_metadata_that_is_no_http_url_is_not_read(doctor, serve_app, result_of, named):
    async def challenge(_):
        return PlainTextResponse("no", 401, {"WWW-Authenticate": f'Bearer resource_metadata="{named}"'})

    with serve_app(lambda _: Starlette(routes=[Route("/mcp", challenge, methods=["POST"])])) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 1
    result, text = result_of(checks, "resource metadata")
    assert result == "failed"
    assert "cannot be read" in text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/unauthorized", "401 without WWW-Authenticate"),
        ("/moved", "a redirect (307) to /elsewhere"),
        ("/broken", "502 for a request without a token"),
        ("/nothing", "there is nothing at /nothing (404)"),
    ],
)
def test_an_answer_without_a_challenge_fails(doctor, serve_app, result_of, path, message):
    routes = [
        Route("/unauthorized", _unauthorized, methods=["POST", "OPTIONS"]),
        Route("/moved", _moved, methods=["POST"]),
        Route("/broken", _broken, methods=["POST"]),
    ]
    with serve_app(lambda _: Starlette(routes=routes)) as address:
        code, checks = doctor("--url", f"{address}{path}")
    assert code == 1
    result, text = result_of(checks, "challenge")
    assert result == "failed"
    assert message in text


def test_a_server_that_answers_without_a_token_fails(doctor, serve_app, result_of):
    with serve_app(lambda _: FastMCP("open").http_app(path="/mcp")) as address:
        code, checks = doctor("--url", f"{address}/mcp")
    assert code == 1
    assert result_of(checks, "challenge") == ("failed", "the server answers without a token")


def test_a_server_out_of_reach_is_unavailable(doctor, result_of):
    code, checks = doctor("--url", "http://127.0.0.1:9/mcp")
    assert code == 3
    assert result_of(checks, "server")[0] == "unavailable"
