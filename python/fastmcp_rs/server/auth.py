"""The providers under FastMCP's module path. Each class, and FastMCP with it, is loaded when it is first used."""

from typing import TYPE_CHECKING

from fastmcp_rs import auth

if TYPE_CHECKING:
    from fastmcp_rs.auth import (
        AccessToken,
        AuthProvider,
        JWTVerifier,
        OAuthProvider,
        RemoteAuthProvider,
        StaticTokenVerifier,
    )

__all__ = ["AccessToken", "AuthProvider", "JWTVerifier", "OAuthProvider", "RemoteAuthProvider", "StaticTokenVerifier"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(auth, name)


def __dir__() -> list[str]:
    return sorted(__all__)
