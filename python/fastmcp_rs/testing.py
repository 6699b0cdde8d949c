"""Key pairs that sign tokens, for tests of servers that verify tokens."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence

from fastmcp_rs import _native
from fastmcp_rs._native import scopes as read_scopes
from fastmcp_rs._native import text, texts
from fastmcp_rs.types import SigningAlgorithm

__all__ = ["KeyPair"]


class KeyPair:
    """A freshly generated key. Its private part never leaves the process and cannot be read out.

    So sign tokens in the process that made the key, and publish ``jwk()``: a new run makes a new key.

    Attributes:
        algorithm: The algorithm that the key signs with.
        public_key: What ``JWTVerifier(public_key=...)`` needs: PEM text, or the shared secret for HS*.
    """

    def __init__(self, native: _native.KeyPair) -> None:
        if not isinstance(native, _native.KeyPair):
            raise TypeError("native is a key that was generated: make one with KeyPair.generate()")
        self._native = native

    @classmethod
    def generate(cls, algorithm: SigningAlgorithm = "RS256") -> "KeyPair":
        """Generate a key for one algorithm: RSA with 2048 bits, a secret as long as its hash.

        Raises:
            ValueError: The algorithm is unknown, or ES512 or Ed448, which cannot be signed here.
        """
        return cls(_native.KeyPair(algorithm))

    @property
    def algorithm(self) -> SigningAlgorithm:
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
            TypeError: ``expires_in_seconds`` is not a number, or the claims cannot be written as JSON.
            ValueError: An argument has the wrong type. For faulty tokens use ``additional_claims`` or ``sign``.
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

    def thumbprint(self) -> str:
        """Return the SHA-256 thumbprint of the public key (RFC 7638), for the ``jkt`` of a token that is bound to it.

        Raises:
            ValueError: It is a shared secret.
        """
        return self._native.thumbprint()

    def create_dpop_proof(
        self,
        method: str,
        url: str,
        token: str | None = None,
        nonce: str | None = None,
        issued_in_seconds: float = 0,
        additional_claims: Mapping[str, object] | None = None,
        additional_header: Mapping[str, object] | None = None,
    ) -> str:
        """Sign a proof of possession (RFC 9449 section 4.2), for the header ``DPoP`` of one request.

        A token is bound to this key by ``additional_claims={"cnf": {"jkt": keys.thumbprint()}}`` of ``create_token``,
        and sent as ``Authorization: DPoP <token>``.

        Args:
            method: The method of the request.
            url: Its URL; query and fragment are left out.
            token: The access token beside it, for ``ath``.
            nonce: The nonce that the server gave.
            issued_in_seconds: Seconds from now to ``iat``; negative for an old proof.
            additional_claims: Further claims, which replace those of the same name.
            additional_header: Further parameters of the header, likewise.

        Raises:
            TypeError: ``issued_in_seconds`` is not a number, or what is added cannot be written as JSON.
            ValueError: An argument has the wrong type, or the key is a shared secret.
        """
        if isinstance(issued_in_seconds, bool) or not isinstance(issued_in_seconds, (int, float)):
            raise TypeError(f"issued_in_seconds must be a number, not {type(issued_in_seconds).__name__}")
        self.thumbprint()
        header: dict[str, object] = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self._native.jwk()}
        claims: dict[str, object] = {
            "jti": uuid.uuid4().hex,
            "htm": text(method, "method"),
            "htu": text(url, "url").partition("#")[0].partition("?")[0],
            "iat": int(time.time()) + issued_in_seconds,
        }
        if token is not None:
            digest = hashlib.sha256(text(token, "token").encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if nonce is not None:
            claims["nonce"] = text(nonce, "nonce")
        if additional_header is not None:
            header = _merged(header, additional_header, "additional_header")
        return self.sign(header, claims if additional_claims is None else _merged(claims, additional_claims))

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Sign this header and these claims as they are, right or wrong: for tests of what must be refused.

        Raises:
            TypeError: One of them cannot be written as JSON.
        """
        return self._native.sign(_json_text(header, "header"), _json_text(claims, "claims"))

    def __repr__(self) -> str:
        return f"KeyPair({self.algorithm})"


def _merged(
    members: dict[str, object], additional: Mapping[str, object], argument: str = "additional_claims"
) -> dict[str, object]:
    try:
        return {**members, **additional}
    except Exception:  # noqa: BLE001 - an object that is no mapping may raise any error
        raise TypeError(f"{argument} must be a dict") from None


def _json_text(value: object, argument: str) -> bytes:
    try:
        return json.dumps(value).encode()
    except Exception:  # noqa: BLE001 - a value that is not JSON may raise any error
        raise TypeError(f"{argument} must be what json.dumps() takes") from None
