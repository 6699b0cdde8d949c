"""Classes and functions of the installed FastMCP, MCP SDK and HTTP client, by this package's names for them."""

from contextlib import suppress
from importlib import import_module
from typing import Any

__all__ = ["fastmcp", "find", "optional", "role"]

# By this package's name: the name of the class, the modules that may have it, and the fallback if none does.
# FastMCP's classes are imported from public modules, so that a later FastMCP may move their definitions.
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


# What only FastMCP has, by module and name. Without FastMCP, using it is an ImportError.
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
    """As ``find``, for a class that type checkers do not know."""
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
        # FastMCP imports some public names at their first use, and their dependencies may not be installed.
        with suppress(AttributeError, ImportError):
            found = getattr(module, attribute)
        break
    return found
