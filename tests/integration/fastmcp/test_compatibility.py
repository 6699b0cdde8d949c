"""docs/compatibility.md tells what FastMCP does and what this project does; here both are observed, row by row.

The document's tables are the ledger. A difference that is not as they say fails, and so does one that has vanished.
"""

import asyncio
import base64
import functools
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
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastmcp.server.auth.providers import jwt

import fastmcp_rs
import fastmcp_rs.client.auth
import fastmcp_rs.server.auth
import fastmcp_rs.server.dependencies
from fastmcp_rs import _compat

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


# Published keys


@functools.cache
def _published():
    """A private key, and another."""
    return _rsa(2048), _rsa(2048)


def _base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _number(number):
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _jwk(key, kid="k"):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}


def _token_of(key):
    parts = [{"alg": "RS256", "kid": "k"}, {**GOOD, "exp": int(time.time()) + 600}]
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def of_key(change):
    """A row about the key that a token names, as it is published beside another."""

    def observed(side, at):
        signs, beside = _published()
        endpoint = at.new_endpoint()
        endpoint.answer = at.reply(200, f'{{"keys":[{change(_jwk(signs))},{json.dumps(_jwk(beside, "other"))}]}}')
        remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256")
        return verdict(remote, _token_of(signs))

    return observed


def of_set(change, status=200):
    """A row about a set, as a text of a body, with the status of its answer."""

    def observed(side, at):
        signs, _ = _published()
        endpoint = at.new_endpoint()
        endpoint.answer = at.reply(status, change(json.dumps(_jwk(signs))))
        remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256")
        return verdict(remote, _token_of(signs))

    return observed


def _with(**members):
    return lambda jwk: json.dumps({**jwk, **members})


def _private(jwk):
    numbers = _published()[0].private_numbers()
    members = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1}
    return json.dumps(
        {**jwk, **{name: _number(number) for name, number in members.items()}, "qi": _number(numbers.iqmp)}
    )


ROWS["jwk-private"] = of_key(_private)
ROWS["jwk-encryption"] = of_key(_with(use="enc"))
ROWS["jwk-algorithm"] = of_key(_with(alg="RS512"))
ROWS["jwk-base64"] = of_key(lambda jwk: json.dumps({**jwk, "n": f"{jwk['n']}=="}))
ROWS["jwk-name-twice"] = of_key(lambda jwk: f'{json.dumps(jwk)[:-1]},"kid":"k"}}')
ROWS["jwk-operation-twice"] = of_key(_with(key_ops=["verify", "verify"]))
ROWS["jwk-same-id"] = of_key(lambda jwk: f"{json.dumps(_jwk(_published()[1]))},{json.dumps(jwk)}")
ROWS["jwk-set-name-twice"] = of_set(lambda jwk: f'{{"keys":[],"keys":[{jwk}]}}')
ROWS["jwk-set-utf-16"] = of_set(lambda jwk: f'{{"keys":[{jwk}]}}'.encode("utf-16"))
ROWS["jwk-set-status"] = of_set(lambda jwk: f'{{"keys":[{jwk}]}}', status=206)

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
ROWS["id-token"] = of_token({**GOOD, "at_hash": "x"})
ROWS["refresh-token"] = of_token({**GOOD, "token_use": "refresh"})
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
def key_unreadable(side, _):
    return _with_key(side, "abc")


@row
def secret_and_url(side, _):
    return attempt(
        lambda: side.auth.JWTVerifier(jwks_uri="https://issuer.example/jwks", algorithm="HS256", audience="a")
    )


@row
def list_of_the_caller(side, at):
    given = ["other"]
    made = verifier(side, audience=given)
    given.append(GOOD["aud"])
    return "heeded" if verdict(made, at.forge(GOOD)) == "accepted" else "not heeded"


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
def jwks_key(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _get_jwks_key(self, kid):
                return await super()._get_jwks_key(kid)

        Verifier(public_key=SECRET, algorithm="HS256", audience="server")

    return attempt(overridden)


@row
def fetch_jwks(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _fetch_jwks(self):
                return {}

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


def called(side, at, *tools, **options):
    """The status of a call of a tool, made with these options, by a token with the scope `read` alone."""

    def adding(mcp):
        for tool in tools:
            mcp.tool(tool, **options)

    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "save", "arguments": {}}}
    with at.serve(verifier(side), routes=adding, stateless_http=True) as server:
        return str(server.post(f"Bearer {at.forge(GOOD)}", call).status)


@row
def step_up(side, at):
    def save() -> str:
        return "saved"

    demand = getattr(fastmcp.server.auth, "require_scopes", None)
    return "no such check" if demand is None else called(side, at, save, auth=demand("write"))


@row
def step_up_require_scope(side, at):
    @fastmcp_rs.server.dependencies.require_scope("write")
    def save() -> str:
        return "saved"

    return called(side, at, save)


@row
def token_twice(side, at):
    token = at.forge(GOOD)
    with at.serve(verifier(side)) as server:
        return str(server.post(f"Bearer {token}, Bearer {token}").status)


@row
def refusal_text(side, at):
    expired = at.forge({**GOOD, "exp": 1})
    with at.serve(verifier(side)) as server:
        bodies = [server.post(f"Bearer {token}").body for token in (expired, "garbage")]
    assert all(json.loads(body)["error"] == "invalid_token" for body in bodies)
    return "one text" if bodies[0] == bodies[1] else "a text for each"


@row
def bad_signature(side, at):
    endpoint = at.new_endpoint()
    endpoint.publish([at.issuer.jwk])
    remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256", **at.issuer.expected)
    token = at.issuer.token()
    assert verdict(remote, token) == "accepted"
    assert verdict(remote, f"{token[:-8]}AAAAAAAA") == "refused"
    return {1: "no fetch", 2: "a fetch"}[len(endpoint.requests)]


@row
def keys_unavailable(side, at):
    with at.serve(without_keys(side)) as server:
        return str(server.status(at.issuer.token()))


def without_keys(side):
    # Nothing listens on port 9.
    return verifier(side, public_key=None, jwks_uri="http://127.0.0.1:9/jwks", algorithm="RS256")


@row
def keys_unavailable_inside(side, at):
    def provider(url):
        named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): url}
        return FASTMCPS.auth.RemoteAuthProvider(without_keys(side), **named)

    with at.serve(provider) as server:
        return str(server.status(at.issuer.token()))


@row
def keys_unavailable_asked(side, at):
    return verdict(without_keys(side), at.issuer.token())


ISSUER = "https://issuer.example"


def metadata(side, at, **options):
    """The metadata that a server publishes: of FastMCP's, its provider for it around its verifier."""

    def provider(url):
        named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): url}
        if side is OURS:
            return verifier(side, **named, **options)
        return side.auth.RemoteAuthProvider(verifier(side, **options), **named)

    with at.serve(provider) as server:
        places = [f"/.well-known/oauth-protected-resource{path}" for path in ("/mcp", "")]
        replies = [server.request("GET", place) for place in places]
    return next(json.loads(reply.body) for reply in replies if reply.status == 200)


@row
def metadata_of_a_verifier(side, _):
    named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): "https://server.example"}
    return attempt(lambda: verifier(side, **named))


@row
def authorization_server(side, at):
    return f"`{metadata(side, at)['authorization_servers'][0]}`"


@row
def offline_access(side, at):
    found = metadata(side, at, required_scopes=["read", "offline_access"])["scopes_supported"]
    return "named" if "offline_access" in found else "left out"


# The test


@pytest.fixture
def at(serve, forge, issuer, new_endpoint, reply):
    return SimpleNamespace(serve=serve, forge=forge, issuer=issuer, new_endpoint=new_endpoint, reply=reply)


def outcomes(cell):
    """What a cell says, by the first line that does so: ``accepted; from 4.2: refused``."""
    first, *later = cell.strip().split("; from ")
    changes = (change.partition(": ") for change in later)
    return {(): first, **{tuple(map(int, since.split("."))): said for since, _, said in changes}}


def test_each_row_is_observed_and_each_observation_has_its_row():
    assert sorted(name for name, _, _ in LEDGER) == sorted(ROWS)


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_both_do_as_the_document_says(name, theirs, ours, at, line):
    said = tuple([said for since, said in outcomes(cell).items() if line >= since][-1] for cell in (theirs, ours))
    assert said == (ROWS[name](FASTMCPS, at), ROWS[name](OURS, at))


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_each_row_is_a_difference(name, theirs, ours):
    assert set(outcomes(theirs).values()) != set(outcomes(ours).values()), f"{name}: strike it from the document"
