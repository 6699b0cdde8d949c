"""``fastmcp-rs doctor server.py`` of servers that ask about tokens: the endpoint, and keys that are not needed."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from fastmcp_rs.auth import OAuthProvider

AUTH = "auth = OAuthProvider({})"


class AuthorizationServer:
    """Tells about tokens, and publishes metadata without keys."""

    def __init__(self, *, names_endpoint=True):
        self.names_endpoint = names_endpoint

    def __call__(self, address):
        async def metadata(_):
            members = {"issuer": address, "token_endpoint": f"{address}/oauth/token"}
            named = {"introspection_endpoint": f"{address}/introspect"} if self.names_endpoint else {}
            return JSONResponse(members | named)

        async def introspect(_):
            return JSONResponse({"active": False})

        where = "/.well-known/oauth-authorization-server"
        return Starlette(routes=[Route(where, metadata), Route("/introspect", introspect, methods=["POST"])])


@pytest.mark.parametrize(
    "given",
    [
        '"id", "secret", "{0}/oauth/token", audience="here"',
        '"id", "secret", issuer="{0}", introspection_url="{0}/introspect", audience="here"',
    ],
)
def test_an_authorization_server_without_keys_that_introspects_passes(doctor, file, serve_app, result_of, given):
    with serve_app(AuthorizationServer()) as address:
        code, checks = doctor(file(AUTH.format(given.format(address))))
    assert code == 0, checks
    result, text = result_of(checks, "keys")
    assert result == "note"
    assert text.endswith("publishes none: it is asked about each token")
    assert result_of(checks, "clock")[0] == "passed"
    assert result_of(checks, "introspection")[0] == "passed"


def test_an_authorization_server_without_keys_and_introspection_fails(doctor, file, serve_app, result_of):
    with serve_app(AuthorizationServer(names_endpoint=False)) as address:
        code, checks = doctor(file(AUTH.format(f'"id", "secret", "{address}/oauth/token", audience="here"')))
    assert code == 1
    assert result_of(checks, "keys")[0] == "failed"


@pytest.mark.parametrize("issuer", ["{}/nothing", "http://127.0.0.1:9"])
def test_keys_that_only_jwts_need_may_be_out_of_reach(doctor, file, serve_app, result_of, issuer):
    with serve_app(AuthorizationServer()) as address:
        named = f'issuer="{issuer.format(address)}", introspection_url="{address}/introspect"'
        code, checks = doctor(file(AUTH.format(f'"id", "secret", {named}, audience="here"')))
    assert code == 0, checks
    result, text = result_of(checks, "keys")
    assert result == "note"
    assert text.startswith("JWTs get 503 without them")


def test_keys_and_introspection_both_out_of_reach_are_unavailable(doctor, file, result_of):
    nowhere = 'issuer="http://127.0.0.1:9", introspection_url="http://127.0.0.1:9/introspect"'
    code, checks = doctor(file(AUTH.format(f'"id", "secret", {nowhere}, audience="here"')))
    assert code == 3
    assert result_of(checks, "keys")[0] == "unavailable"


def test_a_token_url_that_differs_from_the_metadata_fails_with_the_fix(doctor, file, serve_app, result_of):
    with serve_app(AuthorizationServer()) as address:
        token_url = f"{address}/oauth/token/"
        code, checks = doctor(file(AUTH.format(f'"id", "secret", "{token_url}", audience="here"')))
        explained = asyncio.run(OAuthProvider("id", "secret", token_url, audience="here").explain("an-opaque-token"))
    assert code == 1
    reason = 'its "token_endpoint" is not the token_url, which must be a copy of it'
    result, text = result_of(checks, "keys")
    assert result == "failed"
    assert reason in text
    assert doctor.fixes["keys"].startswith("copy token_endpoint")
    assert doctor.fixes["introspection"].startswith("mend what the keys check says")
    assert explained.code == "introspection_unavailable"
    assert reason in explained.fix
    assert "out of reach" not in explained.reason


class Introspection:
    """Answers about tokens: as told."""

    def __init__(self, answer, status=200):
        self.answer, self.status = answer, status

    def __call__(self, _):
        return Starlette(routes=[Route("/introspect", self.endpoint, methods=["POST"])])

    async def endpoint(self, _):
        return JSONResponse(self.answer, self.status)


OAUTH = 'auth = OAuthProvider("id", "secret", introspection_url="{}/introspect", audience="here")'
REMOTE = 'from fastmcp_rs.auth import RemoteAuthProvider\nauth = RemoteAuthProvider("{}/introspect")'
FASTMCPS = (
    "from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier\n"
    'auth = IntrospectionTokenVerifier(introspection_url="{}/introspect", client_id="id", client_secret="secret")'
)


@pytest.mark.parametrize(
    ("auth", "answer", "status", "result"),
    [
        (OAUTH, {"active": False}, 200, "passed"),
        (OAUTH, {"error": "invalid_client"}, 401, "failed"),
        (OAUTH, {"active": True, "aud": "here", "sub": "everybody"}, 200, "failed"),
        (OAUTH, {"active": True, "aud": "elsewhere"}, 200, "passed"),
        (OAUTH, {}, 500, "unavailable"),
        (REMOTE, {"valid": False}, 200, "passed"),
        (REMOTE, {"valid": True}, 200, "failed"),
        (REMOTE, {}, 503, "unavailable"),
        (FASTMCPS, {}, 401, "passed"),
        (FASTMCPS, {}, 502, "unavailable"),
    ],
)
def test_an_introspection_endpoint_is_asked_about_a_made_up_token(
    doctor, file, serve_app, result_of, auth, answer, status, result
):
    with serve_app(Introspection(answer, status)) as address:
        _, checks = doctor(file(auth.format(address)))
    assert result_of(checks, "introspection")[0] == result


@pytest.mark.parametrize("auth", [OAUTH, REMOTE, FASTMCPS])
def test_an_introspection_endpoint_that_does_not_answer_is_unavailable(doctor, file, result_of, auth):
    code, checks = doctor(file(auth.format("http://127.0.0.1:9")))
    assert code == 3
    assert result_of(checks, "introspection")[0] == "unavailable"


def test_a_server_without_an_introspection_endpoint_is_advice(doctor, file, oauth_provider, result_of):
    _, checks = doctor(file(oauth_provider))
    assert result_of(checks, "introspection")[0] == "advice"


def test_a_url_without_an_introspection_endpoint_fails(doctor, file, serve_app, result_of):
    with serve_app(Introspection({})) as address:
        code, checks = doctor(file(FASTMCPS.format(f"{address}/elsewhere")))
    assert code == 1
    assert result_of(checks, "introspection")[0] == "failed"


def test_a_verification_service_without_audiences_is_advice(doctor, file, serve_app, result_of):
    with serve_app(Introspection({"valid": False})) as address:
        code, checks = doctor(file(REMOTE.format(address)))
    assert code == 0, checks
    assert result_of(checks, "audience")[0] == "advice"
