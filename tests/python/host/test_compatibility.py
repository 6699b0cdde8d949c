"""docs/compatibility.md tells what FastMCP does and what this project does; here both are observed, row by row.

The document's tables are the ledger. A difference that is not as they say fails, and so does one that has vanished.
"""

import asyncio
import json
import os
import pickle
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import fastmcp
import fastmcp.client.auth
import fastmcp.server.auth
import fastmcp.server.dependencies
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastmcp.server.auth.providers import jwt

import fastmcp_rs
import fastmcp_rs.client.auth
import fastmcp_rs.server.auth
import fastmcp_rs.server.dependencies

DOCUMENT = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
# The name of a row, what FastMCP does, and what is done here.
LEDGER = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", DOCUMENT, re.MULTILINE)

GOOD = {"iss": "issuer", "aud": "server", "sub": "alice", "scope": "read"}
SECRET = "a shared secret of the tests that is as long as SHA-512's output"


@dataclass(frozen=True)
class Side:
    """Where one side has what the documented API names."""

    package: Any
    auth: Any
    client_auth: Any
    dependencies: Any


FASTMCPS = Side(
    fastmcp,
    SimpleNamespace(
        **{name: getattr(fastmcp.server.auth, name) for name in ("AccessToken", "AuthProvider", "OAuthProvider")},
        RemoteAuthProvider=fastmcp.server.auth.RemoteAuthProvider,
        JWTVerifier=jwt.JWTVerifier,
        StaticTokenVerifier=jwt.StaticTokenVerifier,
    ),
    fastmcp.client.auth,
    fastmcp.server.dependencies,
)
OURS = Side(fastmcp_rs, fastmcp_rs.server.auth, fastmcp_rs.client.auth, fastmcp_rs.server.dependencies)

ROWS = {}


def row(observe):
    """Take a function as the observation of a row: of a side, with the fixtures at hand. It gives a text."""
    ROWS[observe.__name__.replace("_", "-")] = observe
    return observe


def attempt(do):
    """What comes of doing it."""
    try:
        do()
    except Exception as error:  # noqa: BLE001 - which one is what is observed
        return f"`{type(error).__name__}`"
    return "works"


def verifier(side, **options):
    given = {"public_key": SECRET, "algorithm": "HS256", "issuer": "issuer", "audience": "server", **options}
    return side.auth.JWTVerifier(**given)


def verdict(provider, token):
    try:
        return "refused" if asyncio.run(provider.verify_token(token)) is None else "accepted"
    except Exception as error:  # noqa: BLE001 - which one is what is observed
        return f"`{type(error).__name__}`"


def of_token(claims, header=None):
    """A row about a token."""
    return lambda side, at: verdict(verifier(side), at.forge(claims, header))


# Names and arguments


@row
def auth_provider(side, _):
    return attempt(lambda: side.package.FastMCP("test", auth_provider=verifier(side)))


@row
def authenticate(side, _):
    return "there" if hasattr(side.auth.AuthProvider, "authenticate") else "absent"


@row
def jwt_verifier(side, _):
    return attempt(lambda: side.auth.JWTVerifier(SECRET, algorithms=["HS256"], audience="server", issuer="issuer"))


@row
def static_list(side, _):
    return attempt(lambda: asyncio.run(side.auth.StaticTokenVerifier(["token"]).verify_token("token")))


@row
def static_metadata(side, _):
    tokens = {"token": {"user_id": "alice", "scope": ["read"]}}
    return attempt(lambda: asyncio.run(side.auth.StaticTokenVerifier(tokens).verify_token("token")))


@row
def oauth_provider(side, _):
    names = {"client_id": "id", "client_secret": "secret", "token_url": "https://auth.example/token"}
    return attempt(lambda: side.auth.OAuthProvider(**names, audience="server"))


@row
def remote_auth_provider(side, _):
    return attempt(lambda: side.auth.RemoteAuthProvider(verify_url="https://auth.example/verify", timeout=5.0))


@row
def access_token(side, _):
    return attempt(lambda: side.auth.AccessToken("token", user_id="alice", scope=["read"]).has_scope("read"))


@row
def get_access_token(side, at):
    def asks() -> str:
        return json.dumps(hasattr(side.dependencies.get_access_token(), "user_id"))

    with at.serve(
        side.auth.StaticTokenVerifier(tokens={"token": {"client_id": "alice", "scopes": []}}), asks
    ) as server:
        return "the documented `AccessToken`" if server.call("token", "asks") else "FastMCP's `AccessToken`"


@row
def require_scope(side, _):
    return "there" if hasattr(side.dependencies, "require_scope") else "absent"


@row
def validate_scopes(side, _):
    return "there" if hasattr(side.dependencies, "validate_scopes") else "absent"


@row
def oauth_client(side, _):
    names = {"client_id": "id", "client_secret": "secret", "token_url": "https://auth.example/token"}
    return attempt(lambda: side.client_auth.OAuth(**names, scope=["read"]))


@row
def get_token(side, _):
    return "there" if hasattr(side.client_auth.OAuth, "get_token") else "absent"


@row
def refused_client(side, at):
    async def connecting(url):
        async with side.package.Client(url, auth="another"):
            pass

    with at.serve(OURS.auth.StaticTokenVerifier(["token"])) as server:
        return attempt(lambda: asyncio.run(connecting(server.url)))


@row
def result_text(side, _):
    def tool() -> str:
        return "text"

    mcp = FASTMCPS.package.FastMCP("test")
    mcp.tool(tool)

    async def calling():
        async with side.package.Client(mcp) as client:
            return await client.call_tool("tool")

    return "there" if hasattr(asyncio.run(calling()), "text") else "absent"


# Tokens

ROWS["not-before"] = lambda side, at: verdict(verifier(side), at.forge({**GOOD, "nbf": int(time.time()) + 600}))
ROWS["bound"] = of_token({**GOOD, "cnf": {"jkt": "x"}})
ROWS["exp-null"] = of_token({**GOOD, "exp": None})
ROWS["exp-too-far"] = of_token({**GOOD, "exp": 10**15})
ROWS["aud-mixed"] = of_token({**GOOD, "aud": [1, "server"]})
ROWS["client-id-number"] = of_token({**GOOD, "client_id": 1})
ROWS["name-twice"] = of_token(json.dumps(GOOD).encode()[:-1] + b',"sub":"mallory"}')
ROWS["byte-order-mark"] = of_token(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
ROWS["crit-empty"] = of_token(GOOD, {"alg": "HS256", "crit": []})
ROWS["too-large"] = of_token({**GOOD, "x": "x" * 50_000})


@row
def exp_now(side, at):
    # The clock stands still for FastMCP; here the second has come when the token is made, and does not go again.
    now = int(time.time())
    with mock.patch("time.time", return_value=float(now)):
        token = at.forge({**GOOD, "exp": now})
        return verdict(verifier(side), token)


@row
def scope_tab(side, at):
    return verdict(verifier(side, required_scopes=["read"]), at.forge({**GOOD, "scope": "x\tread"}))


# Configuration


@row
def issuer_empty(side, _):
    return attempt(lambda: verifier(side, issuer=[]))


@row
def audience_empty(side, _):
    return attempt(lambda: verifier(side, audience=""))


@row
def scopes_empty(side, _):
    return attempt(lambda: verifier(side, required_scopes=""))


@row
def key_replaced(side, _):
    made = verifier(side)
    return attempt(lambda: setattr(made, "public_key", "another secret of the tests that is long enough for HS256"))


def _rsa(bits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rsa.generate_private_key(65537, bits)


def _with_key(side, pem):
    return attempt(lambda: verifier(side, public_key=pem, algorithm="RS256"))


@row
def rsa_short(side, _):
    return _with_key(
        side, _rsa(1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )


@row
def rsa_pss(side, _):
    pem = Path(__file__).parents[2].joinpath("vectors/keys/rsa-pss.spki.pem").read_text()
    return attempt(lambda: verifier(side, public_key=pem, algorithm="PS256"))


@row
def private_key(side, _):
    pem = _rsa(2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _with_key(side, pem.decode())


@row
def secret_pem(side, _):
    pem = _rsa(2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return attempt(lambda: verifier(side, public_key=pem))


@row
def secret_reads_back(side, _):
    return "the secret" if verifier(side).public_key == SECRET else "`None`"


@row
def pickled(side, _):
    return attempt(lambda: pickle.dumps(verifier(side)))


@row
def validate_issuer(side, at):
    """Override it, and expect no issuer."""
    asked = []

    class Verifier(side.auth.JWTVerifier):
        def _validate_issuer(self, issuer):
            asked.append(issuer)
            return True

    verdict(Verifier(public_key=SECRET, algorithm="HS256", audience="server"), at.forge(GOOD))
    return "asked" if asked else "not asked"


@row
def verification_key(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _get_verification_key(self, _):
                return SECRET

        Verifier(public_key=SECRET, algorithm="HS256", audience="server")

    return attempt(overridden)


@row
def environment(side, _):
    variables = {"FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY": SECRET, "FASTMCP_SERVER_AUTH_JWT_ALGORITHM": "HS256"}
    with mock.patch.dict(os.environ, variables):
        return attempt(lambda: side.auth.JWTVerifier(audience="server"))


# Answers


@row
def scope_missing(side, at):
    with at.serve(verifier(side, required_scopes=["write"])) as server:
        return str(server.status(at.forge(GOOD)))


@row
def token_twice(side, at):
    token = at.forge(GOOD)
    with at.serve(verifier(side)) as server:
        return str(server.post(f"Bearer {token}, Bearer {token}").status)


@row
def keys_unavailable(side, at):
    # Nothing listens on port 9.
    remote = verifier(side, public_key=None, jwks_uri="http://127.0.0.1:9/jwks", algorithm="RS256")
    with at.serve(remote) as server:
        return str(server.status(at.issuer.token()))


# The test


@pytest.fixture
def at(serve, forge, issuer):
    return SimpleNamespace(serve=serve, forge=forge, issuer=issuer)


def outcomes(cell):
    """What a cell says, by the first line that does so: ``accepted; from 4.2: refused``."""
    first, *later = cell.strip().split("; from ")
    changes = (change.partition(": ") for change in later)
    return {(): first, **{tuple(map(int, since.split("."))): said for since, _, said in changes}}


def test_each_row_is_observed_and_each_observation_has_its_row():
    assert sorted(name for name, _, _ in LEDGER) == sorted(ROWS)


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_both_do_as_the_document_says(name, theirs, ours, at, line):
    said = [outcome for since, outcome in outcomes(theirs).items() if line >= since][-1]
    assert (said, ours.strip()) == (ROWS[name](FASTMCPS, at), ROWS[name](OURS, at))


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_each_row_is_a_difference(name, theirs, ours):
    assert set(outcomes(theirs).values()) != {ours.strip()}, f"{name}: strike it from the document"
