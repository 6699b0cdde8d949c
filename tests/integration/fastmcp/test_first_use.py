"""Mistakes and needs of people who use this for the first time."""

import json
import pathlib

import pytest

import fastmcp_rs
from fastmcp_rs.auth import AccessToken, AuthProvider, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError


class ByKey(AuthProvider):
    async def authenticate(self, request):
        return AccessToken("k", user_id="u") if request.headers.get("x-api-key") == "k" else None


@pytest.mark.parametrize("provider", ["", [], 0, False, 5, "a-token", JWTVerifier, NotImplemented], ids=repr)
def test_a_value_that_is_no_provider_does_not_leave_a_server_open(provider):
    with pytest.raises(TypeError, match="auth_provider must be a provider"):
        fastmcp_rs.FastMCP("x", auth_provider=provider)
    assert fastmcp_rs.FastMCP("x", auth_provider=None).auth is None
    assert fastmcp_rs.FastMCP("x", auth_provider=StaticTokenVerifier(["t"])).auth is not None


def test_detailed_errors_have_at_least_the_default_details(issuer, serve):
    detailed = JWTVerifier(public_key=issuer.public_key, detailed_errors=True, **issuer.expected)
    with serve(detailed) as server:
        expired = json.loads(server.post(f"Bearer {issuer.token(exp=1)}").body)
        twice = json.loads(server.post("Bearer a, Bearer b").body)
        early = json.loads(server.post(f"Bearer {issuer.token(nbf=4_000_000_000)}").body)
    assert expired["error_description"] == "The token has expired (it expired at 1970-01-01T00:00:01Z)"
    assert twice["error_description"] == "The credentials are not presented once, as one bearer token"
    assert early["error_description"] == "The token is not yet valid (it is valid from 2096-10-02T07:06:40Z)"


def test_a_provider_of_another_scheme_asks_for_credentials_as_any_does(serve, reasons):
    with serve(ByKey()) as server:
        for headers in ({}, {"x_api_key": "wrong"}):
            reply = server.post(None, **headers)
            assert (reply.status, reply.body) == (401, b"")
            assert "error=" not in reply.headers["www-authenticate"]
        assert b"invalid_token" in server.post("Bearer x").body
        assert server.post(None, x_api_key="k").status == 200
    assert set(reasons()) == {"denied"}


def test_the_log_has_the_cause_of_an_unavailable_provider(serve, records):
    class Down(AuthProvider):
        async def authenticate(self, _request):
            raise TokenVerificationError("redis timed out") from OSError("unreachable")

    with serve(Down()) as server:
        assert server.post("Bearer x").status == 503
    error = records()[-1].exc_info[1]
    assert (str(error), str(error.__cause__)) == ("redis timed out", "unreachable")


def test_the_other_access_token_is_named_in_full(serve, records):
    class Mixed(AuthProvider):
        async def verify_token(self, token):
            return AccessToken(token)

    with serve(Mixed()) as server:
        assert server.status("x") == 401
    assert "not FastMCP's AccessToken" in str(records()[-1].exc_info[1])


class Blocking:
    """Has the methods of httpx's blocking client."""

    def stream(self): ...
    def close(self): ...


@pytest.mark.parametrize("client", ["x", object(), 5, Blocking()], ids=lambda client: type(client).__name__)
def test_an_http_client_of_a_wrong_type_is_an_error_at_construction(client):
    with pytest.raises(ValueError, match="AsyncClient"):
        JWTVerifier(jwks_uri="https://issuer.example/jwks", audience="a", http_client=client)


def test_the_query_of_a_url_is_never_shown(caplog):
    verifier = JWTVerifier(jwks_uri="https://issuer.example/jwks?key=PLANTED", audience="a")
    assert verifier.keys()["source"] == "https://issuer.example/jwks"
    assert "PLANTED" not in repr(verifier) + str(verifier.stats()) + caplog.text


def test_the_error_for_a_path_in_the_place_of_a_key_says_what_to_do():
    with pytest.raises(ValueError, match=r"\.read_text\(\)"):
        JWTVerifier(public_key=pathlib.Path("issuer.pem"), audience="a")


def test_a_static_verifier_has_a_repr_of_its_own():
    assert repr(StaticTokenVerifier(["a-secret-token"])) == "StaticTokenVerifier(required_scopes=[])"
