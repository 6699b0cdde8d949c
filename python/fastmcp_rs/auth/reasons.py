"""Why a request is refused: told to the log, and to the layer that answers the request.

The host's ``verify_token`` can only say no. The reason travels beside it, in the context of the request.
"""

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING

from fastmcp_rs import host
from fastmcp_rs._native import Decision
from fastmcp_rs.auth.limiter import Limiter
from fastmcp_rs.contexts import put_back
from fastmcp_rs.errors import TokenVerificationError

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider

__all__ = ["failed", "limiter", "listening", "report", "unheard"]

_logger = logging.getLogger("fastmcp_rs.auth")

_refusals: ContextVar[list[Decision] | None] = ContextVar("_refusals", default=None)

limiter = Limiter()

# FastMCP 2.12.0 asks about a token before the layer is reached, which then wants to know what was reported.
_HOST_ASKS_FIRST = not host.takes_middleware()
# The one that came furthest of those that nobody listened to.
_unheard: ContextVar[Decision | None] = ContextVar("_unheard", default=None)


def report(provider: "AuthProvider", decision: Decision) -> bool:
    """Count a decision of a provider's, and tell why a token is not accepted, with nothing of the token itself.

    Returns:
        Whether it is accepted.
    """
    if provider.tally.count(decision):
        return True
    _tell(decision)
    if _logger.isEnabledFor(decision.level):
        omitted = limiter.admit(decision.code)
        if omitted is not None:
            got, expected = decision.mismatch or (None, None)
            details: dict[str, object] = {"kid": decision.kid, "got": got, "expected": expected}
            details |= {"client_id": decision.client_id, "subject": decision.subject}
            _write(decision, f"Bearer token {decision.outcome}: %s", decision.message, omitted, details)
    return False


def failed(provider: "AuthProvider", error: Exception, where: str) -> Decision:
    """Tell that a subclass's own code raised: nobody can tell if that is what it says, else the token is refused.

    Args:
        provider: An instance of the subclass.
        error: What it raised.
        where: The method, as an operator finds it.

    Returns:
        The decision that comes of it.
    """
    reported = host.decision_of(error)
    if reported is not None:
        return reported
    if _is_unavailable(error):
        decision, message = Decision.custom_check_unavailable(), "Bearer token unavailable: %s cannot tell"
    else:
        decision, message = Decision.custom_check_failed(), "Bearer token rejected: %s raised"
    omitted = limiter.admit(decision.code)
    if omitted is not None:
        _write(decision, message, where, omitted, error=error)
    provider.tally.count(decision)
    _tell(decision)
    return decision


class listening:  # noqa: N801 - used as a function, and too often for one that is a generator
    """Collect the refusals of one request, in the order in which they are reported."""

    __slots__ = ("_reset",)

    def __enter__(self) -> list[Decision]:
        refusals: list[Decision] = []
        self._reset = _refusals.set(refusals)
        return refusals

    def __exit__(self, *_: object) -> None:
        put_back(_refusals, self._reset)


def unheard() -> list[Decision]:
    """Take the refusal that came furthest of those reported in this context while nobody listened, if there is one."""
    refusal = _unheard.get()
    _unheard.set(None)
    return [] if refusal is None else [refusal]


def _is_unavailable(error: Exception) -> bool:
    """Whether this says, in the host's words or ours, that nobody can tell."""
    theirs = host.unavailable_error()
    return isinstance(error, TokenVerificationError) or (theirs is not None and isinstance(error, theirs))


def _write(
    decision: Decision,
    message: str,
    argument: str,
    omitted: int,
    details: dict[str, object] | None = None,
    error: Exception | None = None,
) -> None:
    """Write a record, which tells how many of its reason were not written: a flood must not fill a disk."""
    if omitted:
        message += " (%d more of this reason were not written)"
    arguments = (argument, omitted) if omitted else (argument,)
    level = logging.ERROR if error is not None and decision.outcome == "rejected" else decision.level
    extra = {"reason": decision.code, "omitted": omitted, **(details or {})}
    _logger.log(level, message, *arguments, exc_info=error, extra=extra)


def _tell(decision: Decision) -> None:
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(decision)
    elif _HOST_ASKS_FIRST:
        before = _unheard.get()
        _unheard.set(decision if before is None or decision.progress >= before.progress else before)
