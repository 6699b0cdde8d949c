"""FastMCP's own authentication of requests, with different answers for three refusals.

The three are: the token has expired, it lacks a scope, or it can be neither accepted nor rejected now. ``install()``
puts this into the middleware of FastMCP's providers. All other answers stay FastMCP's, to the byte.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Scope

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision
from fastmcp_rs.auth.fastmcp_verifier import find_reasons, watch_verifier
from fastmcp_rs.auth.out_of_reach import is_out_of_reach
from fastmcp_rs.auth.protected_provider import ProtectedProvider
from fastmcp_rs.auth.refusal_response import Refusal, prepare, refused
from fastmcp_rs.auth.reporting import collecting, report, report_exception, says_unavailable
from fastmcp_rs.auth.require_auth import is_fastmcps_own
from fastmcp_rs.auth.step_up_middleware import StepUpMiddleware

__all__ = ["WATCHER", "with_three_answers"]

# What is answered here; each other refusal has FastMCP's own text.
_ANSWERED = frozenset({"expired", "insufficient_scope"})
WATCHER = "install"


def with_three_answers(
    provider: Any,  # noqa: ANN401 - FastMCP's
    entries: list[Any],
    is_in_use: Callable[[], bool],
    steps_up: Callable[[], bool],
) -> list[Any]:
    """The middleware of a provider of FastMCP's, with its backend for bearer tokens replaced, if that is FastMCP's own.

    Args:
        provider: The provider.
        entries: Its middleware.
        is_in_use: Whether the three answers are in use; called for each refusal.
        steps_up: Whether a token with too few scopes for an operation gets 403; called for each request.
    """
    watch_verifier(WATCHER)
    asked = ProtectedProvider(provider)
    replaced = [_replaced(asked, entry, is_in_use) for entry in entries]
    if all(ours is entry for ours, entry in zip(replaced, entries, strict=True)):
        return entries
    return [_stepping_up(asked, entry, steps_up) for entry in replaced]


def _stepping_up(asked: ProtectedProvider, entry: Any, steps_up: Callable[[], bool]) -> Any:  # noqa: ANN401 - as above
    """Have the middleware that tells the rest of the SDK who is signed in be followed by ours."""
    if entry.cls.__name__ != "AuthContextMiddleware" or not is_fastmcps_own(entry.cls) or entry.args or entry.kwargs:
        return entry
    return Middleware(_context_class(entry.cls), provider=asked, is_in_use=steps_up)


@cache
def _context_class(base: Any) -> Any:  # noqa: ANN401 - the MCP SDK's class
    class Context(base):  # type: ignore[misc] # as above
        stands_for = base

        def __init__(self, app: ASGIApp, provider: ProtectedProvider, is_in_use: Callable[[], bool]) -> None:
            super().__init__(StepUpMiddleware(app, provider, is_in_use))

    Context.__name__, Context.__qualname__, Context.__module__ = base.__name__, base.__qualname__, base.__module__
    return Context


def _replaced(asked: ProtectedProvider, entry: Any, is_in_use: Callable[[], bool]) -> Any:  # noqa: ANN401 - as above
    if _compat.authenticates_for(entry, asked.provider) is not True:
        return entry
    own = entry.kwargs["backend"]
    kind: Any = type(own)
    backend = _backend_class(kind)(own, _Answers(asked, is_in_use))
    return Middleware(entry.cls, *entry.args, **{**entry.kwargs, "backend": backend})


class _Answers:
    """Keeps why a token was refused for the ``RequireAuthMiddleware`` that answers."""

    def __init__(self, asked: ProtectedProvider, is_in_use: Callable[[], bool]) -> None:
        self._asked = asked
        self.is_in_use = is_in_use

    def report_outage(self, error: Exception) -> bool:
        """Report an exception, if it says that there can be no decision. Returns whether it does."""
        if not (says_unavailable(error) or is_out_of_reach(error)):
            return False
        where = f"{type(self._asked.provider).__qualname__}.verify_token"
        report_exception(self._asked, error, where, is_out_of_reach=True)
        return True

    def keep_reason(self, scope: Scope, refusals: list[Decision], reasons: list[Decision]) -> None:
        """Have a refusal answered for its reason, if that is one of the three, or of a verifier of this package."""
        decision = max([*refusals, *reasons], key=lambda decision: decision.progress, default=None)
        if decision is None:
            return
        is_answered = decision.outcome == "unavailable" or decision.code in _ANSWERED
        # A verifier of this package noted its own reason in the request, whichever it is.
        if refusals or is_answered:
            prepare(scope.get("app"))
        if is_answered:
            if decision in reasons:
                report(self._asked, decision)
            refused.set(Refusal(self._asked, scope, [decision]))


@cache
def _backend_class(base: Any) -> Any:  # noqa: ANN401 - the MCP SDK's class
    class Backend(base):  # type: ignore[misc] # as above
        stands_for = base

        def __init__(self, own: object, answers: _Answers) -> None:
            self.__dict__.update(vars(own), _answers=answers)

        async def authenticate(self, conn: Any) -> Any:  # noqa: ANN401 - the SDK's signature
            """Authenticate a request as the SDK does."""
            answers: _Answers = self._answers
            if refused.get() is not None:
                # Of another request in this context, as in-process clients have it.
                refused.set(None)
            if not answers.is_in_use():
                return await super().authenticate(conn)
            with collecting() as refusals, find_reasons() as reasons:
                try:
                    answer = await super().authenticate(conn)
                except Exception as error:
                    if not answers.report_outage(error):
                        raise
                    answer = None
            if answer is None:
                answers.keep_reason(conn.scope, refusals, reasons)
            return answer

    Backend.__name__, Backend.__qualname__, Backend.__module__ = base.__name__, base.__qualname__, base.__module__
    return Backend
