"""FastMCP's servers, their middleware, sessions and tools."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, get_args, get_type_hints

from fastmcp_rs._compat.installed import optional, role

__all__ = [
    "absent_auth",
    "authenticates_for",
    "checks_components",
    "cors_middleware",
    "is_registered_tool",
    "scope_of_unknown_user",
    "served_by",
    "session_names",
    "signature_of",
    "ties_sessions_to_users",
]


def authenticates_for(middleware: Any, provider: object) -> bool | None:  # noqa: ANN401 - Starlette's, of some line
    """Find out what a middleware of FastMCP does for a provider.

    Returns:
        True where it asks the provider about bearer tokens; False where it makes their user known to tools; None for
        any other middleware.
    """
    bearer, context = (import_module(f"mcp.server.auth.middleware.{name}") for name in ("bearer_auth", "auth_context"))
    # The replacement by ``install()`` does the same as the SDK's class.
    if getattr(middleware.cls, "stands_for", middleware.cls) is context.AuthContextMiddleware:
        return False
    backend: Any = getattr(middleware, "kwargs", {}).get("backend")
    kind = getattr(type(backend), "stands_for", type(backend))
    asks = kind is bearer.BearerAuthBackend and backend.token_verifier is provider
    return True if asks else None


def cors_middleware(handler: Callable[..., Any], methods: list[str]) -> Any:  # noqa: ANN401 - an ASGI application
    """Let browsers read what a handler answers, as FastMCP's own metadata."""
    return import_module("mcp.server.auth.routes").cors_middleware(handler, methods)


def served_by(app: Any) -> tuple[Any, str | None]:  # noqa: ANN401 - a Starlette application
    """The FastMCP server that an application serves over streamable HTTP, and the path, or ``None`` for both."""
    state = getattr(app, "state", None)
    if getattr(state, "transport_type", None) != "streamable-http":
        return None, None
    return getattr(state, "fastmcp_server", None), getattr(state, "path", None)


def scope_of_unknown_user() -> Any:  # noqa: ANN401 - an ASGI scope
    """The ASGI scope of the request that FastMCP serves in this context, before its user is known.

    ``None`` where there is none: the server does not authenticate requests, or FastMCP is 2.12.0, which does so before
    it remembers them.
    """
    current: Any = getattr(optional("fastmcp.server.http"), "_current_http_request", None)
    request = None if current is None else current.get()
    if request is None:
        return None
    scope = request.scope
    if "user" in scope and (
        isinstance(scope["user"], role("AuthenticatedUser")) or scope.get("endpoint", ...) is not scope.get("app")
    ):
        # The server may be mounted in an application with its own users, and its endpoint is not reached yet.
        return None
    return scope


def session_names(scope: Any) -> list[str]:  # noqa: ANN401 - an ASGI scope
    """The keys under which FastMCP stores what is hidden from a request's client: by session, or by user."""
    names = [value.decode("latin-1") for name, value in scope["headers"] if name == b"mcp-session-id"]
    sessions = optional("fastmcp.server.sessions")
    if names or not hasattr(sessions, "current_principal"):
        return names
    return [f"user:{sessions._principal_segment(sessions.current_principal())}"]


def ties_sessions_to_users() -> bool:
    """Whether the installed MCP SDK serves a session only to its user, as newer versions do."""
    compares = hasattr(optional("mcp.server.auth.middleware.bearer_auth"), "authorization_context")
    return compares and "subject" in role("FastMCPAccessToken").model_fields


def checks_components() -> bool:
    """Whether the installed FastMCP checks scopes of single tools, resources and prompts, as from 3.0 on."""
    return hasattr(optional("fastmcp.server.auth"), "require_scopes")


def absent_auth(initializer: Callable[..., Any]) -> object:
    """The default of ``auth`` in FastMCP's server class: up to 2.14 a sentinel, later ``None``."""
    return inspect.signature(initializer).parameters["auth"].default


def is_registered_tool(tool: object) -> bool:
    """Whether FastMCP's decorator made this: that of FastMCP 2 makes an object, later ones mark the function."""
    return not callable(tool) or hasattr(tool, "__fastmcp__")


def signature_of(tool: Callable[..., Any]) -> inspect.Signature:
    """The signature of a tool for its wrapper, without the parameter of a ``Context``.

    FastMCP looks for a ``Context`` among the annotations. 2.13 removes it there, and then must not find it in the
    signature.
    """
    signature = inspect.signature(tool)
    try:
        hints = get_type_hints(tool, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations may be any code, and name what is defined later
        return signature
    context = getattr(optional("fastmcp"), "Context", None)
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        if context in (hints.get(name), *get_args(hints.get(name)))
        else parameter
        for name, parameter in signature.parameters.items()
    ]
    return signature.replace(parameters=bare)
