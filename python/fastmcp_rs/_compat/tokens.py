"""Conversions between FastMCP's access tokens and the documented ones; and FastMCP's error for unavailable."""

import inspect
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from fastmcp_rs._compat.installed import fastmcp, role
from fastmcp_rs._native import AccessToken, Decision, TokenFields

if TYPE_CHECKING:
    from fastmcp.server.auth.auth import AccessToken as FastMCPAccessToken

__all__ = [
    "TOKEN_MAKERS",
    "current_token",
    "decision_of",
    "from_fastmcp",
    "is_access_token",
    "is_made_here",
    "make_token_makers",
    "model_setters",
    "raise_unavailable",
    "unavailable_error",
    "user_of",
]

TOKEN_MAKERS = ("to_fastmcp", "token_fields", "token_of_fields")
_CARRIED = "_fastmcp_rs_access_token"
_DECISION = "_fastmcp_rs_decision"
# The fields of `_fastmcp_fields`, in FastMCP's order.
_FASTMCP_FIELDS = ("token", "client_id", "scopes", "expires_at", "resource", "subject", "claims")
# The slots in which pydantic keeps the parts of a model.
_KEPT = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def make_token_makers() -> dict[str, Any]:
    """Make ``to_fastmcp``, ``token_fields`` and ``token_of_fields`` for the installed FastMCP or MCP SDK.

    The token carries what it was made from in its ``__dict__`` beside the fields, where pydantic keeps cached
    properties: copies keep it, and neither equality nor dumps show it.

    Validation by pydantic costs more than the verification of a cached token, and the fields are known to have the
    right types. So they are stored where pydantic stores them. A sample is made both ways; where the two differ, every
    token is made by pydantic.
    """
    model: Any = role("FastMCPAccessToken")
    if model is None:
        return dict(zip(TOKEN_MAKERS, (_without_access_token, None, _without_access_token), strict=True))
    unknown = [name for name in _FASTMCP_FIELDS if name not in model.model_fields]
    known = set(_FASTMCP_FIELDS).difference(unknown)
    # In the model's order, and with its defaults for fields that this package does not know.
    blank = {**{name: field.default for name, field in model.model_fields.items()}, _CARRIED: None}
    new, copy_of_known = model.__new__, known.copy
    put_fields, put_set, put_extra, put_private = model_setters()

    def validated(decided: Decision | AccessToken) -> Any:  # noqa: ANN401 - FastMCP's class
        fields = decided._fastmcp_fields()
        made = model(**{name: fields[name] for name in known})
        made.__dict__[_CARRIED] = decided
        return made

    def token_of_fields(fields: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        made = new(model)
        put_fields(made, fields)
        put_set(made, copy_of_known())
        put_extra(made, None)
        put_private(made, None)
        return made

    def straight(decided: Decision | AccessToken) -> Any:  # noqa: ANN401 - as above
        fields = decided._fastmcp_fields(blank.copy())
        for name in unknown:
            del fields[name]
        fields[_CARRIED] = decided
        return token_of_fields(fields)

    sample = AccessToken("token", scope=["scope"], user_id="user", metadata={"claim": 1})
    is_alike = _equal(straight(sample), validated(sample))
    fields = TokenFields(blank, unknown, _CARRIED) if is_alike else None
    return dict(zip(TOKEN_MAKERS, (straight if is_alike else validated, fields, token_of_fields), strict=True))


def _without_access_token(_: object) -> NoReturn:
    raise ImportError(
        "verify_token() answers with FastMCP's AccessToken, and neither FastMCP nor the MCP SDK is installed: "
        "pip install 'fastmcp-rs[fastmcp]', or use authenticate()"
    )


def model_setters() -> list[Callable[[Any, Any], None]]:
    """The setters of the parts of FastMCP's access token: fields, names of set fields, extra and private ones."""
    return [inspect.getattr_static(role("FastMCPAccessToken"), name).__set__ for name in _KEPT]


def is_access_token(answer: object) -> bool:
    """Whether this is an access token of FastMCP's class, or of the MCP SDK's, which FastMCP accepts too."""
    sdk = role("SdkAccessToken")
    return sdk is not None and isinstance(answer, sdk)


def is_made_here(token: object) -> bool:
    """Whether a token of FastMCP's class was made from a native decision, or copied from such a token."""
    return getattr(token, "__dict__", {}).get(_CARRIED) is not None


def from_fastmcp(token: "FastMCPAccessToken") -> AccessToken:
    """Make the documented access token from FastMCP's: the one it was made from, unless its fields have changed."""
    carried: AccessToken | Decision | None = token.__dict__.get(_CARRIED)
    if carried is not None:
        fields = carried._fastmcp_fields()
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


def current_token() -> "FastMCPAccessToken | None":
    """The access token of the request that FastMCP is serving.

    FastMCP 2.12 has that of the request which opened the session. So the request at hand is asked first, as newer lines
    do.

    Raises:
        ImportError: FastMCP is not installed.
    """
    dependencies = fastmcp("server.dependencies")
    try:
        user = dependencies.get_http_request().scope.get("user")
    except RuntimeError:
        # There is no request, as in a background task.
        user = None
    asked: FastMCPAccessToken | None = getattr(user, "access_token", None)
    token: FastMCPAccessToken | None = asked if is_access_token(asked) else dependencies.get_access_token()
    return token


def user_of(token: "FastMCPAccessToken") -> tuple[object, ...]:
    """The user of a session that was opened with a token: what the MCP SDK compares."""
    claims = getattr(token, "claims", None) or {}
    return token.client_id, str(claims.get("iss")), getattr(token, "subject", None) or str(claims.get("sub"))


def unavailable_error() -> type[Exception] | None:
    """FastMCP's error for a token that can be neither accepted nor rejected now. FastMCP has one from 4.2 on."""
    found: type[Exception] | None = role("UnavailableError")
    return found


def raise_unavailable(decision: Decision) -> None:
    """Raise FastMCP's error for a decision that is unavailable, where FastMCP has one."""
    error_class = unavailable_error()
    if error_class is not None:
        error = error_class(decision.message)
        vars(error)[_DECISION] = decision
        try:
            raise error
        finally:
            # The traceback holds this frame, so the frame must not hold the error: the cycle would keep keys alive.
            del error


def decision_of(error: Exception) -> Decision | None:
    """The decision for which ``raise_unavailable`` raised this error. It has been reported."""
    decision: Decision | None = vars(error).get(_DECISION)
    return decision


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401 - FastMCP's models
    """Whether two models are equal in all parts that pydantic keeps."""
    alike = all(getattr(one, name) == getattr(other, name) for name in _KEPT)
    return alike and list(one.__dict__) == list(other.__dict__) and repr(one) == repr(other)


def _nearest_datetime(seconds: int) -> datetime:
    """The time, or the nearest one that a datetime can hold: FastMCP's integers may be of any size."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        if seconds > 0:
            return datetime.max.replace(tzinfo=timezone.utc)
        return datetime.min.replace(tzinfo=timezone.utc)
