"""The installed FastMCP's own errors, such as ``ClientError``, under FastMCP's module path."""

from typing import TYPE_CHECKING

from fastmcp_rs import _compat

if TYPE_CHECKING:
    from fastmcp_rs._compat import ClientError

__all__ = ["ClientError"]


def __getattr__(name: str) -> object:
    # The import system looks up such names. FastMCP has no errors of these names, and is not imported for them.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_compat.fastmcp("exceptions"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
