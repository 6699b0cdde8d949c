"""For tools: the access token of the current request, its headers, and checks of its scopes."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fastmcp_rs import _compat
from fastmcp_rs._native import scopes as read_scopes
from fastmcp_rs.auth.demanded_scopes import demand

if TYPE_CHECKING:
    from fastmcp_rs._compat import get_http_headers
    from fastmcp_rs._native import AccessToken

__all__ = ["get_access_token", "get_http_headers", "require_scope", "validate_scopes"]

_Tool = TypeVar("_Tool", bound=Callable[..., Any])


def __getattr__(name: str) -> object:
    if name == "get_http_headers":
        return _compat.get_http_headers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def get_access_token() -> "AccessToken | None":
    """The access token of the current request.

    Returns:
        The documented access token, or ``None`` outside of a request and for a request without one.

    Raises:
        ImportError: FastMCP is not installed.
    """
    token = _compat.current_token()
    return None if token is None else _compat.from_fastmcp(token)


def validate_scopes(required_scopes: Sequence[str]) -> None:
    """Check that the access token of the current request has scopes.

    Args:
        required_scopes: The scopes, each of which the access token must have.

    Raises:
        PermissionError: There is no access token, or it lacks some of the scopes; the text names them.
        ValueError: ``required_scopes`` is a text, where a list is expected, or names what no token can have.
        ImportError: FastMCP is not installed.
    """
    if not isinstance(required_scopes, (list, tuple, set, frozenset)):
        raise ValueError("required_scopes must be a list, such as ['read']")  # noqa: TRY004 - as in the providers
    _demand(read_scopes(required_scopes, "required_scopes"))


def _demand(scopes: Sequence[str]) -> None:
    token = get_access_token()
    if token is None:
        raise PermissionError("Authentication required")
    missing = [scope for scope in scopes if not token.has_scope(scope)]
    if missing:
        raise PermissionError(f"Missing required scope{'s' if missing[1:] else ''}: {', '.join(missing)}")


def require_scope(*scopes: str) -> Callable[[_Tool], _Tool]:
    """Make a decorator that checks the scopes of the caller of a tool.

    It goes under ``@mcp.tool``. The tool keeps its name, its documentation and its signature, which FastMCP reads.

    Args:
        *scopes: The scopes, each of which the access token must have.

    Returns:
        The decorator, for functions, coroutine functions and methods. What it makes raises ``PermissionError`` where
        ``validate_scopes`` does, before anything of the tool runs.

    Raises:
        ValueError: No scope is named, or one that no token can have (RFC 6749 section 3.3).
    """
    if not scopes:
        raise ValueError("require_scope() needs a scope: require_scope('read')")
    try:
        demanded = read_scopes(scopes, "scopes")
    except ValueError:
        raise ValueError(
            "the scopes of require_scope() are texts without spaces: require_scope('read', 'write')"
        ) from None

    def decorator(tool: _Tool) -> _Tool:
        if _compat.is_registered_tool(tool):
            raise TypeError(
                "require_scope goes under @mcp.tool: above it, FastMCP has the tool already, without the check"
            )
        if inspect.iscoroutinefunction(tool):

            @functools.wraps(tool)
            async def checked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the tool's own
                _demand(demanded)
                return await tool(*args, **kwargs)
        else:

            @functools.wraps(tool)
            def checked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the tool's own
                _demand(demanded)
                return tool(*args, **kwargs)

        demand(checked, demanded)
        checked.__signature__ = _compat.signature_of(tool)  # type: ignore[attr-defined]
        return cast("_Tool", checked)

    return decorator
