"""The tokens of the demo: a valid one, and one for each kind of fault."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from fastmcp_rs.testing import KeyPair

__all__ = ["AUDIENCE", "ISSUER", "SCOPE", "Case", "cases"]

ISSUER = "https://issuer.example"
AUDIENCE = "https://server.example/mcp"
SCOPE = "tools"

_OK = 200
_UNAUTHORIZED = 401
_FORBIDDEN = 403


@dataclass(frozen=True, repr=False)
class Case:
    """A token to send, with the expected status and reason."""

    name: str
    token: str | None
    status: int
    reason: str | None


def cases(keys: KeyPair) -> list[Case]:
    """Make the tokens. Each bad one has a single fault."""

    def claims(**changed: object) -> dict[str, object]:
        now = int(time.time())
        good = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "scope": SCOPE, "iat": now, "exp": now + 600}
        return {**good, **changed}

    def signed(**changed: object) -> str:
        return keys.sign({"alg": keys.algorithm}, claims(**changed))

    valid = signed()
    return [
        Case("valid", valid, _OK, None),
        Case("expired", signed(exp=int(time.time()) - 60), _UNAUTHORIZED, "expired"),
        Case("not yet valid", signed(nbf=int(time.time()) + 300), _UNAUTHORIZED, "not_yet_valid"),
        Case("wrong issuer", signed(iss="https://evil.example"), _UNAUTHORIZED, "issuer_mismatch"),
        Case("wrong audience", signed(aud="https://other.example/mcp"), _UNAUTHORIZED, "audience_mismatch"),
        Case("missing scope", signed(scope="other"), _FORBIDDEN, "insufficient_scope"),
        Case("tampered", _with_claims(valid, claims(sub="mallory")), _UNAUTHORIZED, "invalid_signature"),
        Case("alg: none", f"{_signing_input('none', claims())}.", _UNAUTHORIZED, "unsupported_algorithm"),
        Case("HS256 with the public key", _confused(keys, claims()), _UNAUTHORIZED, "algorithm_not_allowed"),
        Case("garbage", "not-a-token", _UNAUTHORIZED, "malformed_token"),
        Case("no token", None, _UNAUTHORIZED, "missing_token"),
    ]


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _signing_input(algorithm: str, claims: dict[str, object]) -> str:
    return f"{_encoded(json.dumps({'alg': algorithm}).encode())}.{_encoded(json.dumps(claims).encode())}"


def _with_claims(token: str, claims: dict[str, object]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{_encoded(json.dumps(claims).encode())}.{signature}"


def _confused(keys: KeyPair, claims: dict[str, object]) -> str:
    """Sign with HMAC under the text of the public key, which is public (CVE-2015-9235)."""
    signing_input = _signing_input("HS256", claims)
    mac = hmac.digest(keys.public_key.encode(), signing_input.encode(), hashlib.sha256)
    return f"{signing_input}.{_encoded(mac)}"
