"""Native verification of the bearer tokens of FastMCP servers.

Importing this package alone imports neither FastMCP nor anything else that takes time; each name is loaded when it is
first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmcp_rs import auth, client, errors, exceptions, jws, server, testing
    from fastmcp_rs.auth import AccessToken, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
    from fastmcp_rs.client.client import Client
    from fastmcp_rs.host import Context
    from fastmcp_rs.in_place.installation import install, installed, uninstall
    from fastmcp_rs.server.application import FastMCP

__all__ = [
    "AccessToken",
    "Client",
    "Context",
    "FastMCP",
    "JWTVerifier",
    "OAuthProvider",
    "RemoteAuthProvider",
    "StaticTokenVerifier",
    "auth",
    "client",
    "errors",
    "exceptions",
    "install",
    "installed",
    "jws",
    "server",
    "testing",
    "uninstall",
]

_MODULES = frozenset({"auth", "client", "errors", "exceptions", "jws", "server", "testing"})
_HOMES = {
    "AccessToken": "auth",
    "Client": "client.client",
    "Context": "host",
    "FastMCP": "server.application",
    "JWTVerifier": "auth",
    "OAuthProvider": "auth",
    "RemoteAuthProvider": "auth",
    "StaticTokenVerifier": "auth",
    "install": "in_place.installation",
    "installed": "in_place.installation",
    "uninstall": "in_place.installation",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"fastmcp_rs.{name}")
    if name in _HOMES:
        return getattr(import_module(f"fastmcp_rs.{_HOMES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and few ask

        return version("fastmcp-rs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
