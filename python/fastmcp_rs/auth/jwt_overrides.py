"""The checks of FastMCP's ``JWTVerifier`` that a subclass may override."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs._native import JwtVerifier, scopes_of
from fastmcp_rs.auth.denylist import DenyingProvider
from fastmcp_rs.auth.native_provider import NativeProvider

__all__ = ["KEY_LOOKUPS", "OverridableChecks"]

# FastMCP's methods that find a key. A class that overrides one expects it to be called, and it would not be.
KEY_LOOKUPS = frozenset({"_get_verification_key", "_get_jwks_key", "_refresh_jwks_key", "_fetch_jwks"})

# The checks as defined below.
_CHECKS: dict[str, object] = {}


class OverridableChecks(DenyingProvider, _compat.JWTVerifierBase):
    """A verifier of JWTs that asks the checks which a subclass overrides."""

    _native: JwtVerifier
    _asks_issuer = False
    _asks_scopes = False

    _overridable = NativeProvider._overridable | {"_validate_issuer", "_extract_scopes"}
    _not_asked = KEY_LOOKUPS

    @classmethod
    def _detect_overrides(cls) -> None:
        """Find out which checks are overridden as well."""
        super()._detect_overrides()
        changed = {name for name, check in _CHECKS.items() if inspect.getattr_static(cls, name) is not check}
        cls._asks_issuer = "_validate_issuer" in changed
        cls._asks_scopes = "_extract_scopes" in changed

    def _bind_decision(self) -> None:
        """Call the native function directly, unless it needs the overrides as arguments."""
        super()._bind_decision()
        if self._asks_issuer or self._asks_scopes:
            vars(self).pop("_decide", None)
            vars(self).pop("_acceptor", None)

    def _overridden_checks(self) -> "tuple[Callable[[Any], object] | None, Callable[[Any], object] | None]":
        """The checks that a subclass overrides, each ``None`` where it does not."""
        return (
            self._validate_issuer if self._asks_issuer else None,
            self._extract_scopes if self._asks_scopes else None,
        )

    def _validate_issuer(self, issuer: Any) -> bool:  # noqa: ANN401 - FastMCP's signature
        """Whether a token's issuer is accepted. Where a subclass overrides it, it is called for every token."""
        return self._native.policy.accepts_issuer(issuer)

    def _extract_scopes(self, claims: Mapping[str, Any]) -> list[str]:
        """The scopes that the claims grant. Where a subclass overrides it, its result replaces ours."""
        return scopes_of(json.dumps({name: claims[name] for name in ("scope", "scp") if name in claims}).encode())


_CHECKS.update({name: vars(OverridableChecks)[name] for name in ("_validate_issuer", "_extract_scopes")})
