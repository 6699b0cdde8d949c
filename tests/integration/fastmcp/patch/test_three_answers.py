"""Answers of servers with FastMCP's own providers under ``install()``: three differ, and no other byte does."""

import json

import pytest
from fastmcp import FastMCP
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth import JWTVerifier, RemoteAuthProvider
from fastmcp.server.auth.auth import AuthProvider
from pydantic import AnyHttpUrl

import fastmcp_rs
from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier as OurVerifier
from fastmcp_rs.auth import protect

URL_PARAMETER = _compat.server_url_parameter()
MultiAuth = getattr(fastmcp_auth, "MultiAuth", None)


@pytest.fixture(autouse=True)
def undone():
    yield
    fastmcp_rs.uninstall()


@pytest.fixture
def keys(issuer, new_endpoint):
    endpoint = new_endpoint()
    endpoint.publish([issuer.jwk])
    return endpoint


def verifier_of(issuer, keys, cls=JWTVerifier):
    return cls(jwks_uri=keys.url, required_scopes=["read"], **issuer.expected)


def remote(verifier):
    return lambda url: RemoteAuthProvider(verifier, [AnyHttpUrl("https://issuer.example")], **{URL_PARAMETER: url})


SHAPES = {
    "alone": lambda issuer, keys: lambda _: verifier_of(issuer, keys),
    "RemoteAuthProvider": lambda issuer, keys: remote(verifier_of(issuer, keys)),
    "RemoteAuthProvider of ours": lambda issuer, keys: remote(verifier_of(issuer, keys, OurVerifier)),
}
if MultiAuth is not None:
    SHAPES |= {
        "MultiAuth of verifiers": lambda issuer, keys: (
            lambda url: MultiAuth(
                verifiers=[
                    JWTVerifier(public_key=issuer.public_key, issuer="https://two.example", audience="x"),
                    verifier_of(issuer, keys),
                ],
                base_url=url,
                required_scopes=[],
            )
        ),
        "MultiAuth of a server": lambda issuer, keys: (
            lambda url: MultiAuth(server=remote(verifier_of(issuer, keys))(url))
        ),
    }


def refusals(server, issuer):
    """The answers to requests of every kind, by the kind, without what names the server."""
    tokens = {
        "none": None,
        "good": issuer.token(),
        "expired": issuer.token(exp=1),
        "scope": issuer.token(scope="write"),
        "audience": issuer.token(aud="https://other.example"),
        "issuer": issuer.token(iss="https://other.example"),
        "garbage": "garbage",
        "signature": issuer.token()[:-8] + "AAAAAAAA",
    }
    replies = {name: server.post(None if token is None else f"Bearer {token}") for name, token in tokens.items()}
    return {
        name: (
            reply.status,
            {key: value.replace(server.base_url, "") for key, value in reply.headers.items() if key not in VARYING},
            b"" if name == "good" else reply.body,
        )
        for name, reply in replies.items()
    }


VARYING = {"date", "mcp-session-id"}


@pytest.mark.parametrize("shape", SHAPES)
def test_three_answers_differ_from_fastmcps_and_nothing_else(issuer, serve, keys, shape):
    with serve(SHAPES[shape](issuer, keys)) as server:
        before = refusals(server, issuer)
    fastmcp_rs.install()
    with serve(SHAPES[shape](issuer, keys)) as server:
        after = refusals(server, issuer)
    tells = _compat.takes_middleware()
    # A verifier of this package has every reason in its answers, with and without install().
    differing = {"expired", "scope"} if tells and shape != "RemoteAuthProvider of ours" else set()
    assert {name for name in before if before[name] != after[name]} == differing
    assert before["good"][0] == 200
    if tells:
        status, headers, body = after["expired"]
        assert (status, json.loads(body)["error"]) == (401, "invalid_token")
        assert "1970-01-01" in json.loads(body)["error_description"]
        assert ("resource_metadata" in headers["www-authenticate"]) == (
            "resource_metadata" in before["expired"][1]["www-authenticate"]
        )
        status, headers, body = after["scope"]
        assert (status, json.loads(body)["error"]) == (403, "insufficient_scope")
        assert 'scope="read"' in headers["www-authenticate"]


@pytest.mark.parametrize("shape", SHAPES)
def test_keys_out_of_reach_are_a_503(issuer, serve, keys, reply, shape):
    keys.answer = reply(500)
    fastmcp_rs.install()
    with serve(SHAPES[shape](issuer, keys)) as server:
        replies = [server.post(f"Bearer {issuer.token()}") for _ in range(2)]
    if _compat.takes_middleware():
        assert [reply.status for reply in replies] == [503, 503]
        assert all(int(reply.headers["retry-after"]) > 0 for reply in replies)


def test_an_exception_that_is_no_network_error_stays_a_500(serve):
    class Broken(fastmcp_auth.TokenVerifier):
        async def verify_token(self, _token):
            raise KeyError

    fastmcp_rs.install()
    with serve(Broken()) as server:
        assert server.status("a-token") == 500


def test_after_uninstall_running_servers_answer_as_fastmcp_does(issuer, serve, keys):
    middleware = vars(AuthProvider).get("get_middleware")
    with serve(SHAPES["RemoteAuthProvider"](issuer, keys)) as server:
        before = refusals(server, issuer)
    fastmcp_rs.install()
    with serve(SHAPES["RemoteAuthProvider"](issuer, keys)) as server:
        assert _compat.takes_middleware() == (refusals(server, issuer) != before)
        fastmcp_rs.uninstall()
        assert refusals(server, issuer) == before
    assert vars(AuthProvider).get("get_middleware") is middleware


def test_the_middleware_is_an_instance_of_fastmcps_class(issuer, keys):
    fastmcp_rs.install()
    provider = SHAPES["RemoteAuthProvider"](issuer, keys)("https://server.example")
    if _compat.takes_middleware():
        names = [entry.cls.__name__ for entry in provider.get_middleware()]
        assert names == ["AuthenticationMiddleware", "AuthContextMiddleware"]
        assert type(provider.get_middleware()[0].kwargs["backend"]).__name__ == "BearerAuthBackend"


def test_protect_works_under_install(issuer, serve, keys):
    fastmcp_rs.install()
    with serve(lambda url: protect(SHAPES["RemoteAuthProvider"](issuer, keys)(url))) as server:
        reply = server.post(f"Bearer {issuer.token(aud='https://other.example')}")
    assert json.loads(reply.body)["error_description"] == "The token is not accepted"


def test_a_server_without_a_provider_is_unchanged(serve):
    fastmcp_rs.install()
    with serve(None) as server:
        assert server.status(None) == 200
    assert FastMCP("test").http_app(path="/mcp") is not None
