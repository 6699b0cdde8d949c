"""FastMCP's own MultiAuth around several verifiers of ours. Only lines that have MultiAuth come here."""

import time
from dataclasses import replace

import pytest
from fastmcp.server.auth import MultiAuth
from fastmcp.server.auth.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier


@pytest.fixture(scope="module")
def first(issuers):
    return replace(issuers("KeyPair", "RS256"), name="https://first.example")


@pytest.fixture(scope="module")
def second(issuers):
    return replace(issuers("PyJWT", "ES256"), name="https://second.example")


def verifier(issuer, **options):
    return JWTVerifier(public_key=issuer.public_key, algorithm=issuer.algorithm, **issuer.expected, **options)


@pytest.fixture(scope="module")
def server(first, second, serve):
    with serve(MultiAuth(verifiers=[verifier(first, required_scopes=["read"]), verifier(second)])) as server:
        yield server


def test_each_verifier_accepts_its_own_issuers_tokens(server, first, second):
    for issuer in (first, second):
        seen = server.call(issuer.token(sub="bob"))
        assert seen["is_fastmcps_class"]
        assert seen["claims"]["sub"] == "bob"
        assert seen["claims"]["iss"] == issuer.name
        assert seen["scopes"] == ["read", "write"]
        # From 4.0 on FastMCP qualifies the client by the verifier that accepted it.
        assert seen.get("original_client_id") in (None, "bob")
        assert "bob" in seen["client_id"]


def test_the_same_client_of_two_issuers_is_not_confused(server, first, second, line):
    clients = {server.call(issuer.token(client_id="app"))["client_id"] for issuer in (first, second)}
    assert len(clients) == (2 if line >= (4,) else 1)


def test_a_token_that_claims_the_other_issuer_is_refused(server, first, second):
    assert server.status(first.token(iss=second.name)) == 401
    assert server.status(second.token(iss=first.name)) == 401


def test_a_missing_required_scope_is_refused_though_multi_auth_requires_none(server, first, second, reasons):
    assert server.status(first.token(scope="write")) == 403
    assert "insufficient_scope" in reasons()
    assert server.status(first.token(scope=None)) == 403
    # The other verifier requires none.
    assert server.status(second.token(scope=None)) == 200


def test_a_token_that_no_verifier_accepts_is_refused(server, first, second):
    bad = [issuer.token(exp=int(time.time()) - 5) for issuer in (first, second)]
    bad += [issuer.token(aud="https://other.example") for issuer in (first, second)]
    bad += ["garbage", "a.b.c", "x" * 50_000]
    assert [server.status(token) for token in bad] == [401] * len(bad)
    assert server.status(None) == 401


def test_an_override_that_refuses_refuses_inside_multi_auth(first, second, serve):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    denying = DenyList(public_key=first.public_key, **first.expected)
    with serve(MultiAuth(verifiers=[denying, verifier(second)])) as server:
        assert server.status(first.token(sub="mallory")) == 401
        assert server.status(first.token()) == 200
        assert server.status(second.token(sub="mallory")) == 200


def test_jwts_and_static_tokens_work_side_by_side(first, serve):
    static = StaticTokenVerifier({"a-token": {"user_id": "robot", "scope": ["run"]}})
    with serve(MultiAuth(verifiers=[verifier(first), static])) as server:
        assert server.call("a-token")["scopes"] == ["run"]
        assert server.call(first.token())["claims"]["sub"] == "alice"
        assert server.status("b-token") == 401


def test_a_verifier_of_ours_works_beside_a_remote_auth_provider(first, second, serve):
    def provider(url):
        remote = RemoteAuthProvider(verifier(first), [AnyHttpUrl(first.name)], base_url=url)
        return MultiAuth(server=remote, verifiers=[verifier(second)])

    with serve(provider) as server:
        assert [server.status(issuer.token()) for issuer in (first, second)] == [200, 200]
        assert "resource_metadata=" in server.post(None).headers["www-authenticate"]


def test_keys_out_of_reach_are_a_503_unless_another_verifier_accepts(first, second, serve, new_endpoint):
    endpoint = new_endpoint()
    endpoint.close()

    def provider(url):
        without_keys = JWTVerifier(jwks_uri=endpoint.url, **first.expected)
        remote = RemoteAuthProvider(without_keys, [AnyHttpUrl(first.name)], base_url=url)
        return MultiAuth(server=remote, verifiers=[verifier(second)])

    with serve(provider) as server:
        assert server.status(second.token()) == 200
        reply = server.post(f"Bearer {first.token()}")
    assert (reply.status, int(reply.headers["retry-after"]) > 0) == (503, True)


def test_the_refusal_of_the_latest_check_is_reported(first, second, serve):
    near, other = verifier(first, required_scopes=["read"]), verifier(second)
    for verifiers in ([near, other], [other, near]):
        with serve(MultiAuth(verifiers=verifiers)) as server:
            assert server.status(first.token(scope="write")) == 403
