"""Providers that protect a FastMCP server. Each class, and FastMCP with it, is loaded when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

from fastmcp_rs._native import AccessToken

if TYPE_CHECKING:
    from fastmcp_rs.auth.explanation import Explanation
    from fastmcp_rs.auth.jwt import JWTVerifier
    from fastmcp_rs.auth.oauth_provider import OAuthProvider
    from fastmcp_rs.auth.protected_resource import FROM_RESOURCE
    from fastmcp_rs.auth.protection import protect
    from fastmcp_rs.auth.provider import AuthProvider
    from fastmcp_rs.auth.remote_auth_provider import RemoteAuthProvider
    from fastmcp_rs.auth.static import StaticTokenVerifier

__all__ = [
    "FROM_RESOURCE",
    "AccessToken",
    "AuthProvider",
    "Explanation",
    "JWTVerifier",
    "OAuthProvider",
    "RemoteAuthProvider",
    "StaticTokenVerifier",
    "protect",
]

_HOMES = {
    "FROM_RESOURCE": "protected_resource",
    "AuthProvider": "provider",
    "Explanation": "explanation",
    "JWTVerifier": "jwt",
    "OAuthProvider": "oauth_provider",
    "RemoteAuthProvider": "remote_auth_provider",
    "StaticTokenVerifier": "static",
    "protect": "protection",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"fastmcp_rs.auth.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
