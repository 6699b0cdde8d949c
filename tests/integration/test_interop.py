"""Tokens of other implementations are accepted in every algorithm that each of them signs, and refused once changed."""

import asyncio
import json
import random
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from fastmcp_rs.auth import JWTVerifier

# Authlib insists that its warning of joserfc, its successor, is always shown.
with warnings.catch_warnings(record=True):
    from authlib.jose import JsonWebToken

MINT = Path(__file__).parents[1] / "js" / "mint.mjs"

ALGORITHMS = (
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519", "Ed448"),
)
# What each library does not sign. That it still does not is tested too, so that this table stays true.
CANNOT_SIGN = {
    "PyJWT": {"Ed25519", "Ed448"},  # knows the name of RFC 8037 only
    "authlib": {"Ed25519", "Ed448"},  # the same, and its successor is joserfc
    "joserfc": set(),
    "jose": {"Ed448"},  # Web Crypto does not have the curve
}
CAN_SIGN = [
    (library, algorithm)
    for library, unable in CANNOT_SIGN.items()
    for algorithm in ALGORITHMS
    if algorithm not in unable
]

AUDIENCE = "https://server.example/mcp"
BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Key:
    """A key for one algorithm, in the forms that the libraries and the verifier take."""

    def __init__(self, algorithm: str, secret: str, rsa_key: rsa.RSAPrivateKey) -> None:
        self.is_secret = algorithm.startswith("HS")
        if self.is_secret:
            self.private = self.public = secret
            key = joserfc_jwk.import_key(secret, "oct")
        else:
            private = {
                "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
                "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
                "EdDSA": ed25519.Ed25519PrivateKey.generate,
                "Ed25519": ed25519.Ed25519PrivateKey.generate,
                "Ed448": ed448.Ed448PrivateKey.generate,
            }.get(algorithm, lambda: rsa_key)()
            pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            spki = serialization.PublicFormat.SubjectPublicKeyInfo
            self.private = private.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()
            self.public = private.public_key().public_bytes(pem, spki).decode()
            family = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
            key = joserfc_jwk.import_key(self.private, family)
        self.private_jwk = key.as_dict(private=True)
        self.public_jwk = key.as_dict(private=self.is_secret)

    def forms(self) -> dict[str, str]:
        """What an operator may give: PEM or the bare secret, the JWK, and a set with the JWK in it."""
        return {
            "secret" if self.is_secret else "PEM": self.public,
            "JWK": json.dumps(self.public_jwk),
            "JWK Set": json.dumps({"keys": [self.public_jwk]}),
        }


@pytest.fixture(scope="module")
def keys(secret):
    rsa_key = rsa.generate_private_key(65537, 2048)
    return {algorithm: Key(algorithm, secret, rsa_key) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def other_keys(secret):
    rsa_key = rsa.generate_private_key(65537, 2048)
    return {algorithm: Key(algorithm, secret[::-1], rsa_key) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def claims():
    now = int(time.time())
    return {"iss": "https://issuer.example", "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 600, "é": [1.5]}


def mint_with_jose(lines: list[dict]) -> list[str]:
    if shutil.which("node") is None:
        pytest.skip("node is not here, which signs the tokens of jose")
    if not (MINT.parent / "node_modules" / "jose").is_dir():
        pytest.skip("jose is not installed: run npm ci in tests/js")
    text = "\n".join(json.dumps(line) for line in lines)
    done = subprocess.run(["node", MINT], input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    return done.stdout.split()


def mint(library: str, algorithm: str, key: Key, claims: dict) -> str:
    if library == "PyJWT":
        return pyjwt.encode(claims, key.private, algorithm)
    if library == "joserfc":
        header = {"alg": algorithm}
        return joserfc_jwt.encode(header, claims, joserfc_jwk.import_key(key.private_jwk), algorithms=[algorithm])
    if library == "authlib":
        return JsonWebToken([algorithm]).encode({"alg": algorithm}, claims, key.private).decode()
    return mint_with_jose([{"alg": algorithm, "key": key.private_jwk, "claims": claims}])[0]


@pytest.fixture(scope="module")
def tokens(keys, claims):
    """Every token that some library can sign, by library and algorithm. One run of node signs all of jose's."""
    made = {}

    def token(library: str, algorithm: str) -> str:
        if library == "jose" and ("jose", algorithm) not in made:
            jose = [name for name in ALGORITHMS if name not in CANNOT_SIGN["jose"]]
            lines = [{"alg": name, "key": keys[name].private_jwk, "claims": claims} for name in jose]
            made.update(zip((("jose", name) for name in jose), mint_with_jose(lines), strict=True))
        if (library, algorithm) not in made:
            made[library, algorithm] = mint(library, algorithm, keys[algorithm], claims)
        return made[library, algorithm]

    return token


@pytest.mark.parametrize(("library", "algorithm"), CAN_SIGN)
def test_a_token_is_accepted_under_its_key_in_every_form(ask, tokens, keys, claims, library, algorithm):
    token = tokens(library, algorithm)
    for form, key in keys[algorithm].forms().items():
        for parameter in ("secret", "public_key"):
            verifier = JWTVerifier(**{parameter: key}, algorithms=[algorithm], audience=AUDIENCE)
            documented, fastmcp = ask(verifier, token)
            assert documented is not None, (form, parameter)
            assert documented.token == fastmcp.token == token
            assert documented.metadata == fastmcp.claims == claims


@pytest.mark.parametrize(("library", "algorithm"), CAN_SIGN)
def test_a_token_is_refused_under_another_key(ask, tokens, other_keys, library, algorithm):
    verifier = JWTVerifier(other_keys[algorithm].public, [algorithm], AUDIENCE)
    assert ask(verifier, tokens(library, algorithm)) == (None, None)


@pytest.mark.parametrize(("library", "algorithm"), CAN_SIGN)
def test_a_token_is_refused_for_another_algorithm_of_its_own_key(ask, tokens, keys, library, algorithm):
    others = [other for other in ALGORITHMS if other != algorithm and fits(keys[other], keys[algorithm])]
    # A key on a NIST curve serves one algorithm alone; that EdDSA takes Ed448 keys too, the test below shows.
    assert bool(others) is not (algorithm.startswith("ES") or algorithm == "Ed448")
    for other in others:
        verifier = JWTVerifier(keys[algorithm].public, [other], AUDIENCE)
        assert ask(verifier, tokens(library, algorithm)) == (None, None), other


def fits(one: Key, other: Key) -> bool:
    return all(one.public_jwk.get(name) == other.public_jwk.get(name) for name in ("kty", "crv"))


@pytest.mark.parametrize(("library", "algorithm"), CAN_SIGN)
def test_a_token_with_one_byte_changed_is_refused(tokens, keys, library, algorithm):
    token = tokens(library, algorithm)
    verifier = JWTVerifier(keys[algorithm].public, [algorithm], AUDIENCE)
    changed = [variant for position in positions(token) for variant in changes(token, position)]

    async def accepted() -> list[str]:
        found = []
        for variant in [*changed, token]:
            request = {"headers": [(b"authorization", b"Bearer " + variant.encode())]}
            answers = [await verifier.verify_token(variant), await verifier.authenticate(request)]
            found += [variant for answer in answers if answer is not None]
        return found

    # In one event loop, as there are thousands of them.
    assert asyncio.run(accepted()) == [token, token]


def positions(token: str) -> list[int]:
    """All positions near the boundaries of the parts, and a sample of the others; at least 60."""
    edges = [0, *(at for at, letter in enumerate(token) if letter == "."), len(token) - 1]
    near = {at for edge in edges for at in range(edge - 4, edge + 5) if 0 <= at < len(token)}
    others = [at for at in range(len(token)) if at not in near]
    # The same ones in every run.
    sample = random.Random(0).sample(others, 60 - len(near) + 10)  # noqa: S311 - no secret
    found = sorted(near.union(sample))
    assert len(found) >= 60
    return found


def changes(token: str, position: int) -> list[str]:
    """The token with the next letter of the alphabet there, so that it decodes, and with one that is of no alphabet."""
    at = BASE64URL.find(token[position].encode())
    return [token[:position] + letter + token[position + 1 :] for letter in (chr(BASE64URL[(at + 1) % 64]), "!")]


@pytest.mark.parametrize(
    ("library", "algorithm"), [(name, missing) for name, unable in CANNOT_SIGN.items() for missing in sorted(unable)]
)
def test_what_a_library_is_said_not_to_sign_it_does_not_sign(keys, claims, library, algorithm):
    with pytest.raises(Exception, match=r"(?i)unsupported|not supported"):
        mint(library, algorithm, keys[algorithm], claims)


@pytest.mark.parametrize("library", ["PyJWT", "joserfc", "authlib"])
def test_eddsa_means_ed448_where_the_key_is_on_that_curve(ask, keys, other_keys, claims, library):
    token = mint(library, "EdDSA", keys["Ed448"], claims)
    for form, key in keys["Ed448"].forms().items():
        for algorithm, accepted in (("EdDSA", True), ("Ed448", False)):
            verifier = JWTVerifier(public_key=key, algorithms=[algorithm], audience=AUDIENCE)
            assert [answer is not None for answer in ask(verifier, token)] == [accepted] * 2, (form, algorithm)
    assert ask(JWTVerifier(other_keys["Ed448"].public, ["EdDSA"], AUDIENCE), token) == (None, None)
    with pytest.raises(ValueError, match="name one of these as algorithm"):
        JWTVerifier(keys["Ed448"].public, ["Ed25519"], AUDIENCE)
