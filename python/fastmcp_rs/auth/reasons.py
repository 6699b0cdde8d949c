"""Why a request is refused: told to the log, and to the layer that answers the request.

The host's ``verify_token`` can only say no. The reason travels beside it, in the context of the request.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from fastmcp_rs import host
from fastmcp_rs._native import Decision
from fastmcp_rs.auth.limiter import Limiter
from fastmcp_rs.errors import TokenVerificationError

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider

__all__ = ["failed", "limiter", "listening", "report", "unheard"]

_logger = logging.getLogger("fastmcp_rs.auth")

_refusals: ContextVar[list[Decision] | None] = ContextVar("_refusals", default=None)
# How many records of a reason are written in a second.
_MOST_A_SECOND = 10

limiter = Limiter(_MOST_A_SECOND)

# The one that came furthest of those that nobody listened to.
_unheard: ContextVar[Decision | None] = ContextVar("_unheard", default=None)


def report(provider: "AuthProvider", decision: Decision) -> None:
    """Count a decision of a provider's, and tell why a token is not accepted, with nothing of the token itself."""
    provider.tally.count(decision)
    if decision.is_accepted:
        return
    _tell(decision)
    if _logger.isEnabledFor(decision.level):
        got, expected = decision.mismatch or (None, None)
        details: dict[str, object] = {"kid": decision.kid, "got": got, "expected": expected}
        details |= {"client_id": decision.client_id, "subject": decision.subject}
        _write(decision, f"Bearer token {decision.outcome}: %s", decision.message, details)


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
        decision = Decision.custom_check_unavailable()
        _write(decision, "Bearer token unavailable: %s cannot tell", where, error=error)
    else:
        decision = Decision.custom_check_failed()
        _write(decision, "Bearer token rejected: %s raised", where, error=error)
    provider.tally.count(decision)
    _tell(decision)
    return decision


@contextmanager
def listening() -> Iterator[list[Decision]]:
    """Collect the refusals of one request, in the order in which they are reported."""
    refusals: list[Decision] = []
    reset = _refusals.set(refusals)
    try:
        yield refusals
    finally:
        _refusals.reset(reset)


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
    details: dict[str, object] | None = None,
    error: Exception | None = None,
) -> None:
    """Write a record, unless there were many of its reason this second: a flood must not fill a disk."""
    omitted = limiter.admit(decision.code)
    if omitted is None:
        return
    if omitted:
        message += " (%d more of this reason were not written)"
    arguments = (argument, omitted) if omitted else (argument,)
    level = logging.ERROR if error is not None and decision.outcome == "rejected" else decision.level
    extra = {"reason": decision.code, "omitted": omitted, **(details or {})}
    _logger.log(level, message, *arguments, exc_info=error, extra=extra)


def _tell(decision: Decision) -> None:
    refusals = _refusals.get()
    if refusals is None:
        before = _unheard.get()
        _unheard.set(decision if before is None or decision.progress >= before.progress else before)
    else:
        refusals.append(decision)
