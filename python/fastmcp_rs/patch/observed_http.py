"""Observes the HTTP responses that a verifier gets while it asks about a token.

FastMCP's verifiers answer ``None`` for a refusal and for an outage alike, and accept a token with less than it has
where a part of the service fails. So what they answer tells neither whether it may be remembered nor whether an older
answer may serve.
"""

# The HTTP libraries have no types unless they are installed.
# ruff: noqa: ANN401

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from fastmcp_rs._callbacks import reset_context

__all__ = ["HttpTrace", "observing", "observing_send"]

# Statuses of an endpoint that cannot answer now.
_UNAVAILABLE = frozenset({408, 429})
_SERVER_ERRORS = 500

_trace: ContextVar["HttpTrace | None"] = ContextVar("_trace", default=None)


class HttpTrace:
    """The responses to one question.

    Attributes:
        answered: How many there were.
        is_good: Whether each has a status from 200 to 299.
        is_outage: Whether there was none to a request, or one that says so.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.is_good = True
        self.is_outage = False

    def note(self, status: int | None) -> None:
        """Note a response, or that none came."""
        if status is None:
            self.is_good, self.is_outage = False, True
            return
        self.answered += 1
        self.is_good = self.is_good and 200 <= status < 300  # noqa: PLR2004 - the class of RFC 9110 section 15.3
        self.is_outage = self.is_outage or status in _UNAVAILABLE or status >= _SERVER_ERRORS


class observing:  # noqa: N801 - used like a function
    """Trace the requests that are sent meanwhile."""

    def __enter__(self) -> HttpTrace:
        trace = HttpTrace()
        self._reset = _trace.set(trace)
        return trace

    def __exit__(self, *_: object) -> None:
        reset_context(_trace, self._reset)


def observing_send(send: Callable[..., Any]) -> Callable[..., Any]:
    """Make the replacement of ``AsyncClient.send``, which all requests of a client go through."""

    @functools.wraps(send)
    async def observed(*args: Any, **options: Any) -> Any:
        trace = _trace.get()
        if trace is None:
            return await send(*args, **options)
        try:
            response = await send(*args, **options)
        except Exception:
            trace.note(None)
            raise
        trace.note(response.status_code)
        return response

    vars(observed)["observes"] = True
    return observed
