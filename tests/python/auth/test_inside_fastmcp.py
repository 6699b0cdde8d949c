"""To FastMCP the verifiers are its own kind, and several of them work side by side."""

import asyncio
import json

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, AuthProvider, MultiAuth, RemoteAuthProvider, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPJWTVerifier
from mcp.server.auth.provider import AccessToken as SDKAccessToken

from fastmcp_rs import _compat, auth
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

ONE, OTHER = KeyPair.generate("RS256"), KeyPair.generate("ES256")


def verifier_of(pair: KeyPair, issuer: str | list[str], **arguments) -> JWTVerifier:
    return JWTVerifier(
        public_key=pair.public_key, algorithm=pair.algorithm, issuer=issuer, audience="server", **arguments
    )


def token_of(pair: KeyPair, issuer: str, **claims) -> str:
    return pair.create_token("alice", issuer, "server", additional_claims=claims)


def test_the_verifiers_are_instances_of_fastmcps_classes(secret):
    jwt_verifier, static = JWTVerifier(secret, audience="server"), StaticTokenVerifier(["t"])
    assert isinstance(jwt_verifier, FastMCPJWTVerifier)
    for one in (jwt_verifier, static):
        assert isinstance(one, TokenVerifier)
        assert isinstance(one, AuthProvider)
    assert not isinstance(static, FastMCPJWTVerifier)


def test_the_roles_of_the_host_are_those_of_the_installed_fastmcp():
    assert _compat.TokenVerifierBase is TokenVerifier
    assert _compat.JWTVerifierBase is FastMCPJWTVerifier
    assert _compat.FastMCPAccessToken is AccessToken
    assert _compat.fastmcp() is not None
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        _ = _compat.Other


def test_the_token_is_of_the_class_that_fastmcp_checks_for(ask, forge, secret):
    for verifier, token in [
        (JWTVerifier(secret, audience="server"), forge({"aud": "server"})),
        (StaticTokenVerifier(["t"]), "t"),
    ]:
        _, fastmcp = ask(verifier, token)
        assert type(fastmcp) is AccessToken
        assert isinstance(fastmcp, SDKAccessToken)


def test_the_token_copies_and_dumps_as_fastmcps_own_does(ask, forge, secret):
    _, fastmcp = ask(JWTVerifier(secret, audience="server"), forge({"aud": "server", "sub": "alice", "n": 1.0}))
    assert AccessToken(**fastmcp.model_dump()) == fastmcp
    assert AccessToken.model_validate_json(fastmcp.model_dump_json()) == fastmcp
    assert set(fastmcp.model_dump()) == set(AccessToken.model_fields)
    for copied in (fastmcp.model_copy(), fastmcp.model_copy(deep=True)):
        assert copied == fastmcp
    assert "fastmcp_rs" not in repr(fastmcp)


def test_a_server_takes_a_verifier_as_its_auth(secret):
    verifier = JWTVerifier(secret, audience="server")
    assert FastMCP("server", auth=verifier).auth is verifier
    provider = RemoteAuthProvider(
        token_verifier=verifier, authorization_servers=["https://issuer.example"], base_url="https://server.example"
    )
    assert FastMCP("server", auth=provider).auth is provider


def test_two_verifiers_with_two_issuers_work_in_one_multi_auth():
    multi = MultiAuth(
        verifiers=[verifier_of(ONE, "https://one.example"), verifier_of(OTHER, ["https://other.example", "x"])]
    )

    def user(token: str):
        answer = asyncio.run(multi.verify_token(token))
        return None if answer is None else (answer.subject, answer.claims["iss"])

    assert user(token_of(ONE, "https://one.example")) == ("alice", "https://one.example")
    assert user(token_of(OTHER, "https://other.example")) == ("alice", "https://other.example")
    # Neither key speaks for the other's issuer.
    for token in (
        token_of(ONE, "https://other.example"),
        token_of(OTHER, "https://one.example"),
        token_of(KeyPair.generate("RS256"), "https://one.example"),
        "garbage",
    ):
        assert user(token) is None


def test_verifiers_of_both_kinds_work_in_one_multi_auth():
    multi = MultiAuth(
        verifiers={"people": verifier_of(ONE, "https://one.example"), "machines": StaticTokenVerifier(["t"])}
    )
    for token, good in [(token_of(ONE, "https://one.example"), True), ("t", True), ("u", False)]:
        assert (asyncio.run(multi.verify_token(token)) is not None) is good


def test_a_verifier_beside_fastmcps_own_works_in_one_multi_auth():
    theirs = FastMCPJWTVerifier(public_key=OTHER.public_key, algorithm="ES256", issuer="other", audience="server")
    multi = MultiAuth(verifiers=[verifier_of(ONE, "one"), theirs])
    for pair, issuer, good in [(ONE, "one", True), (OTHER, "other", True), (ONE, "other", False)]:
        assert (asyncio.run(multi.verify_token(token_of(pair, issuer))) is not None) is good


def test_a_token_without_a_required_scope_is_refused_inside_multi_auth_too():
    """MultiAuth checks no scopes of its own, and would let in whatever the verifier returns."""
    multi = MultiAuth(verifiers=[verifier_of(ONE, "one", required_scopes=["read"])])
    assert asyncio.run(multi.verify_token(token_of(ONE, "one", scope="write"))) is None
    assert asyncio.run(multi.verify_token(token_of(ONE, "one", scope="write read"))) is not None


def test_the_settings_that_fastmcp_sets_take_effect():
    """FastMCP's providers set what they need on a verifier that they are given."""
    verifier = verifier_of(ONE, "one")
    json.dumps([verifier.issuer, verifier.audience, verifier.required_scopes])
    assert verifier.scopes_supported == []
    verifier.required_scopes = ["read"]
    assert verifier.scopes_supported == ["read"]
    assert asyncio.run(verifier.verify_token(token_of(ONE, "one"))) is None


def test_the_names_of_the_package_are_listed_and_others_are_not_there():
    assert set(auth.__all__) <= set(dir(auth))
    with pytest.raises(AttributeError, match="no attribute 'OAuthProxy'"):
        _ = auth.OAuthProxy
