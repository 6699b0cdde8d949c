"""The modules for protected servers, under the module paths of FastMCP."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmcp_rs.server import auth, dependencies

__all__ = ["auth", "dependencies"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"fastmcp_rs.server.{name}")
