"""Warnings about configurations that work but are not safe, logged once when a provider is made."""

import warnings

from fastmcp_rs.errors import MissingAudienceWarning, ShortSecretWarning

__all__ = ["warn_of_missing_audience", "warn_of_short_secret"]

# The stack level of the initializer's caller.
_STACK_LEVEL = 3


def warn_of_short_secret(secret_bytes: int, wanted_bytes: int) -> None:
    """Warn of a secret that is shorter than its algorithm's hash."""
    warnings.warn(
        f"the secret has {secret_bytes} bytes and its algorithm asks for {wanted_bytes} (RFC 7518 section 3.2): a "
        "short one can be guessed from a single token",
        ShortSecretWarning,
        stacklevel=_STACK_LEVEL,
    )


def warn_of_missing_audience(issuer: object, writer: str, client_parameter: str) -> None:
    """Warn that tokens for any service are accepted, of ``writer``, whose name is ``issuer`` where it is known."""
    warnings.warn(
        f"no audience is configured: tokens that {issuer or writer} made for other services are accepted here. Set "
        f"audience, or {client_parameter} where {writer} writes no aud",
        MissingAudienceWarning,
        stacklevel=_STACK_LEVEL,
    )
