"""Native verification of the bearer tokens of FastMCP servers.

Importing this package alone imports neither FastMCP nor anything else that takes time; each name is loaded when it is
first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmcp_rs import auth, errors, jws, testing
    from fastmcp_rs.auth import AccessToken, JWTVerifier, StaticTokenVerifier

__all__ = ["AccessToken", "JWTVerifier", "StaticTokenVerifier", "auth", "errors", "jws", "testing"]

_MODULES = frozenset({"auth", "errors", "jws", "testing"})
_CLASSES = frozenset({"AccessToken", "JWTVerifier", "StaticTokenVerifier"})


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"fastmcp_rs.{name}")
    if name in _CLASSES:
        return getattr(import_module("fastmcp_rs.auth"), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and few ask

        return version("fastmcp-rs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
