"""The installed FastMCP, or MCP SDK, or neither: the only module that imports them and knows their versions apart."""

import inspect
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastmcp_rs._native import AccessToken, Decision

if TYPE_CHECKING:
    from fastmcp.server.auth.auth import AccessToken as HostAccessToken
    from fastmcp.server.auth.auth import TokenVerifier as TokenVerifierBase
    from fastmcp.server.auth.providers.jwt import JWTVerifier as JWTVerifierBase

__all__ = [
    "HostAccessToken",
    "JWTVerifierBase",
    "TokenVerifierBase",
    "fastmcp",
    "from_host",
    "init_verifier",
    "is_access_token",
    "to_host",
    "unavailable_error",
]

_CARRIED = "_fastmcp_rs_access_token"
_URL_PARAMETERS = ("base_url", "resource_base_url", "resource_server_url")


def _optional(module: str) -> Any:  # noqa: ANN401 - a module of whichever host is installed
    try:
        return import_module(module)
    except ImportError:
        return None


def __getattr__(name: str) -> object:
    """Find the class that the installed host knows by this role, once, when it is first asked for."""
    if name == "TokenVerifierBase":
        found = getattr(_optional("fastmcp.server.auth.auth"), "TokenVerifier", object)
    elif name == "JWTVerifierBase":
        found = getattr(_optional("fastmcp.server.auth.providers.jwt"), "JWTVerifier", object)
    elif name == "HostAccessToken":
        module = _optional("fastmcp.server.auth.auth") or _optional("mcp.server.auth.provider")
        found = getattr(module, "AccessToken", None)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def init_verifier(verifier: object, urls: dict[str, object]) -> None:
    """Run the initializer of the host's ``TokenVerifier``, with those of the URL parameters that it has.

    Raises:
        ValueError: A URL is given under a name that the installed FastMCP does not know.
    """
    base: Any = _role("TokenVerifierBase")
    given = {name: url for name, url in urls.items() if url is not None}
    if base is object:
        for name in _URL_PARAMETERS:
            setattr(verifier, name, given.get(name))
        return
    known = [name for name in _URL_PARAMETERS if name in inspect.signature(base.__init__).parameters]
    for name in given:
        if name not in known:
            raise ValueError(f"the installed FastMCP has no {name}: use {' or '.join(known)}")
    base.__init__(verifier, **given)


def to_host(decided: Decision | AccessToken) -> "HostAccessToken":
    """Make the installed host's access token of an accepted decision, or of a documented access token.

    Raises:
        ImportError: Neither FastMCP nor the MCP SDK is installed.
    """
    model: Any = _role("HostAccessToken")
    if model is None:
        raise ImportError(
            "verify_token() answers with FastMCP's AccessToken, and neither FastMCP nor the MCP SDK is installed: "
            "pip install 'fastmcp-rs[fastmcp]', or use authenticate()"
        )
    made: HostAccessToken = model(**_fields(decided, model))
    # In __dict__ beside the model's fields, where pydantic keeps cached properties: copies take it along, and neither
    # equality nor dumps see it.
    made.__dict__[_CARRIED] = decided.access_token() if isinstance(decided, Decision) else decided
    return made


def unavailable_error() -> type[Exception] | None:
    """Find the host's error for a token that nobody can judge now; only FastMCP from 4.2 on has one."""
    return getattr(_optional("fastmcp.server.auth.auth"), "TokenVerificationError", None)


def from_host(token: "HostAccessToken") -> AccessToken:
    """Make the documented access token of the host's: the one it was made of, unless somebody changed it since."""
    carried: AccessToken | None = token.__dict__.get(_CARRIED)
    if carried is not None:
        fields = _fields(carried, type(token))
        if all(getattr(token, name) == value for name, value in fields.items()):
            return carried
    expires_at = None if token.expires_at is None else datetime.fromtimestamp(token.expires_at, timezone.utc)
    claims = getattr(token, "claims", None) or {}
    return AccessToken(
        token.token,
        expires_at=expires_at,
        scope=list(token.scopes),
        user_id=getattr(token, "subject", None) or claims.get("sub"),
        metadata=claims,
    )


def is_access_token(answer: object) -> bool:
    """Whether this is an access token of the installed host's: FastMCP's, or the MCP SDK's, which FastMCP takes too."""
    sdk = getattr(_optional("mcp.server.auth.provider"), "AccessToken", None)
    return sdk is not None and isinstance(answer, sdk)


def _fields(made_of: Decision | AccessToken, model: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of the host's
    """Those of the fields that the host's model has; older ones lack some."""
    fields = made_of.host_fields()
    return {name: fields[name] for name in fields.keys() & model.model_fields.keys()}


def fastmcp(module: str = "") -> Any:  # noqa: ANN401 - a module of whichever FastMCP is installed
    """Import FastMCP, or a module of it.

    Raises:
        ImportError: FastMCP is not installed.
    """
    found = _optional(f"fastmcp.{module}" if module else "fastmcp")
    if found is None:
        raise ImportError("this needs FastMCP, which is not installed: pip install 'fastmcp-rs[fastmcp]'")
    return found


def _role(name: str) -> Any:  # noqa: ANN401 - a class of whichever host is installed
    return globals()[name] if name in globals() else __getattr__(name)
