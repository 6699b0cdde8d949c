"""What the tests of ``install()`` share: tokens mutated from real ones, and the rows of what ``strict`` refuses."""

import base64
import functools
import hashlib
import hmac
import json
import re
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import fastmcp_rs
from fastmcp_rs._log_rate import LogRateLimiter

# As in the folder above: up to 2.14 a proxy's store is another. Which lines have this one is itself tested.
_PROXY = find_spec("fastmcp.server.auth.oauth_proxy")
collect_ignore = [] if _PROXY and _PROXY.submodule_search_locations else ["proxy_store"]

ISSUER, AUDIENCE = "https://issuer.example", "https://server.example/mcp"


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def jws(sign, header: bytes, payload: bytes) -> str:
    signing_input = f"{encoded(header)}.{encoded(payload)}"
    return f"{signing_input}.{encoded(sign(signing_input.encode()))}"


def hmac_signer(key: bytes, digest=hashlib.sha256):
    return lambda message: hmac.digest(key, message, digest)


def rsa_signer(key):
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def ec_signer(key):
    def sign(message):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="session")
def signers(secret):
    """Keys by algorithm: what a verifier is given, its signer, and all that sign: mostly that one, and others."""
    unsigned = (lambda _: b"", "none")
    rsa_keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    ec_keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    shared = secret.encode()
    others = {
        "HS256": [(hmac_signer(shared[::-1]), "HS256"), (hmac_signer(shared, hashlib.sha512), "HS512"), unsigned],
        "RS256": [(rsa_signer(rsa_keys[1]), "RS256"), (hmac_signer(pem(rsa_keys[0]).encode()), "HS256"), unsigned],
        "ES256": [(ec_signer(ec_keys[1]), "ES256"), (hmac_signer(pem(ec_keys[0]).encode()), "HS256"), unsigned],
    }
    own = {
        "HS256": (secret, hmac_signer(shared)),
        "RS256": (pem(rsa_keys[0]), rsa_signer(rsa_keys[0])),
        "ES256": (pem(ec_keys[0]), ec_signer(ec_keys[0])),
    }
    return {name: (key, sign, [(sign, name)] * 7 + others[name]) for name, (key, sign) in own.items()}


@pytest.fixture
def standing_clock(monkeypatch):
    """Let the clock of a module of FastMCP's stand still: ``standing_clock(module, seconds)``."""

    def stop(module, seconds):
        stopped = SimpleNamespace(time=lambda: float(seconds), monotonic=module.time.monotonic)
        monkeypatch.setattr(module, "time", stopped)

    return stop


@pytest.fixture(autouse=True)
def _uninstalled(monkeypatch):
    """Leave FastMCP as it was, and write each record."""
    monkeypatch.setattr("fastmcp_rs.patch.decoder.limiter", LogRateLimiter(1_000_000))
    yield
    fastmcp_rs.uninstall()


# The rows of what ``strict`` refuses beyond FastMCP, by their names in docs/compatibility.md; found without any code
# of the project.

DATES = ("exp", "nbf", "iat")
TEXTS = ("iss", "sub", "client_id", "azp", "jti")
LISTS = ("aud", "scope", "scp")


def is_texts(value) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def is_date(value) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -62_135_596_800 <= value <= 253_402_300_799


def claim_types(claims) -> bool:
    wrong = [name for name in DATES if name in claims and not is_date(claims[name])]
    wrong += [name for name in TEXTS if name in claims and not isinstance(claims[name], str)]
    wrong += [name for name in LISTS if name in claims and not is_texts(claims[name])]
    return bool(wrong) or not isinstance(claims.get("cnf", {}), dict)


def depth(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def rows_of(token: str) -> set[str]:
    """The rows that a token falls under; of a token that FastMCP accepts."""
    segments = token.split(".")
    octets = [base64.urlsafe_b64decode(re.sub(r"[^A-Za-z0-9_+/-]", "", text) + "==") for text in segments]
    found = set()
    if any(encoded(octet) != text for octet, text in zip(octets, segments, strict=True)):
        found.add("base64url")
    header, claims = (note(found, text) for text in octets[:2])
    if "crit" in header or "zip" in header or header.get("b64", True) is not True:
        found.add("critical")
    if not all(isinstance(header.get(name, ""), str) for name in ("kid", "typ")):
        found.add("header-types")
    if claim_types(claims):
        found.add("claim-types")
    if max(depth(header), depth(claims)) > 32:
        found.add("nesting")
    return found


def note(found: set[str], text: bytes) -> dict:
    # UTF-16 and UTF-32 of ASCII are UTF-8 with zero octets in between, which Python tells apart as they stand.
    if json.detect_encoding(text) != "utf-8":
        found.add("utf-8")

    def pairs(members):
        if len(dict(members)) < len(members):
            found.add("names-twice")
        return dict(members)

    def constant(name):
        found.add("numbers")
        return float(name)

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        found.add("surrogates")
    return value


@pytest.fixture(scope="session")
def rows():
    """Tell which documented rows a token falls under: ``rows(token)``."""
    return rows_of


@pytest.fixture(scope="session")
def make_jws():
    """Sign a header and a payload as they stand: ``make_jws(sign, header, payload)``."""
    return jws


@pytest.fixture(scope="session", name="rsa_signer")
def _rsa_signer():
    return rsa_signer


@pytest.fixture(scope="session", name="hmac_signer")
def _hmac_signer():
    return hmac_signer


@pytest.fixture(scope="session")
def expected():
    """What the verifiers of these tests expect of a token."""
    return functools.partial(dict, issuer=ISSUER, audience=AUDIENCE, required_scopes=["read"])
