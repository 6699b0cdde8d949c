"""The installed FastMCP, or MCP SDK, or neither: the only module that imports them and knows their versions apart."""

import inspect
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from fastmcp_rs._native import AccessToken, Decision, check_server_url

if TYPE_CHECKING:
    from fastmcp import Client as ClientBase
    from fastmcp import Context
    from fastmcp import FastMCP as FastMCPBase
    from fastmcp.client.client import CallToolResult as CallToolResultBase
    from fastmcp.exceptions import ClientError
    from fastmcp.server.auth.auth import AccessToken as HostAccessToken
    from fastmcp.server.auth.auth import AuthProvider as AuthProviderBase
    from fastmcp.server.auth.auth import TokenVerifier as TokenVerifierBase
    from fastmcp.server.auth.providers.jwt import JWTVerifier as JWTVerifierBase
    from fastmcp.server.dependencies import get_http_headers
    from httpx2 import Auth as HttpAuthBase
    from mcp.server.auth.middleware.auth_context import auth_context_var
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.middleware.bearer_auth import RequireAuthMiddleware as Gate

    def to_host(decided: Decision | AccessToken) -> HostAccessToken:
        """Make the installed host's access token of an accepted decision, or of a documented access token.

        Raises:
            ImportError: Neither FastMCP nor the MCP SDK is installed.
        """


__all__ = [
    "URL_PARAMETERS",
    "AuthProviderBase",
    "AuthenticatedUser",
    "CallToolResultBase",
    "ClientBase",
    "ClientError",
    "Context",
    "FastMCPBase",
    "Gate",
    "HostAccessToken",
    "HttpAuthBase",
    "JWTVerifierBase",
    "TokenVerifierBase",
    "auth_context_var",
    "current_token",
    "decision_of",
    "fastmcp",
    "from_host",
    "get_http_headers",
    "implied_auth",
    "init_verifier",
    "is_access_token",
    "raise_unavailable",
    "refusals_end_sessions",
    "signature_of",
    "takes_middleware",
    "to_host",
    "unavailable_error",
    "verifier_state",
]

_CARRIED = "_fastmcp_rs_access_token"
_DECISION = "_fastmcp_rs_decision"
# What `host_fields` gives, in the order of the host's own fields.
_HOST_FIELDS = ("token", "client_id", "scopes", "expires_at", "resource", "subject", "claims")
# Where pydantic keeps what a model is made of.
_KEPT = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
URL_PARAMETERS = ("base_url", "resource_base_url", "resource_server_url")


def _optional(module: str) -> Any:  # noqa: ANN401 - a module of whichever host is installed
    try:
        return import_module(module)
    except ImportError:
        return None


# What each role is called, where it may be found, and what stands in for it where the host has none.
_ROLES: dict[str, tuple[str, tuple[str, ...], object]] = {
    "TokenVerifierBase": ("TokenVerifier", ("fastmcp.server.auth.auth",), object),
    "JWTVerifierBase": ("JWTVerifier", ("fastmcp.server.auth.providers.jwt",), object),
    "HostAccessToken": ("AccessToken", ("fastmcp.server.auth.auth", "mcp.server.auth.provider"), None),
    "SdkAccessToken": ("AccessToken", ("mcp.server.auth.provider",), None),
    "UnavailableError": ("TokenVerificationError", ("fastmcp.server.auth.auth",), None),
    "AuthenticatedUser": ("AuthenticatedUser", ("mcp.server.auth.middleware.bearer_auth",), None),
    "Gate": ("RequireAuthMiddleware", ("mcp.server.auth.middleware.bearer_auth",), None),
    "auth_context_var": ("auth_context_var", ("mcp.server.auth.middleware.auth_context",), None),
}


# What nothing can stand in for where FastMCP is missing, by its module in FastMCP and its name there.
_REQUIRED = {
    "AuthProviderBase": ("server.auth.auth", "AuthProvider"),
    "CallToolResultBase": ("client.client", "CallToolResult"),
    "ClientBase": ("", "Client"),
    "ClientError": ("exceptions", "ClientError"),
    "Context": ("", "Context"),
    "FastMCPBase": ("", "FastMCP"),
    "get_http_headers": ("server.dependencies", "get_http_headers"),
}


# Each role that was asked for stands in this module, as a name of it.
_found = globals()


def __getattr__(name: str) -> object:
    """Find what the installed host knows by this role, once, when it is first asked for."""
    if name == "HttpAuthBase":
        clients = filter(None, map(_optional, ("httpx", "httpx2")))
        found: object = type(name, tuple(client.Auth for client in clients), {})
    elif name in _ROLES:
        attribute, modules, found = _ROLES[name]
        for module in filter(None, map(_optional, modules)):
            found = getattr(module, attribute, found)
            break
    elif name == "to_host":
        found = _to_host()
    elif name in _REQUIRED:
        module, attribute = _REQUIRED[name]
        found = getattr(fastmcp(module), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _found[name] = found
    return found


def init_verifier(verifier: object, **urls: object) -> None:
    """Run the initializer of the host's ``TokenVerifier``, with those of the URL parameters that it has.

    Raises:
        ValueError: A URL is none, or is given under a name that the installed FastMCP does not know.
    """
    base: Any = _role("TokenVerifierBase")
    given = {name: url for name, url in urls.items() if url is not None}
    for name, url in given.items():
        check_server_url(url, name)
    if base is object:
        for name in URL_PARAMETERS:
            setattr(verifier, name, given.get(name))
        return
    known = [name for name in URL_PARAMETERS if name in inspect.signature(base.__init__).parameters]
    for name in given:
        if name not in known:
            raise ValueError(f"the installed FastMCP has no {name}: use {' or '.join(known)}")
    base.__init__(verifier, **given)


def verifier_state() -> dict[str, Any]:
    """The attributes of a verifier of the host's that was given nothing."""
    base: Any = _role("TokenVerifierBase")
    if base is object:
        return {**dict.fromkeys(URL_PARAMETERS), "required_scopes": []}
    return dict(vars(base()))


def takes_middleware() -> bool:
    """Whether the installed FastMCP takes middleware from a provider; only 2.12.0 does not."""
    return hasattr(_role("TokenVerifierBase"), "get_middleware")


def _to_host() -> Callable[[Decision | AccessToken], Any]:
    """Make the function that is known as ``to_host``, for the installed host.

    What the token is made of stands in its __dict__ beside the fields, where pydantic keeps cached properties: copies
    take it along, and neither equality nor dumps see it.

    pydantic's validation costs more than the verification of a token that was seen before. The fields are known to have
    the right types. So they are put where pydantic puts them; where a first token does not come out as pydantic itself
    makes it, pydantic makes them all.
    """
    model: Any = _role("HostAccessToken")
    if model is None:
        raise ImportError(
            "verify_token() answers with FastMCP's AccessToken, and neither FastMCP nor the MCP SDK is installed: "
            "pip install 'fastmcp-rs[fastmcp]', or use authenticate()"
        )
    unknown = [name for name in _HOST_FIELDS if name not in model.model_fields]
    known = set(_HOST_FIELDS).difference(unknown)
    # In the model's order, and with the defaults of what is not known here.
    blank = {**{name: field.default for name, field in model.model_fields.items()}, _CARRIED: None}
    new = model.__new__
    put_fields, put_set, put_extra, put_private = (inspect.getattr_static(model, name).__set__ for name in _KEPT)

    def validated(decided: Decision | AccessToken) -> Any:  # noqa: ANN401 - a class of the host's
        fields = decided.host_fields()
        made = model(**{name: fields[name] for name in known})
        made.__dict__[_CARRIED] = decided
        return made

    def straight(decided: Decision | AccessToken) -> Any:  # noqa: ANN401 - as above
        fields = decided.host_fields(blank.copy())
        for name in unknown:
            del fields[name]
        fields[_CARRIED] = decided
        made = new(model)
        put_fields(made, fields)
        put_set(made, known.copy())
        put_extra(made, None)
        put_private(made, None)
        return made

    sample = AccessToken("token", scope=["scope"], user_id="user", metadata={"claim": 1})
    return straight if _equal(straight(sample), validated(sample)) else validated


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401 - models of the host's
    """Whether two models are alike in all that pydantic keeps of them."""
    alike = all(getattr(one, name) == getattr(other, name) for name in _KEPT)
    return alike and list(one.__dict__) == list(other.__dict__) and repr(one) == repr(other)


def unavailable_error() -> type[Exception] | None:
    """Find the host's error for a token that nobody can judge now; only FastMCP from 4.2 on has one."""
    found: type[Exception] | None = _role("UnavailableError")
    return found


def raise_unavailable(decision: Decision) -> None:
    """Raise the host's error for a decision that nobody can make now, where it has one."""
    error_class = unavailable_error()
    if error_class is not None:
        error = error_class(decision.message)
        vars(error)[_DECISION] = decision
        try:
            raise error
        finally:
            # Its traceback holds this frame, which must not hold it in turn: what is kept alive keeps its keys.
            del error


def decision_of(error: Exception) -> Decision | None:
    """The decision that an error was raised for here; it has been reported."""
    decision: Decision | None = vars(error).get(_DECISION)
    return decision


def from_host(token: "HostAccessToken") -> AccessToken:
    """Make the documented access token of the host's: the one it was made of, unless somebody changed it since."""
    carried: AccessToken | Decision | None = token.__dict__.get(_CARRIED)
    if carried is not None:
        fields = carried.host_fields()
        known = fields.keys() & type(token).model_fields.keys()
        if all(getattr(token, name) == fields[name] for name in known):
            made_of = carried if isinstance(carried, AccessToken) else carried.access_token()
            if made_of is not None:
                return made_of
    expires_at = None if token.expires_at is None else _nearest_datetime(token.expires_at)
    claims = getattr(token, "claims", None) or {}
    return AccessToken(
        token.token,
        expires_at=expires_at,
        scope=list(token.scopes),
        user_id=getattr(token, "subject", None) or claims.get("sub"),
        metadata=claims,
    )


def _nearest_datetime(seconds: int) -> datetime:
    """The time, or the nearest to it that Python can tell: the host's integers may be of any size."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        if seconds > 0:
            return datetime.max.replace(tzinfo=timezone.utc)
        return datetime.min.replace(tzinfo=timezone.utc)


def current_token() -> "HostAccessToken | None":
    """Find the access token of whom FastMCP serves right now.

    Raises:
        ImportError: FastMCP is not installed.
    """
    token: HostAccessToken | None = fastmcp("server.dependencies").get_access_token()
    return token


def signature_of(tool: Callable[..., Any]) -> inspect.Signature:
    """The signature of a tool, as FastMCP can read it off a function that stands in for the tool.

    That is without the annotation of a ``Context``. FastMCP looks for it among the annotations; 2.13 removes it there,
    and then must not find it in the signature.
    """
    signature = inspect.signature(tool)
    try:
        hints = get_type_hints(tool, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations may be any code, and refer to what is yet to come
        return signature
    context = getattr(_optional("fastmcp"), "Context", None)
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        if context in (hints.get(name), *get_args(hints.get(name)))
        else parameter
        for name, parameter in signature.parameters.items()
    ]
    return signature.replace(parameters=bare)


def is_access_token(answer: object) -> bool:
    """Whether this is an access token of the installed host's: FastMCP's, or the MCP SDK's, which FastMCP takes too."""
    sdk = _role("SdkAccessToken")
    return sdk is not None and isinstance(answer, sdk)


def implied_auth(request: Any) -> "HttpAuthBase":  # noqa: ANN401 - of either HTTP client
    """Make the authentication that an HTTP client does when it is given none: user and password are in the URL."""
    module = import_module(type(request).__module__)
    url = request.url
    found: HttpAuthBase = (
        module.BasicAuth(url.username, url.password) if url.username or url.password else module.Auth()
    )
    return found


def refusals_end_sessions() -> bool:
    """Whether a client's session ends when one of its requests is refused, as with the MCP SDK 1."""
    return not hasattr(_optional("mcp"), "MCPError")


def fastmcp(module: str = "") -> Any:  # noqa: ANN401 - a module of whichever FastMCP is installed
    """Import FastMCP, or a module of it.

    Raises:
        ImportError: FastMCP is not installed.
    """
    try:
        return import_module(f"fastmcp.{module}" if module else "fastmcp")
    except ImportError as error:
        raise ImportError("this needs FastMCP, which is not installed: pip install 'fastmcp-rs[fastmcp]'") from error


def _role(name: str) -> Any:  # noqa: ANN401 - a class of whichever host is installed
    try:
        return _found[name]
    except KeyError:
        return __getattr__(name)
