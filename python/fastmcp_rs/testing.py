"""Key pairs that sign tokens, for the tests of servers that verify them."""

import json
import time
from collections.abc import Mapping, Sequence

from fastmcp_rs import _native

__all__ = ["KeyPair"]


class KeyPair:
    """A freshly generated key. Its private part never leaves the process and cannot be read out.

    Attributes:
        algorithm: The algorithm that the key signs with.
        public_key: What ``JWTVerifier(public_key=...)`` needs: PEM text, or the shared secret for HS*.
    """

    def __init__(self, native: _native.KeyPair) -> None:
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
        return members if kid is None else {**members, "kid": kid}

    def create_token(
        self,
        subject: str = "fastmcp-user",
        issuer: str = "https://fastmcp.example.com",
        audience: str | list[str] | None = None,
        scopes: Sequence[str] | None = None,
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
        """
        now = int(time.time())
        header = {"alg": self.algorithm, "typ": "JWT"}
        if kid is not None:
            header["kid"] = kid
        claims: dict[str, object] = {
            "sub": subject,
            "iss": issuer,
            "iat": now,
            "exp": now + expires_in_seconds,
        }
        if audience:
            claims["aud"] = audience
        if scopes:
            claims["scope"] = " ".join(scopes)
        claims.update(additional_claims or {})
        return self.sign(header, claims)

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Sign this header and these claims as they are, right or wrong: for tests of what must be refused."""
        return self._native.sign(json.dumps(header).encode(), json.dumps(claims).encode())

    def __repr__(self) -> str:
        return f"KeyPair({self.algorithm})"
