"""Key pairs that sign tokens, for the tests of servers that verify them."""

import json
import time
from collections.abc import Mapping, Sequence

from fastmcp_rs import _native
from fastmcp_rs._native import scopes as read_scopes
from fastmcp_rs._native import text, texts

__all__ = ["KeyPair"]


class KeyPair:
    """A freshly generated key. Its private part never leaves the process and cannot be read out.

    Attributes:
        algorithm: The algorithm that the key signs with.
        public_key: What ``JWTVerifier(public_key=...)`` needs: PEM text, or the shared secret for HS*.
    """

    def __init__(self, native: _native.KeyPair) -> None:
        if not isinstance(native, _native.KeyPair):
            raise TypeError("native is a key that was generated: make one with KeyPair.generate()")
        self._native = native

    @classmethod
    def generate(cls, algorithm: str = "RS256") -> "KeyPair":
        """Generate a key for one algorithm: RSA with 2048 bits, a secret as long as its hash.

        Raises:
            ValueError: The algorithm is unknown, or ES512 or Ed448, which cannot be signed here.
        """
        return cls(_native.KeyPair(algorithm))

    @property
    def algorithm(self) -> str:
        """The algorithm that the key signs with."""
        return self._native.algorithm

    @property
    def public_key(self) -> str:
        """The public key as PEM text, or the shared secret for HS*."""
        return self._native.public_key

    def jwk(self, kid: str | None = None) -> dict[str, str]:
        """Return the public JWK (RFC 7517), bound to the algorithm; the symmetric one for HS*."""
        members = {**self._native.jwk(), "alg": self.algorithm, "use": "sig"}
        return members if kid is None else {**members, "kid": text(kid, "kid")}

    def create_token(
        self,
        subject: str = "fastmcp-user",
        issuer: str = "https://fastmcp.example.com",
        audience: str | list[str] | None = None,
        scopes: str | Sequence[str] | None = None,
        expires_in_seconds: int = 3600,
        additional_claims: Mapping[str, object] | None = None,
        kid: str | None = None,
    ) -> str:
        """Sign a JWT, with the parameters of FastMCP's ``RSAKeyPair``.

        Args:
            subject: ``sub``
            issuer: ``iss``
            audience: ``aud``
            scopes: ``scope``, written as one text.
            expires_in_seconds: Seconds from now to ``exp``; negative for an expired token.
            additional_claims: Further claims, which replace those of the same name.
            kid: The key id in the header.

        Raises:
            TypeError: A number is none, or the claims are nothing that JSON text can be made of.
            ValueError: A text is none. What is to be wrong in a token is for ``additional_claims`` and for ``sign``.
        """
        if isinstance(expires_in_seconds, bool) or not isinstance(expires_in_seconds, (int, float)):
            raise TypeError(f"expires_in_seconds must be a number, not {type(expires_in_seconds).__name__}")
        now = int(time.time())
        header = {"alg": self.algorithm, "typ": "JWT"}
        if kid is not None:
            header["kid"] = text(kid, "kid")
        claims: dict[str, object] = {
            "sub": text(subject, "subject"),
            "iss": text(issuer, "issuer"),
            "iat": now,
            "exp": now + expires_in_seconds,
        }
        expected = texts(audience, "audience")
        if audience and expected:
            claims["aud"] = audience if isinstance(audience, str) else expected
        granted = read_scopes(scopes, "scopes")
        if granted:
            claims["scope"] = " ".join(granted)
        return self.sign(header, claims if additional_claims is None else _merged(claims, additional_claims))

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Sign this header and these claims as they are, right or wrong: for tests of what must be refused.

        Raises:
            TypeError: One of them is nothing that JSON text can be made of.
        """
        return self._native.sign(_json_text(header, "header"), _json_text(claims, "claims"))

    def __repr__(self) -> str:
        return f"KeyPair({self.algorithm})"


def _merged(claims: dict[str, object], additional_claims: Mapping[str, object]) -> dict[str, object]:
    try:
        return {**claims, **additional_claims}
    except Exception:  # noqa: BLE001 - whatever it is, it raises what it likes where it is no mapping
        raise TypeError("additional_claims must be a dict") from None


def _json_text(value: object, argument: str) -> bytes:
    try:
        return json.dumps(value).encode()
    except Exception:  # noqa: BLE001 - whatever it holds, it raises what it likes where it is no JSON
        raise TypeError(f"{argument} must be what json.dumps() takes") from None
