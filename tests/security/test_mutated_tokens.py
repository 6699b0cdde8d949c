"""Mutated tokens, given to this project, joserfc, PyJWT and FastMCP's own verifier at equal leeways.

No token is accepted here that all three refuse, and wherever one of them disagrees with us, a rule with a name says
why: it reads the token alone, and no verifier's answer. ``MUTATED_TOKENS`` sets how many there are.
"""

import asyncio
import base64
import json
import os
import random
import re
import time
from collections import Counter

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPJWTVerifier
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from joserfc.jws import JWSRegistry

from fastmcp_rs.auth import JWTVerifier

COUNT = int(os.environ.get("MUTATED_TOKENS", "10000"))
NOW = int(time.time())
SECRET = "a secret of these tests alone, as long as any hash that there is......"
GOOD = {"iss": "issuer", "aud": "server", "exp": NOW + 6000, "iat": NOW - 10, "sub": "alice", "scope": "read"}
# Nothing lies within a minute of the clock, so that no other leeway decides.
TIMES = [NOW - 6000, NOW + 6000, NOW - 600.5, NOW + 600.5, 0, -1, 1, 2**31, 253402300799, 253402300800, 1e300, 2**70]
ODD = [None, True, False, "", "x", "1", [], {}, [1], ["x"], [None], {"a": 1}, 1.5, float("nan"), float("inf"), "\ud800"]
VALUES = {
    "iss": [*ODD, "issuer", "Issuer", "issuer/", "issue", ["issuer"], ["issuer", "evil"]],
    "aud": [*ODD, "server", "serve", "servers", ["server"], ["x", "server"], ["server", 1], {"server": 1}],
    **{name: [*ODD, *TIMES, str(NOW + 6000)] for name in ("exp", "nbf", "iat")},
    "sub": [*ODD, "bob"],
    **{name: [*ODD, "c"] for name in ("client_id", "azp", "jti")},
    **{name: [*ODD, "read write", ["read", "write"], "read  x"] for name in ("scope", "scp")},
    "cnf": [{"jkt": "x"}, {}, None],
    "token_type": ["Bearer", "DPoP", 1],
    "x": [*ODD, [[[[]]]], "é", 10**400],
}
HEADER_VALUES = {
    "alg": [*ODD, "none", "None", "HS256", "HS384", "HS512", "RS256", "ES256", "ES384", "EdDSA", "Ed25519", "hs256"],
    "typ": [*ODD, "JWT", "at+jwt", "refresh+jwt", "application/at+jwt"],
    "kid": [*ODD, "k", "../../x"],
    "crit": [*ODD, ["exp"], ["alg"], ["b64"], ["x", "x"]],
    "b64": [True, False, None],
    "zip": ["DEF", None],
    "cty": [*ODD, "JWT"],
    "x": [*ODD],
    **{name: [*ODD, "https://evil.example"] for name in ("jwk", "jku", "x5c", "x5u", "p2c", "enc")},
}


def part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Signer:
    """One key, and the four verifiers that trust it."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        if algorithm == "HS256":
            self.private = public = SECRET
        else:
            self.private = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else _ed25519()
            spki = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            public = spki.decode()
        family = {"HS256": "oct", "ES256": "EC"}.get(algorithm, "OKP")
        policy = {"issuer": "issuer", "audience": "server"}
        self.public = public
        self.joserfc_key = joserfc_jwk.import_key(public, family)
        self.ours = JWTVerifier(public_key=public, algorithm=algorithm, leeway=0, **policy)
        self.fastmcp = FastMCPJWTVerifier(public_key=public, algorithm=algorithm, **policy)
        self.registry = joserfc_jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": "issuer"}, aud={"essential": True, "value": "server"}
        )
        self.lenient = JWSRegistry(algorithms=[algorithm], strict_check_header=False)

    def sign(self, header: bytes, payload: bytes) -> str:
        message = f"{part(header)}.{part(payload)}".encode()
        if self.algorithm == "HS256":
            mac = hmac.HMAC(SECRET.encode(), hashes.SHA256())
            mac.update(message)
            signature = mac.finalize()
        elif self.algorithm == "ES256":
            pair = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
            signature = b"".join(number.to_bytes(32, "big") for number in pair)
        else:
            signature = self.private.sign(message)
        return f"{message.decode()}.{part(signature)}"

    async def accepted_by(self, token: str) -> dict[str, bool]:
        return {
            "ours": await self.ours.verify_token(token) is not None,
            "joserfc": answers(self._joserfc, token),
            "PyJWT": answers(self._pyjwt, token),
            "FastMCP": await self._fastmcp(token),
        }

    def _joserfc(self, token: str) -> None:
        decoded = joserfc_jwt.decode(token, self.joserfc_key, registry=self.lenient)
        self.registry.validate(decoded.claims)

    def _pyjwt(self, token: str) -> None:
        # Row E14 of the threats: iat in the future alone is no reason, which PyJWT can be told.
        options = {"verify_iat": False}
        pyjwt.decode(token, self.public, [self.algorithm], options, audience="server", issuer="issuer")

    async def _fastmcp(self, token: str) -> bool:
        try:
            return await self.fastmcp.verify_token(token) is not None
        # Row E4 and G3 of the threats: some inputs make it raise. That is no yes.
        except (OverflowError, RecursionError, ValueError):
            return False


def _ed25519():
    return ed25519.Ed25519PrivateKey.generate()


def answers(verify, token: str) -> bool:
    try:
        verify(token)
    # Whatever it raises, it is no yes: other libraries raise much more than they document.
    except Exception:  # noqa: BLE001
        return False
    return True


class Mutator:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same tokens in every run

    def token(self, signer: Signer, others: list[str]) -> str:
        kind = self.random.random()
        header, claims = {"alg": signer.algorithm, "typ": "JWT"}, dict(GOOD)
        if kind < 0.3:
            self.change(claims, VALUES)
        elif kind < 0.5:
            self.change(header, HEADER_VALUES)
        elif kind < 0.6:
            self.change(claims, VALUES)
            self.change(header, HEADER_VALUES)
        texts = [json.dumps(value, ensure_ascii=self.random.random() < 0.5) for value in (header, claims)]
        header, payload = (text.encode("utf-8", "surrogatepass") for text in texts)
        if 0.6 <= kind < 0.75:
            if self.random.random() < 0.5:
                header = self.rewrite(header)
            else:
                payload = self.rewrite(payload)
        token = signer.sign(header, payload)
        if kind >= 0.75:
            token = self.mangle(token, others)
        return token

    def change(self, members: dict, values: dict) -> None:
        for name in self.random.sample(list(values), self.random.choice([1, 1, 1, 2, 3])):
            if self.random.random() < 0.15:
                members.pop(name, None)
            else:
                members[name] = self.random.choice(values[name])

    def rewrite(self, text: bytes) -> bytes:
        at = self.random.randrange(len(text))
        return self.random.choice([
            text[:-1] + b',"exp":1}', text[:-1] + b',"alg":"HS256"}', text[:-1] + b',"Alg":"none","EXP":1}',
            b"\xef\xbb\xbf" + text, text + b" ", b" \n" + text, text + b"x", text + text, text[:-1], b"[" + text + b"]",
            text.decode("utf-8", "replace").encode("utf-16"), text.replace(b'"e', b'"\\u0065'),
            text.replace(b'"', b"'"),
            text[:at] + bytes([self.random.randrange(256)]) + text[at:], text[:at] + text[at + 1 :],
            text[:-1] + b',"x":' + b"[" * (depth := self.random.choice([10, 29, 40, 900])) + b"]" * depth + b"}",
            text[:-1] + b',"x":1e999}', text[:-1] + b',"x":01}', text[:-1] + b',"x":"\xff"}', text[:-1] + b',"x":NaN}',
            text[:-1] + b",}", b"null", b"1", b'"x"', b"", b"{}",
        ])  # fmt: skip

    def mangle(self, token: str, others: list[str]) -> str:
        at = self.random.randrange(len(token))
        other = self.random.choice(others)
        parts, theirs = token.split("."), other.split(".")
        which = self.random.randrange(3)
        swapped = ".".join(theirs[i] if i == which else parts[i] for i in range(3))
        # A letter of the alphabet, padding, the other alphabet, spaces, and what no token has.
        letter = self.random.choice("AQgw_-.=+/ \n\t\0é" + chr(self.random.randrange(33, 127)))
        return self.random.choice([
            token[:at] + letter + token[at + 1 :], token[:at] + letter + token[at:], token[:at] + token[at + 1 :],
            token[:at], token[at:], swapped, token + letter, letter + token, token + "." + parts[2],
            parts[0] + "." + parts[1],
            ".".join(p + "=" * (-len(p) % 4) for p in parts), f"{parts[0]}.{parts[1]}.", token.swapcase(),
            token[:-1] + self.random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        ])  # fmt: skip


class Reading:
    """What a token says to a strict reader; None where it cannot be."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.parts = token.split(".")
        self.header, self.claims = (self._object(text) for text in [*self.parts, "", ""][:2])

    def _object(self, text: str) -> dict | None:
        try:
            octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            value = json.loads(octets.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and not re.search(rb"[\[{]" * 33, octets) else None

    def claim(self, name: str, default: object = None) -> object:
        return (self.claims or {}).get(name, default)


def _distinct(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_texts(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


# Where we refuse and another accepts: the row of the threats or the section that makes us.
STRICTER = {
    "C6: one spelling, in strict base64url": lambda it: any(
        part(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) != text
        or not re.fullmatch(r"[\w-]*", text, re.ASCII)
        for text in it.parts
    ),
    "C4: strict JSON in UTF-8, names once, 32 levels": lambda it: it.header is None or it.claims is None,
    "C1: crit is refused": lambda it: "crit" in it.header,
    "C2, G5: b64 and zip are refused": lambda it: it.header.get("b64", True) is not True or "zip" in it.header,
    "C5: kid and typ are texts": lambda it: any(
        not isinstance(it.header.get(name, ""), str) for name in ("kid", "typ")
    ),
    "no other kind of token by its typ": lambda it: "refresh" in it.header.get("typ", ""),
    "E3, E4: a date is a number up to the year 9999": lambda it: any(
        not is_number(it.claim(name, 0)) or abs(it.claim(name, 0)) > 253402300799 for name in ("exp", "nbf", "iat")
    ),
    "E5: the audience is text or texts": lambda it: not is_texts(it.claim("aud")),
    "E15: a bound token is no bearer token": lambda it: (
        "cnf" in it.claims or str(it.claim("token_type", "")).lower() in {"dpop", "pop"}
    ),
    "RFC 7519 4.1.2: sub, client_id, azp, jti and token_type are texts": lambda it: any(
        not isinstance(it.claim(name, ""), str) for name in ("sub", "client_id", "azp", "jti", "token_type")
    ),
    "E16: scopes are text or texts": lambda it: any(not is_texts(it.claim(name, "")) for name in ("scope", "scp")),
}
# Where we accept and another refuses: what we do not ask for, and why.
MILDER = {
    "C3: a parameter that means nothing here is ignored": lambda it: set(it.header) - {"alg", "typ"},
    "E14: iat in the future alone is no reason": lambda it: it.claim("iat", 0) > NOW,
}


def rule_of(rules: dict, token: str) -> str | None:
    reading = Reading(token)
    return next((name for name, rule in rules.items() if holds(rule, reading)), None)


def holds(rule, reading: Reading) -> bool:
    try:
        return bool(rule(reading))
    # A rule that stumbles over what an earlier one is for says nothing of this token.
    except (ValueError, TypeError, AttributeError, OverflowError):
        return False


@pytest.mark.timeout(900)
def test_every_disagreement_with_other_verifiers_has_a_rule():
    signers = [Signer(algorithm) for algorithm in ("HS256", "ES256", "EdDSA")]
    others = [signer.sign(b'{"alg":"none"}', b"{}") for signer in signers]
    mutator = Mutator(8)

    async def disagreements() -> tuple[Counter, list]:
        rules, unexplained = Counter(), []
        for number in range(COUNT):
            signer = signers[0 if number % 4 else 1 + number // 4 % 2]
            token = mutator.token(signer, others)
            accepted = await signer.accepted_by(token)
            ours = accepted.pop("ours")
            if ours and not any(accepted.values()):
                unexplained.append(("accepted by us alone", token, accepted))
            differing = [name for name, theirs in accepted.items() if theirs != ours]
            if differing:
                rule = rule_of(MILDER if ours else STRICTER, token)
                rules[rule] += 1
                if rule is None:
                    unexplained.append((f"accepted here: {ours}", token, accepted))
            rules["accepted by all" if ours and not differing else "refused by all" if not differing else ""] += 1
        return rules, unexplained

    rules, unexplained = asyncio.run(disagreements())
    assert unexplained == [], [
        (*found, Reading(found[1]).header, Reading(found[1]).claims) for found in unexplained[:5]
    ]
    # The tokens are worth their name: many are accepted by all, and every rule is needed.
    assert rules["accepted by all"] > COUNT / 50
    assert rules["refused by all"] > COUNT / 10
    if COUNT >= 10_000:
        unused = (set(STRICTER) | set(MILDER)) - set(rules)
        assert unused == set(), f"strike what explains nothing: {unused}"
