"""Native verification of the bearer tokens of FastMCP servers.

Importing this package imports neither FastMCP nor anything else that takes time. Each name is loaded when it is first
used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmcp_rs import auth, client, errors, exceptions, jws, server, testing, types
    from fastmcp_rs._compat import Context
    from fastmcp_rs.auth import AccessToken, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
    from fastmcp_rs.client.client import Client
    from fastmcp_rs.patch.install import install, installed, invalidate, uninstall
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
    "invalidate",
    "jws",
    "server",
    "testing",
    "types",
    "uninstall",
]

_MODULES = frozenset({"auth", "client", "errors", "exceptions", "jws", "server", "testing", "types"})
_HOMES = {
    "AccessToken": "auth",
    "Client": "client.client",
    "Context": "_compat",
    "FastMCP": "server.application",
    "JWTVerifier": "auth",
    "OAuthProvider": "auth",
    "RemoteAuthProvider": "auth",
    "StaticTokenVerifier": "auth",
    "install": "patch.install",
    "installed": "patch.install",
    "invalidate": "patch.install",
    "uninstall": "patch.install",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"fastmcp_rs.{name}")
    if name in _HOMES:
        return getattr(import_module(f"fastmcp_rs.{_HOMES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and rarely used

        return version("fastmcp-rs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
