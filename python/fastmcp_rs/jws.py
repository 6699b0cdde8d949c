"""Signatures alone, for compact JWS with any payload: webhooks, signed documents, test vectors."""

from collections.abc import Sequence

from fastmcp_rs._native import verify_jws
from fastmcp_rs.types import Algorithm

__all__ = ["verify"]


def verify(token: str | bytes, key: str | bytes, algorithms: Algorithm | Sequence[Algorithm] | None = None) -> bytes:
    """Verify the signature of a compact JWS (RFC 7515 section 5.2) and return its payload.

    Claims are not looked at: an expired token verifies.

    Args:
        token: The compact serialisation. Longer than 64 KiB is refused.
        key: A public key as PEM text, a JWK or JWK Set as JSON text; with HS* named in ``algorithms``, also a secret.
        algorithms: The algorithms to accept. By default each key's own ``alg``, else those of its family.

    Returns:
        The payload, as bytes.

    Raises:
        TokenRejectedError: The token is refused; ``code`` has the reason.
        ValueError: The key or the algorithms cannot be used.
    """
    return verify_jws(token, key, algorithms)
