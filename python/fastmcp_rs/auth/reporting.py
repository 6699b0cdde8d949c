"""Reports decisions: counts them, logs why a token is refused, and collects the reasons for the response.

FastMCP's ``verify_token`` returns ``None`` for every refusal. The reason is kept in a context variable of the request.
"""

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs._native import Decision
from fastmcp_rs.errors import TokenVerificationError
from fastmcp_rs.logs import get_logger

if TYPE_CHECKING:
    from fastmcp_rs.auth._contract import Provider

__all__ = [
    "collecting",
    "is_collecting",
    "is_refused",
    "limiter",
    "report",
    "report_exception",
    "report_operation",
    "says_unavailable",
    "take_uncollected",
]

_logger = get_logger("auth")

_refusals: ContextVar[list[Decision] | None] = ContextVar("_refusals", default=None)

limiter = LogRateLimiter()
# One record of an outage uses up as much of the limit as ten others.
_OUTAGE_WEIGHT = 10

# FastMCP 2.12.0 verifies a token before the middleware runs. The middleware then needs the reason.
_FASTMCP_ASKS_FIRST = not _compat.takes_middleware()
# Of the refusals that were reported outside of `collecting`, the one that passed most checks.
_uncollected: ContextVar[Decision | None] = ContextVar("_uncollected", default=None)


def report(provider: "Provider", decision: Decision) -> None:
    """Count a decision of a provider, and log why a token is not accepted, without any part of the token."""
    provider._counters.count(decision)
    if decision.is_accepted:
        return
    _collect(decision)
    if _logger.isEnabledFor(decision.level):
        omitted = _admit(decision)
        if omitted is not None:
            got, expected = decision.mismatch or (None, None)
            details: dict[str, object] = {"kid": decision.kid, "got": got, "expected": expected}
            details |= {"client_id": decision.client_id, "subject": decision.subject}
            _write(decision, f"Bearer token {decision.outcome}: %s", decision.message, omitted, details, decision.cause)


def report_exception(provider: "Provider", error: Exception, where: str, *, is_out_of_reach: bool = False) -> Decision:
    """Report that a subclass's own code raised: as unavailable if the exception is of that kind, else as a refusal.

    Args:
        provider: An instance of the subclass.
        error: What it raised.
        where: The qualified name of the method, for the log.
        is_out_of_reach: Whether the exception says so as an HTTP client does. Then its name says enough in the log.

    Returns:
        The decision.
    """
    reported = _compat.decision_of(error)
    if reported is not None:
        return reported
    if is_out_of_reach or says_unavailable(error):
        decision, message = Decision.custom_check_unavailable(), "Bearer token unavailable: %s cannot decide now"
    else:
        decision, message = Decision.custom_check_failed(), "Bearer token rejected: %s raised"
    omitted = _admit(decision)
    if omitted is not None:
        where = f"{where} ({type(error).__name__})" if is_out_of_reach else where
        _write(decision, message, where, omitted, error=None if is_out_of_reach else error)
    provider._counters.count(decision)
    _collect(decision)
    return decision


def report_operation(
    provider: "Provider", decision: Decision, operation: str, needed: list[str], missing: list[str]
) -> None:
    """Report that an accepted token has too few scopes for an operation, which the server has."""
    provider._counters.count(decision)
    provider._operations[operation] = provider._operations.get(operation, 0) + 1
    if _logger.isEnabledFor(decision.level):
        omitted = limiter.admit(decision.code)
        if omitted is not None:
            text = f"{operation} needs {' '.join(needed)}, and the token lacks {' '.join(missing)}"
            details: dict[str, object] = {"operation": operation, "needed": needed, "missing": missing}
            details |= {"client_id": decision.client_id, "subject": decision.subject}
            _write(decision, "Bearer token rejected: %s", text, omitted, details)


class collecting:  # noqa: N801 - used like a function; a generator would cost every request more
    """Collect the refusals of one request, in the order of their reports."""

    __slots__ = ("_reset",)

    def __enter__(self) -> list[Decision]:
        refusals: list[Decision] = []
        self._reset = _refusals.set(refusals)
        return refusals

    def __exit__(self, *_: object) -> None:
        reset_context(_refusals, self._reset)


def is_collecting() -> bool:
    """Whether the refusals of the current request are collected, so that this package's middleware answers."""
    return _refusals.get() is not None


def is_refused() -> bool:
    """Whether a refusal was reported in this context and not answered yet."""
    refusals = _refusals.get()
    return _uncollected.get() is not None if refusals is None else bool(refusals)


def take_uncollected() -> list[Decision]:
    """Take the refusal that was reported outside of ``collecting`` and passed most checks, if there is one."""
    refusal = _uncollected.get()
    _uncollected.set(None)
    return [] if refusal is None else [refusal]


def _admit(decision: Decision) -> int | None:
    """How many records were omitted before this one; ``None`` if this one is omitted too."""
    return limiter.admit(decision.code, weight=_OUTAGE_WEIGHT if decision.outcome == "unavailable" else 1)


def says_unavailable(error: Exception) -> bool:
    """Whether this is FastMCP's error, or this package's, for a token that can be neither accepted nor rejected now."""
    theirs = _compat.unavailable_error()
    return isinstance(error, TokenVerificationError) or (theirs is not None and isinstance(error, theirs))


def _write(
    decision: Decision,
    message: str,
    argument: str,
    omitted: int,
    details: dict[str, object] | None = None,
    error: Exception | None = None,
) -> None:
    """Write a log record. It says how many records of its reason were omitted before, so that a flood fills no disk."""
    if omitted:
        message += " (%d more of this reason were not written)"
    arguments = (argument, omitted) if omitted else (argument,)
    level = logging.ERROR if error is not None and decision.outcome == "rejected" else decision.level
    extra = {"reason": decision.code, "omitted": omitted, **(details or {})}
    _logger.log(level, message, *arguments, exc_info=error, extra=extra)


def _collect(decision: Decision) -> None:
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(decision)
    elif _FASTMCP_ASKS_FIRST:
        before = _uncollected.get()
        _uncollected.set(decision if before is None or decision.progress >= before.progress else before)
