"""Beside FastMCP's own JWTVerifier: the same answers, but for a ledger of differences that are all deliberate."""

import asyncio
import json
import logging
import time
from importlib.metadata import version

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPJWTVerifier

from fastmcp_rs.auth import JWTVerifier

# The line whose behaviour the ledger writes down.
LEDGER_LINE = (4, 2, 1)
# Before it, their verifier did not check nbf (row E14 of SECURITY.md).
FIRST_LINE_WITH_NBF = (4, 2, 0)
# Read when the tests are collected: times close to it are past when they are used, perhaps a quarter of an hour later.
NOW, DAY = int(time.time()), 86_400
GOOD = {"iss": "issuer", "aud": "server", "exp": NOW + DAY, "sub": "alice", "scope": "read"}
POLICY = {"issuer": "issuer", "audience": "server", "required_scopes": ["read"]}
KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS512": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def good_but(**changes):
    """Good claims with some of them changed, or left out where they are ``...``."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}


def with_member(text: bytes) -> bytes:
    """Good claims with one more member, as it is written."""
    return json.dumps(GOOD).encode()[:-1] + b"," + text + b"}"


def header(**parameters) -> tuple:
    return GOOD, {"alg": "HS256", **parameters}


ALIKE = {
    "the usual": GOOD,
    "no expiry": good_but(exp=...),
    "an expiry with a fraction": good_but(exp=NOW + DAY + 0.75),
    "issued later": good_but(iat=NOW + 3600),
    "valid in 20 seconds at most": good_but(nbf=NOW + 20),
    "valid since 1970": good_but(nbf=0),
    "several audiences": good_but(aud=["x", "server"]),
    "scopes in a list": good_but(scope=["read", "write"]),
    "scopes in scp": good_but(scope=..., scp=["read"]),
    "scope before scp": good_but(scope="read", scp="write"),
    "many scopes": good_but(scope=" x  read y "),
    "a client": good_but(client_id="client", azp="party"),
    "an authorized party": good_but(azp="party"),
    "an empty client": good_but(client_id="", azp=""),
    "no subject": good_but(sub=...),
    "an empty subject": good_but(sub=""),
    "other claims": good_but(n=10**40, f=1.5, t=True, z=None, deep={"a": [{"ü": "\U0001f600"}]}),
    "an empty kid": header(kid=""),
    "an unknown header parameter": header(cat="cl_B7d4PD111AAA"),
    "another case of alg": header(Alg="none"),
    "any type": header(typ="rt+jwt"),
    "keys of the token's own": header(jku="https://evil.example", x5u="https://evil.example", jwk={}, x5c=[]),
}

REFUSED = {
    **{f"exp {value!r}": good_but(exp=value) for value in ("1", "9999999999", True, [], {}, 0, -1)},
    "a second ago": good_but(exp=NOW - 1),
    "exp NaN": with_member(b'"x":0').replace(str(GOOD["exp"]).encode(), b"NaN"),
    **{f"nbf {value!r}": good_but(nbf=value) for value in ("1", [], {})},
    "valid in an hour": good_but(nbf=NOW + 3600),
    **{f"iss {value!r}": good_but(iss=value) for value in (..., None, "", "Issuer", "issuer/", ["issuer"], {}, 1)},
    **{f"aud {value!r}": good_but(aud=value) for value in (..., None, "", "Server", "serve", [], [""], [1], {}, 1)},
    **{f"scope {value!r}": good_but(scope=value) for value in (..., None, "", "READ", {}, 1, ["read write"], "read,x")},
    "an empty scope beside scp": good_but(scope="", scp="read"),
    **{f"sub {value!r}": good_but(sub=value) for value in (1, [], {}, True)},
    **{f"crit {value!r}": header(crit=value) for value in (1, "exp", {}, ["x"], ["exp"], ["x", "x"], [1], ["b64"])},
    "crit with its parameter": header(crit=["x"], x=1),
    "unencoded payload": header(crit=["b64"], b64=False),
    "kid that is no text": header(kid=1),
    "typ that is no text": header(typ=1),
    "alg none": (GOOD, {"alg": "none"}),
    "another alg": (GOOD, {"alg": "HS512"}),
    "alg in a list": (GOOD, {"alg": ["HS256"]}),
    "no alg": (GOOD, {}),
    "no UTF-8": with_member(b'"x":"\xff"'),
    "a bare newline in a string": with_member(b'"x":"\n"'),
    "too many digits": with_member(b'"x":' + b"9" * 4301),
    "more behind the claims": json.dumps(GOOD).encode() + b" x",
    "claims in an array": [GOOD],
    "no claims": b"",
}

# What FastMCP's verifier accepts (or raises for) and ours refuses, and the one thing that is the other way round.
LOOSE = "they accept"
RAISES = "they raise"
STRICT = "they refuse"
WRONG_TYPE = "a claim of a wrong type is not the same as an absent one (E3)"
ONE_MEANING = "one text has one meaning (C4)"
BOUND = "a bound token is no bearer token (E15)"
CRIT = "nothing that crit can name is understood (C1, C2)"
LEDGER = {
    "exp null": (good_but(exp=None), LOOSE, WRONG_TYPE),
    "exp in milliseconds": (good_but(exp=(NOW + DAY) * 1000), LOOSE, "no date that Python can tell (E4)"),
    "exp of 400 digits": (good_but(exp=10**399), LOOSE, "no date that Python can tell (E4)"),
    "exp 1e300": (good_but(exp=1e300), LOOSE, "no date that Python can tell (E4)"),
    "exp Infinity": (good_but(exp=float("inf")), RAISES, "no JSON, and never an exception (E4)"),
    "exp 1e999": (json.dumps(good_but(exp=1.0)).replace("1.0", "1e999").encode(), RAISES, "never an exception (E4)"),
    "nbf null": (good_but(nbf=None), LOOSE, WRONG_TYPE),
    "nbf true": (good_but(nbf=True), LOOSE, WRONG_TYPE),
    "iat null": (good_but(iat=None), LOOSE, WRONG_TYPE),
    "iat text": (good_but(iat="9999999999"), LOOSE, WRONG_TYPE),
    "sub null": (good_but(sub=None), LOOSE, WRONG_TYPE),
    "client_id a number": (good_but(client_id=1), LOOSE, "a client that is no text is malformed"),
    "azp a list": (good_but(azp=[]), LOOSE, "a client that is no text is malformed"),
    "aud with a number": (good_but(aud=[1, "server"]), LOOSE, "aud is a text or texts (E5)"),
    "scope null beside scp": (good_but(scope=None, scp="read"), LOOSE, "scope is a text or texts (E16)"),
    "scp a number beside scope": (good_but(scp=1), LOOSE, "scp is a text or texts (E16)"),
    "scopes with a tab": (good_but(scope="x\tread"), LOOSE, "scopes are separated by spaces (E16)"),
    "cnf": (good_but(cnf={"jkt": "x"}), LOOSE, BOUND),
    "cnf null": (good_but(cnf=None), LOOSE, BOUND),
    "a claim twice": (with_member(b'"sub":"mallory"'), LOOSE, ONE_MEANING),
    "a lone surrogate": (with_member(b'"x":"\\ud800"'), LOOSE, ONE_MEANING),
    "NaN": (with_member(b'"x":NaN'), LOOSE, ONE_MEANING),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), LOOSE, ONE_MEANING),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), LOOSE, ONE_MEANING),
    "nested 33 deep": (with_member(b'"x":' + b"[" * 32 + b"]" * 32), LOOSE, "nesting is bounded (G3)"),
    "nested 20000 deep": (with_member(b'"x":' + b"[" * 20_000 + b"]" * 20_000), RAISES, "never an exception (G3)"),
    "alg twice": ((GOOD, b'{"alg":"HS256","alg":"HS256"}'), LOOSE, ONE_MEANING),
    "header in UTF-16": ((GOOD, '{"alg":"HS256"}'.encode("utf-16")), LOOSE, ONE_MEANING),
    "header with a byte order mark": ((GOOD, b'\xef\xbb\xbf{"alg":"HS256"}'), LOOSE, ONE_MEANING),
    "header with a lone surrogate": ((GOOD, b'{"alg":"HS256","x":"\\ud800"}'), LOOSE, ONE_MEANING),
    "header nested 20000 deep": (
        (GOOD, b'{"alg":"HS256","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
        RAISES,
        "never an exception (G3)",
    ),
    "crit empty": (header(crit=[]), LOOSE, CRIT),
    "crit alg": (header(crit=["alg"]), LOOSE, CRIT),
    "crit kid": (header(crit=["kid"], kid="x"), LOOSE, CRIT),
    "b64 true in crit": (header(crit=["b64"], b64=True), LOOSE, CRIT),
    "zip": (header(zip="DEF"), LOOSE, "nothing is inflated (G5)"),
    "64 KiB and more": (good_but(x="x" * 50_000), LOOSE, "the size is bounded (G1)"),
    "jku a number": (header(jku=1), STRICT, "what is never followed is not looked at either (B2)"),
    "cty a number": (header(cty=1), STRICT, "a parameter that means nothing here is ignored (C3)"),
}


@pytest.fixture(scope="module")
def pair(secret):
    theirs = FastMCPJWTVerifier(public_key=secret, algorithm="HS256", **POLICY)
    return theirs, JWTVerifier(public_key=secret, algorithm="HS256", **POLICY)


@pytest.fixture(autouse=True)
def _quiet_fastmcp(caplog):
    """FastMCP's logger writes to the terminal by itself."""
    caplog.set_level(logging.CRITICAL, logger="fastmcp")


def installed() -> tuple[int, ...]:
    return tuple(int(part) for part in version("fastmcp").split(".")[:3])


def token_of(forge, case) -> str:
    return forge(*case) if isinstance(case, tuple) else forge(case)


def verify(verifier, token: str):
    return asyncio.run(verifier.verify_token(token))


def fields(token) -> dict:
    """All that FastMCP's own verifier fills in; ours names the resource as well."""
    named = {name: value for name, value in token.model_dump().items() if name != "resource"}
    # The repr tells 1 from 1.0 and True.
    return {**named, "claims": repr(named["claims"])}


@pytest.mark.parametrize("case", ALIKE)
def test_both_verifiers_give_the_same_access_token(forge, pair, case):
    token = token_of(forge, ALIKE[case])
    theirs, ours = (verify(verifier, token) for verifier in pair)
    assert fields(theirs) == fields(ours)
    assert type(theirs) is type(ours)


@pytest.mark.parametrize("algorithm", KEYS)
def test_both_verifiers_give_the_same_access_token_under_a_public_key(algorithm):
    public = KEYS[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    token = pyjwt.encode(GOOD, KEYS[algorithm], algorithm, {"kid": "1"})
    theirs = verify(FastMCPJWTVerifier(public_key=public, algorithm=algorithm, **POLICY), token)
    ours = verify(JWTVerifier(public_key=public, algorithm=algorithm, **POLICY), token)
    assert fields(theirs) == fields(ours)


@pytest.mark.parametrize("case", REFUSED)
def test_both_verifiers_refuse(forge, pair, case):
    token = token_of(forge, REFUSED[case])
    theirs, ours = (verify(verifier, token) for verifier in pair)
    assert ours is None
    looks_at_it = installed() >= FIRST_LINE_WITH_NBF or not case.startswith("nbf")
    assert (theirs is None) is looks_at_it


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + ".x.y",
        lambda token: token + ".",
        lambda token: token[:-1],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", "", 1),
        lambda token: token.lower(),
        lambda token: "Bearer " + token,
        lambda token: " " + token,
        lambda _: "",
        lambda _: "..",
    ],
)
def test_both_verifiers_refuse_what_is_no_token_of_the_issuer(forge, pair, change):
    assert [verify(verifier, change(forge(GOOD))) for verifier in pair] == [None, None]


@pytest.mark.parametrize("case", LEDGER)
def test_each_difference_of_the_verifiers_is_documented(forge, pair, case):
    claims, outcome, _ = LEDGER[case]
    token = token_of(forge, claims)
    theirs, ours = pair
    assert (verify(ours, token) is not None) is (outcome == STRICT)
    if installed() != LEDGER_LINE:
        return
    if outcome == RAISES:
        with pytest.raises((OverflowError, RecursionError)):
            verify(theirs, token)
    else:
        assert (verify(theirs, token) is not None) is (outcome == LOOSE), "they agree: strike it from the ledger"
