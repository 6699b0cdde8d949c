"""Answers for a native verifier that FastMCP's middleware asks, inside a ``RemoteAuthProvider`` or ``MultiAuth``.

That middleware has one text for every refusal, and lets an exception end the request with a 500. So the reason is
noted in the request, and ``None`` is returned; FastMCP's ``RequireAuthMiddleware`` at the endpoint answers with it.
"""

from typing import TYPE_CHECKING, Any

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, bearer_token
from fastmcp_rs.auth.reporting import is_collecting

if TYPE_CHECKING:
    from fastmcp_rs.auth._contract import Provider

__all__ = ["refuse"]


def refuse(provider: "Provider", token: object, decision: Decision) -> None:
    """Note the reason of a refusal for the answer to the current request. ``verify_token`` then returns ``None``.

    Raises:
        TokenVerificationError: FastMCP's own, where it has one (4.2): the token can be neither accepted nor rejected,
            ``unavailable`` is ``"raise"``, and the caller is not FastMCP's middleware, which would answer 500.
    """
    is_noted = _note(provider, token, decision)
    if not is_noted and decision.outcome == "unavailable" and provider.unavailable == "raise":
        _compat.raise_unavailable(decision)


def _note(provider: "Provider", token: object, decision: Decision) -> bool:
    """Note the reason in the request that FastMCP is authenticating.

    Returns:
        Whether FastMCP's middleware alone asks. If an application asks, nothing is noted. This package's middleware,
        and what ``install()`` puts into FastMCP's, handle an exception themselves.
    """
    scope: Any = _compat.scope_of_unknown_user()
    if scope is None:
        return False
    from fastmcp_rs.auth.refusal_response import note, prepare  # noqa: PLC0415 - only a server needs it

    alone = not is_collecting()
    # This package's middleware prepares for itself. If no route demands a user, FastMCP's middleware does not ask.
    if alone and not prepare(scope.get("app")):
        return False
    # An OAuthProxy asks about a token that its client does not know, so the client must not learn the reason.
    if bearer_token(scope) == token:
        note(scope, provider, decision)
    return alone
