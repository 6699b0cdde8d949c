"""HTTP clients, and FastMCP's client."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastmcp_rs._compat.installed import optional

if TYPE_CHECKING:
    from httpx2 import Auth as HttpAuthBase

__all__ = ["implied_auth", "refusals_end_sessions"]


def implied_auth(request: Any) -> "HttpAuthBase":  # noqa: ANN401 - of either HTTP client
    """Make the default authentication of an HTTP client: by user and password in the URL, if it has them."""
    module = import_module(type(request).__module__)
    url = request.url
    found: HttpAuthBase = (
        module.BasicAuth(url.username, url.password) if url.username or url.password else module.Auth()
    )
    return found


def refusals_end_sessions() -> bool:
    """Whether a client's session ends when one of its requests is refused, as with the MCP SDK 1."""
    return not hasattr(optional("mcp"), "MCPError")
