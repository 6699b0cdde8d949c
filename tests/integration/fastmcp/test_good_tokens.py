"""Tokens of each algorithm are accepted from FastMCP's own client by its server, and the tool sees the right user."""

import json
import time

import pytest
from fastmcp.server.auth.auth import AccessToken

from fastmcp_rs.auth import JWTVerifier

SIGNERS = ["KeyPair", "PyJWT"]

# Both sets of constructor arguments, and every way to give a key.
VERIFIERS = {
    "RS256": lambda issuer: JWTVerifier(public_key=issuer.public_key, **issuer.expected),
    "HS256": lambda issuer: JWTVerifier(
        issuer.public_key, algorithms=["HS256"], audience=issuer.audience, issuer=issuer.name
    ),
    "ES256": lambda issuer: JWTVerifier(
        public_key=json.dumps({"keys": [issuer.jwk]}), algorithm="ES256", **issuer.expected
    ),
    "EdDSA": lambda issuer: JWTVerifier(public_key=issuer.public_key, algorithm="EdDSA", **issuer.expected),
}


@pytest.fixture(scope="module", params=[(signer, name) for signer in SIGNERS for name in VERIFIERS], ids="-".join)
def case(request, issuers, serve):
    signer, algorithm = request.param
    issuer = issuers(signer, algorithm)
    with serve(VERIFIERS[algorithm](issuer)) as server:
        yield issuer, server


def test_the_tool_sees_the_user_by_fastmcps_own_access_token(case):
    issuer, server = case
    token = issuer.token(client_id="app-7", email="alice@example.org")

    seen = server.call(token)

    claims = json.loads(json.dumps(seen["claims"]))
    assert seen["is_fastmcps_class"]
    assert seen["token"] == token
    assert seen["client_id"] == "app-7"
    assert seen["scopes"] == ["read", "write"]
    assert time.time() < seen["expires_at"] <= time.time() + 3600
    assert claims["email"] == "alice@example.org"
    assert claims["sub"] == "alice"
    assert claims["iss"] == issuer.name
    if "subject" in AccessToken.model_fields:
        assert seen["subject"] == "alice"


def test_without_a_client_id_the_user_is_the_client(case):
    issuer, server = case
    assert server.call(issuer.token(sub="bob"))["client_id"] == "bob"


def test_a_token_of_another_key_is_refused(case, issuers, reasons):
    issuer, server = case
    other = issuers("PyJWT" if issuer is issuers("KeyPair", issuer.algorithm) else "KeyPair", issuer.algorithm)
    assert server.status(other.token()) == 401
    # A key set is searched by the key id, which is not among its.
    assert reasons() == ["unknown_key" if issuer.algorithm == "ES256" else "invalid_signature"]
