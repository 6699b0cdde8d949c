"""The installed FastMCP's own errors, such as ``ClientError``, under FastMCP's module path."""

from typing import TYPE_CHECKING

from fastmcp_rs import host

if TYPE_CHECKING:
    from fastmcp_rs.host import ClientError

__all__ = ["ClientError"]


def __getattr__(name: str) -> object:
    # Names that only the import system and the like ask for are no errors of FastMCP's, and no reason to load it.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(host.fastmcp("exceptions"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
