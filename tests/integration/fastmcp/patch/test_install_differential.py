"""FastMCP's verifiers with ``install()`` and without: 20,000 tokens, mutated from real ones, get the same answers."""

import asyncio
import base64
import json
import logging
import random
import sys
import warnings
from importlib.util import find_spec

import pytest
from fastmcp.server.auth.providers import jwt as providers
from fastmcp.server.auth.providers.jwt import JWTVerifier

import fastmcp_rs

SEED = 20261126
TOKENS = 20_400
VERIFIED = ["HS256", "RS256", "ES256"]
# 2.12 has none.
ISSUER_MODULE = "fastmcp.server.auth.jwt_issuer"
SUBJECTS = [*VERIFIED, *(["JWTIssuer"] if find_spec(ISSUER_MODULE) else [])]


ISSUER, AUDIENCE = "https://issuer.example", "https://server.example/mcp"
# The time of FastMCP's modules meanwhile.
NOW = 1_800_000_000

VALUES = [
    None, True, False, 0, 1, -1, 1.5, -0.0, 2**53, 2**63, 2**64, 10**30, 1e300, "", " ", "1", "true", "null", "alice",
    "read", "read write", "read\twrite", "ünïcode", "\u0000", "\U0001f600", [], [""], ["read"], ["read", 1], [None],
    [[]], {}, {"a": 1}, {"read": "read"}, ISSUER, ISSUER + "/", ISSUER.upper(), AUDIENCE, AUDIENCE + "/", [AUDIENCE],
    [AUDIENCE, "x"], [1, AUDIENCE],
]  # fmt: skip
CLOCKS = [NOW + edge for edge in (-31, -30, -29, -1, 0, 1, 29, 30, 31, 3600)]
CLAIMS = [
    "iss", "aud", "exp", "nbf", "iat", "sub", "client_id", "azp", "scope", "scp", "jti", "cnf", "token_use", "a b",
]  # fmt: skip
PARAMETERS = [
    "alg", "kid", "typ", "cty", "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "enc", "cat",
]  # fmt: skip
PARAMETER_VALUES = [
    *VALUES[:24], "JWT", "at+jwt", "none", "None", "HS256", "RS256", "ES256", "PS256", "EdDSA", ["exp"], ["alg"],
    ["b64"], ["kid", "x"], "https://evil.example/jwks", {"kty": "oct", "k": "AAAA"}, ["MIIB"], "x" * 600,
]  # fmt: skip
RAW_MEMBERS = [
    b'"sub":"mallory"', b'"alg":"none"', b'"exp":1', b'"":""', b'"x":NaN', b'"x":Infinity', b'"x":-Infinity',
    b'"x":1E400', b'"x":-0', b'"x":1e2', b'"x":0.1e-7', b'"x":123456789.123456789e-5', b'"x":01', b'"x":"\\ud800"',
    b'"x":"\\ud83d\\ude00"', b'"x":"\n"', b'"x":"\\n"', b'"x":"\xff"', b'"x":' + b"9" * 4300, b'"x":' + b"9" * 4301,
    b'"x":' + b"[" * 30 + b"]" * 30, b'"x":' + b"[" * 40 + b"]" * 40, b'"x":"' + b"y" * 3000 + b'"', b'"x":1,', b'"x"',
]  # fmt: skip
WRITTEN = [
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.decode().encode("utf-16"),
    lambda text: text.decode().encode("utf-16-le"),
    lambda text: text.decode().encode("utf-32"),
    lambda text: b" \n" + text + b"\t\r\n",
    lambda text: text + b"x",
    lambda text: text + text,
    lambda text: b"[" + text + b"]",
    lambda text: text[:-1],
    lambda text: text.replace(b'"', b"'"),
    lambda text: text.replace(b"{", b"{/**/"),
    lambda text: text[:-1] + b",}",
    lambda _: b"",
    lambda _: b"null",
    lambda text: json.dumps(text.decode()).encode(),
    lambda text: text + b"\x00",
]
PIECES = [
    lambda parts: parts[:2],
    lambda parts: [*parts[:2], ""],
    lambda parts: [*parts, parts[0]],
    lambda parts: [*parts, *parts[:2]],
    lambda parts: [parts[1], parts[0], parts[2]],
    lambda parts: ["Bearer " + parts[0], *parts[1:]],
    lambda parts: [*parts[:2], parts[2] + "\n"],
    lambda parts: [" " + parts[0], *parts[1:]],
    lambda parts: parts[:1],
    lambda _: [""],
    lambda parts: ["", *parts],
]
HOW = ["plain", "claims", "claims", "claims", "clock", "header", "header", "member", "text", "encoding", "octets"]


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Mutator:
    """Makes tokens of real ones; the same ones for the same seed."""

    def __init__(self, seed, signers):
        # Reproducible is what it has to be.
        self.random = random.Random(seed)  # noqa: S311
        self.signers = signers

    def token(self) -> str:
        sign, algorithm = self.random.choice(self.signers)
        header = {"alg": algorithm, "typ": "JWT"}
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": NOW + 600,
            "sub": "alice",
            "scope": "read write",
            "client_id": "app",
        }
        how = self.random.choice(HOW)
        if how == "claims":
            self.change(claims, CLAIMS, VALUES)
        elif how == "clock":
            claims[self.random.choice(["exp", "nbf", "iat"])] = self.random.choice(CLOCKS) + self.random.choice(
                [0, 0.5, -0.25]
            )
        elif how == "header":
            self.change(header, PARAMETERS, PARAMETER_VALUES)
        texts = [json.dumps(header).encode(), json.dumps(claims).encode()]
        at = self.random.choice([0, 1, 1])
        if how == "member":
            texts[at] = texts[at][:-1] + b"," + self.random.choice(RAW_MEMBERS) + b"}"
        elif how == "text":
            texts[at] = self.random.choice(WRITTEN)(texts[at])
        segments = [encoded(text) for text in texts]
        if how == "encoding":
            segments[at] = self.encoding(segments[at])
        segments.append(encoded(sign(".".join(segments).encode())))
        return ".".join(self.damaged(segments) if how in {"encoding", "octets"} else segments)

    def change(self, members, names, values):
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            name = self.random.choice(names)
            members[name] = self.random.choice(values)
            if self.random.random() < 0.15:
                del members[name]

    def encoding(self, segment: str) -> str:
        """Another spelling of a segment."""
        at = self.random.randrange(len(segment) + 1)
        return self.random.choice(
            [
                segment,
                segment + "=" * (-len(segment) % 4),
                segment + "=",
                segment + self.random.choice("AQgw_-"),
                segment[:-1] + self.random.choice("ABCDEFGHabcdefgh0123"),
                segment[:at] + self.random.choice("\n \t!+/=%\u00e9") + segment[at:],
                segment.replace("_", "/").replace("-", "+"),
                segment[:-1],
            ]
        )

    def damaged(self, segments: list[str]) -> list[str]:
        how = self.random.choice(["spelling", "octets", "pieces"])
        if how == "pieces":
            return self.random.choice(PIECES)(segments)
        at = self.random.randrange(3)
        segment = segments[at]
        if how == "spelling" or not segment:
            segment = self.encoding(segment)
        else:
            place = self.random.randrange(len(segment))
            segment = segment[:place] + self.random.choice("ABCxyz019-_.") + segment[place + 1 :]
        return [*segments[:at], segment, *segments[at + 1 :]]


class Records(logging.Handler):
    """What FastMCP's own code logs."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))


@pytest.fixture
def log(subject):
    """The records of a logger of FastMCP's, which go nowhere else."""
    logger = subject[0]
    before = logger.level, logger.propagate, logger.handlers[:]
    records = Records()
    logger.propagate = False
    logger.handlers[:] = [records]
    logger.setLevel(logging.DEBUG)
    yield records
    logger.propagate = before[1]
    logger.handlers[:] = before[2]
    logger.setLevel(before[0])


@pytest.fixture(params=SUBJECTS)
def subject(request, signers, expected, standing_clock):
    """A logger, something to ask for an answer, and who signs."""
    if request.param == "JWTIssuer":
        module = sys.modules.get(ISSUER_MODULE) or __import__(ISSUER_MODULE, fromlist=["JWTIssuer"])
        key, _, who = signers["HS256"]
        issuer = module.JWTIssuer(expected()["issuer"], expected()["audience"], key.encode())
        standing_clock(module, NOW)

        async def asked(token):
            return issuer.verify_token(token)

        return module.logger, asked, who
    key, _, who = signers[request.param]
    verifier = JWTVerifier(public_key=key, algorithm=request.param, **expected())
    standing_clock(providers, NOW)
    return verifier.logger, verifier.verify_token, who


def answers(ask, tokens, log):
    """Each token's answer, field by field, and what was logged with it."""

    async def answer(token):
        log.lines = []
        try:
            found = await ask(token)
        except Exception as error:  # noqa: BLE001 - what is raised has to be the same, too
            return (type(error).__name__, str(error)), log.lines
        # The repr tells 1 from 1.0 and True, and the order of claims.
        return found and repr(getattr(found, "model_dump", lambda: found)()), log.lines

    async def each():
        return [await answer(token) for token in tokens]

    return asyncio.run(each())


def test_mutated_tokens_have_the_same_answers_with_and_without_install(request, subject, log, rows):
    _, ask, who = subject
    made = Mutator(f"{SEED} {request.node.name}", who)
    tokens = [made.token() for _ in range(TOKENS // len(SUBJECTS))]
    with warnings.catch_warnings():
        # joserfc warns of some algorithms, once.
        warnings.simplefilter("ignore")
        theirs = answers(ask, tokens, log)
        fastmcp_rs.install(strict=False)
        loose = answers(ask, tokens, log)
        fastmcp_rs.install()
        strict = answers(ask, tokens, log)

    assert sum(isinstance(answer, str) for answer, _ in theirs) > len(tokens) // 8, (
        "too few good tokens to tell anything"
    )
    differing = [case for case in zip(tokens, theirs, loose, strict=True) if case[1] != case[2]]
    assert differing == []
    refused = [
        (token, after[0]) for token, before, after in zip(tokens, theirs, strict, strict=True) if before != after
    ]
    assert len(refused) > len(tokens) // 100
    for token, answer in refused:
        assert not isinstance(answer, str)
        assert rows(token), token
