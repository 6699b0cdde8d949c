"""The documented API works without FastMCP, whether the MCP SDK is there or not."""

import asyncio
import json
import pickle
import re
import subprocess
import sys
import time

import pytest

import fastmcp_rs
from fastmcp_rs import AccessToken, JWTVerifier, StaticTokenVerifier, jws
from fastmcp_rs.testing import KeyPair

ISSUER = "https://issuer.example"
AUDIENCE = "https://server.example/mcp"
ALGORITHMS = ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"]


class Request:
    def __init__(self, token: str | None) -> None:
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}


def authenticate(verifier, token: str | None):
    return asyncio.run(verifier.authenticate(Request(token)))


@pytest.fixture(scope="module")
def pair():
    return KeyPair.generate("ES256")


def token_of(pair, **claims):
    return pair.create_token("alice", ISSUER, AUDIENCE, ["read"], additional_claims=claims)


def verifier_of(pair, made=JWTVerifier, **options):
    return made(public_key=pair.public_key, algorithm=pair.algorithm, issuer=ISSUER, audience=AUDIENCE, **options)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_authenticate_gives_the_documented_access_token(algorithm):
    pair = KeyPair.generate(algorithm)
    token = token_of(pair, role="admin")
    seen = authenticate(verifier_of(pair), token)
    assert type(seen) is AccessToken
    assert (seen.token, seen.user_id, seen.scope, seen.metadata["role"]) == (token, "alice", ["read"], "admin")
    assert seen.has_scope("read")
    assert not seen.is_expired()


def test_authenticate_refuses_bad_tokens_and_says_why(pair, caplog):
    bad = {
        "expired": token_of(pair, exp=int(time.time()) - 5),
        "not_yet_valid": token_of(pair, nbf=int(time.time()) + 600),
        "issuer_mismatch": token_of(pair, iss="https://evil.example"),
        "audience_mismatch": token_of(pair, aud="https://other.example"),
        "insufficient_scope": token_of(pair, scope="write"),
        "invalid_signature": token_of(KeyPair.generate("ES256")),
        "malformed_token": "garbage",
        "token_too_large": "A" * 1_000_000,
        "missing_token": None,
    }
    verifier = verifier_of(pair, required_scopes=["read"])
    with caplog.at_level("DEBUG", logger="fastmcp_rs.auth"):
        assert [authenticate(verifier, token) for token in bad.values()] == [None] * len(bad)
    assert [record.reason for record in caplog.records] == list(bad)


def test_authenticate_takes_an_asgi_scope(pair):
    scope = {"type": "http", "headers": [(b"authorization", b"Bearer " + token_of(pair).encode())]}
    assert asyncio.run(verifier_of(pair).authenticate(scope)).user_id == "alice"


def test_static_tokens_are_authenticated():
    verifier = StaticTokenVerifier({"token": {"user_id": "alice", "scope": ["read"], "role": "user"}})
    seen = authenticate(verifier, "token")
    assert (seen.user_id, seen.scope, seen.metadata["role"]) == ("alice", ["read"], "user")
    assert authenticate(verifier, "other") is None


def test_a_subclass_that_overrides_authenticate_decides(pair):
    class DenyList(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    verifier = verifier_of(pair, DenyList)
    assert authenticate(verifier, token_of(pair)).user_id == "alice"
    assert authenticate(verifier, token_of(pair, sub="mallory")) is None


def test_settings_take_effect_and_read_back(pair):
    verifier = verifier_of(pair, base_url="https://server.example", required_scopes=["read"])
    assert (verifier.algorithm, verifier.issuer, verifier.audience) == ("ES256", ISSUER, AUDIENCE)
    assert (verifier.public_key, verifier.jwks_uri) == (pair.public_key, None)
    assert (verifier.base_url, verifier.required_scopes) == ("https://server.example", ["read"])
    verifier.issuer = "https://new.example"
    assert authenticate(verifier, token_of(pair)) is None
    assert authenticate(verifier, token_of(pair, iss="https://new.example")).user_id == "alice"


def test_a_configuration_that_cannot_work_is_an_error(pair):
    with pytest.raises(ValueError, match="no key"):
        JWTVerifier(audience=AUDIENCE)
    with pytest.raises(ValueError, match="PEM"):
        JWTVerifier(pair.public_key, audience=AUDIENCE)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(verifier_of(pair))


def test_signatures_alone_are_verified(pair):
    token = token_of(pair, exp=1)
    assert json.loads(jws.verify(token, json.dumps(pair.jwk())))["exp"] == 1
    with pytest.raises(fastmcp_rs.errors.TokenRejectedError) as refused:
        jws.verify(token, json.dumps(KeyPair.generate("ES256").jwk()))
    assert refused.value.code == "invalid_signature"


def test_the_package_imports_neither_fastmcp_nor_the_mcp_sdk():
    hosts = "{'fastmcp', 'mcp', 'httpx', 'httpx2', 'starlette', 'pydantic'}"
    code = f"import sys, fastmcp_rs; print(sorted({hosts} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "from fastmcp_rs import FastMCP",
        "from fastmcp_rs import Client",
        "from fastmcp_rs import Context",
        "import fastmcp_rs; fastmcp_rs.FastMCP",
        "from fastmcp_rs.exceptions import ClientError",
        "from fastmcp_rs.server.dependencies import get_http_headers",
        "from fastmcp_rs.server.dependencies import get_access_token; get_access_token()",
        "from fastmcp_rs.server.dependencies import validate_scopes; validate_scopes(['read'])",
        "from fastmcp_rs.server.dependencies import require_scope; require_scope('read')(print)()",
    ],
)
def test_names_that_need_fastmcp_name_the_extra_to_install(code):
    with pytest.raises(ImportError, match=re.escape("pip install 'fastmcp-rs[fastmcp]'")):
        exec(code, {})  # noqa: S102 - the code is above


def test_the_documented_module_paths_are_there_all_the_same():
    assert fastmcp_rs.server.auth.JWTVerifier is JWTVerifier
    assert fastmcp_rs.server.auth.AccessToken is AccessToken
    assert "get_access_token" in dir(fastmcp_rs.server.dependencies)
    assert "ClientError" in dir(fastmcp_rs.exceptions)
    assert not hasattr(fastmcp_rs.exceptions, "__path__")


def test_the_demo_names_what_to_install():
    done = subprocess.run(
        [sys.executable, "-m", "fastmcp_rs", "demo"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "fastmcp-rs[fastmcp]" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
