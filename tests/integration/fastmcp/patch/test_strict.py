"""What ``strict`` refuses beyond FastMCP, row by row of docs/compatibility.md, and what ``strict=False`` does."""

import asyncio
import json
import logging
import re
import time
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastmcp.server.auth.providers.jwt import JWTVerifier

import fastmcp_rs

DOCUMENT = Path(__file__).parents[4] / "docs" / "compatibility.md"
HEADER = {"alg": "HS256"}
EVERY = ("2.", "3.", "4.")
OLD, NEW = ("2.",), ("3.", "4.")


def claims(**more):
    # Long enough for the tests that wait behind others, since the tokens are made when the tests are collected.
    tomorrow = int(time.time()) + 86_400
    good = {
        "iss": "https://issuer.example",
        "aud": "https://server.example/mcp",
        "exp": tomorrow,
        "sub": "alice",
        "scope": "read",
    }
    return {name: value for name, value in {**good, **more}.items() if value is not ...}


def member(text: bytes) -> bytes:
    return json.dumps(claims()).encode()[:-1] + b"," + text + b"}"


# Row, header, claims, and the lines where FastMCP accepts such a token.
LEDGER = {
    "names-twice": [(HEADER, member(b'"sub":"mallory"'), EVERY), (b'{"alg":"HS256","alg":"HS256"}', claims(), EVERY)],
    "surrogates": [(HEADER, member(b'"x":"\\ud800"'), EVERY)],
    "numbers": [(HEADER, member(b'"x":NaN'), EVERY), (HEADER, member(b'"x":-Infinity'), EVERY)],
    "utf-8": [
        (HEADER, b"\xef\xbb\xbf" + json.dumps(claims()).encode(), NEW),
        (HEADER, json.dumps(claims()).encode("utf-16"), NEW),
        (json.dumps(HEADER).encode("utf-32"), claims(), NEW),
    ],
    "nesting": [(HEADER, member(b'"x":' + b"[" * 33 + b"]" * 33), EVERY)],
    "critical": [
        ({**HEADER, "crit": ["alg"]}, claims(), EVERY),
        ({**HEADER, "crit": []}, claims(), EVERY),
        ({**HEADER, "zip": "DEF"}, claims(), EVERY),
        ({**HEADER, "b64": False}, claims(), OLD),
    ],
    "header-types": [({**HEADER, "kid": 1}, claims(), OLD), ({**HEADER, "typ": None}, claims(), OLD)],
    "claim-types": [
        (HEADER, claims(exp=None), EVERY),
        (HEADER, claims(exp=4_000_000_000_000), EVERY),
        (HEADER, claims(nbf=None), EVERY),
        (HEADER, claims(iat="1"), EVERY),
        (HEADER, claims(client_id=1), EVERY),
        (HEADER, claims(aud=["https://server.example/mcp", 1]), EVERY),
        (HEADER, claims(scp=1), EVERY),
        (HEADER, claims(cnf="x"), EVERY),
    ],
}
KEYS = "keys"
BASE64URL = "base64url"
CASES = [(row, *case) for row, cases in LEDGER.items() for case in cases]


def octets(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def ask(verifier, token):
    """FastMCP's own answer, that of ``install(strict=False)``, and that of ``install()``."""

    def asked():
        with warnings.catch_warnings():
            # joserfc warns of weak keys, and authlib of nothing.
            warnings.simplefilter("ignore")
            answer = asyncio.run(verifier.verify_token(token))
        return answer and answer.model_dump()

    theirs = asked()
    fastmcp_rs.install(strict=False)
    loose = asked()
    fastmcp_rs.install()
    return repr(theirs), repr(loose), asked()


@pytest.fixture
def verifier(secret, expected):
    return JWTVerifier(public_key=secret, algorithm="HS256", **expected())


@pytest.fixture
def is_line(line):
    """Tell whether the installed FastMCP is of one of these lines."""
    return lambda lines: f"{line[0]}." in lines


@pytest.mark.parametrize(("row", "header", "payload", "lines"), CASES)
def test_strict_refuses_tokens_that_fastmcp_accepts(
    row, header, payload, lines, verifier, signers, make_jws, rows, is_line, caplog
):
    token = make_jws(signers["HS256"][1], octets(header), octets(payload))
    assert row in rows(token)
    theirs, loose, strict = ask(verifier, token)
    assert (theirs != "None") is is_line(lines)
    assert loose == theirs
    assert strict is None
    logged = [record for record in caplog.records if record.name == "fastmcp_rs.install"]
    assert [record.levelno for record in logged] == [logging.WARNING] * is_line(lines)
    assert all(record.reason and token not in record.getMessage() for record in logged)


@pytest.mark.parametrize(
    "change", [lambda text: text + "=", lambda text: text[:5] + "\n" * 4 + text[5:]], ids=["padding", "line end"]
)
def test_a_second_spelling_of_a_token_is_refused(change, verifier, signers, make_jws, rows, is_line):
    header, payload, signature = make_jws(signers["HS256"][1], octets(HEADER), octets(claims())).split(".")
    token = ".".join([header, payload, change(signature)])
    assert BASE64URL in rows(token)
    theirs, loose, strict = ask(verifier, token)
    assert (theirs != "None") is is_line(OLD)
    assert loose == theirs
    assert strict is None


def test_a_key_that_is_too_weak_is_refused(expected, make_jws, rsa_signer, caplog):
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is weak is the point
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    verifier = JWTVerifier(public_key=public, **expected())
    theirs, loose, strict = ask(verifier, make_jws(rsa_signer(key), b'{"alg":"RS256"}', octets(claims())))
    assert theirs == loose != "None"
    assert strict is None
    assert "fewer than 2048 bits" in caplog.text


def test_a_public_key_as_a_secret_is_refused(issuer, expected, make_jws, hmac_signer):
    # Newer lines refuse PEM text at construction; a JWK is text like any other to all of them.
    jwk = json.dumps(issuer.jwk) + " "
    verifier = JWTVerifier(public_key=jwk, algorithm="HS256", **expected())
    theirs, loose, strict = ask(verifier, make_jws(hmac_signer(jwk.encode()), octets(HEADER), octets(claims())))
    assert theirs == loose != "None"
    assert strict is None


def test_each_row_is_documented_and_tested():
    section = DOCUMENT.read_text().partition("## install()")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)) == sorted([*LEDGER, KEYS, BASE64URL])
