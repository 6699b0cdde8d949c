"""What the installed FastMCP, MCP SDK and HTTP client have, by the name that is used here."""

from contextlib import suppress
from importlib import import_module
from typing import Any

__all__ = ["fastmcp", "find", "optional", "role"]

# By the name that is used here: the class's own name, the modules that may have it, what to use where none does.
# FastMCP's classes are found where FastMCP publishes them, so that a later FastMCP may move them in its inside.
_ROLES: dict[str, tuple[str, tuple[str, ...], object]] = {
    "TokenVerifierBase": ("TokenVerifier", ("fastmcp.server.auth",), object),
    "RemoteAuthProviderBase": ("RemoteAuthProvider", ("fastmcp.server.auth",), None),
    "JWTVerifierBase": ("JWTVerifier", ("fastmcp.server.auth",), object),
    "FastMCPAccessToken": ("AccessToken", ("fastmcp.server.auth", "mcp.server.auth.provider"), None),
    "SdkAccessToken": ("AccessToken", ("mcp.server.auth.provider",), None),
    "UnavailableError": ("TokenVerificationError", ("fastmcp.server.auth",), None),
    "AuthenticatedUser": ("AuthenticatedUser", ("mcp.server.auth.middleware.bearer_auth",), None),
    "RequireAuthMiddleware": ("RequireAuthMiddleware", ("mcp.server.auth.middleware.bearer_auth",), None),
    "auth_context_var": ("auth_context_var", ("mcp.server.auth.middleware.auth_context",), None),
}


# What only FastMCP has, by its module there and its name: without FastMCP, using it is an ImportError.
_REQUIRED = {
    "AuthProviderBase": ("server.auth", "AuthProvider"),
    "CallToolResultBase": ("client.client", "CallToolResult"),
    "ClientBase": ("", "Client"),
    "ClientError": ("exceptions", "ClientError"),
    "Context": ("", "Context"),
    "FastMCPBase": ("", "FastMCP"),
    "get_http_headers": ("server.dependencies", "get_http_headers"),
}

_found: dict[str, object] = {}


def find(name: str) -> object:
    """A class or function of the installed packages, which are imported when it is first used.

    Raises:
        AttributeError: No such name is used here.
        ImportError: Only FastMCP has it, which is not installed.
    """
    if name not in _found:
        _found[name] = _imported(name)
    return _found[name]


def role(name: str) -> Any:  # noqa: ANN401 - a class of the installed package
    """As ``find``, where the class is not known to type checkers."""
    return find(name)


def fastmcp(module: str = "") -> Any:  # noqa: ANN401 - a module of whichever FastMCP is installed
    """Import FastMCP, or a module of it.

    Raises:
        ImportError: FastMCP is not installed.
    """
    try:
        return import_module(f"fastmcp.{module}" if module else "fastmcp")
    except ImportError as error:
        raise ImportError("this needs FastMCP, which is not installed: pip install 'fastmcp-rs[fastmcp]'") from error


def optional(module: str) -> Any:  # noqa: ANN401 - a module of the installed package
    """A module, or ``None`` where it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        return None


def _imported(name: str) -> object:
    if name == "HttpAuthBase":
        clients = filter(None, map(optional, ("httpx", "httpx2")))
        return type(name, tuple(client.Auth for client in clients), {})
    if name in _REQUIRED:
        module, attribute = _REQUIRED[name]
        required: object = getattr(fastmcp(module), attribute)
        return required
    if name not in _ROLES:
        raise AttributeError(f"module 'fastmcp_rs._compat' has no attribute {name!r}")
    attribute, modules, found = _ROLES[name]
    for module in filter(None, map(optional, modules)):
        # FastMCP imports some of what it publishes when it is touched, and a part of it may not be installed.
        with suppress(AttributeError, ImportError):
            found = getattr(module, attribute)
        break
    return found
