"""Waiting for a callback from a native thread, in an event loop or without one, and resetting context variables."""

import asyncio
import contextlib
import queue
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import TypeVar

__all__ = ["await_callback", "reset_context", "wait_for_callback"]

T = TypeVar("T")


async def await_callback(start: Callable[[Callable[[T], None]], object], longest_seconds: float) -> T:
    """Start native work and wait for its result. Cancelling the wait does not cancel the work.

    Args:
        start: Called at once, with a function that takes the result, once, on any thread.
        longest_seconds: How long to wait. Work that needs another event loop never ends if that loop was stopped, so
            there must be a bound.

    Raises:
        TimeoutError: Of ``asyncio``: there was no result in time.
    """
    loop = asyncio.get_running_loop()
    # Nothing where there is no result in time.
    arrived: asyncio.Future[tuple[T, ...]] = loop.create_future()

    def resolve(*value: T) -> None:
        if not arrived.done():
            arrived.set_result(value)

    def done(value: T) -> None:
        # The loop may be closed by now; then nothing waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(resolve, value)

    start(done)
    # Unlike `wait_for` before Python 3.12, this loses no cancellation that comes together with the result. `wait`
    # loses none either, and costs more than the rest of this.
    bound = loop.call_later(longest_seconds, resolve)
    try:
        outcome = await arrived
    finally:
        bound.cancel()
    if not outcome:
        raise asyncio.TimeoutError
    return outcome[0]


def wait_for_callback(start: Callable[[Callable[[T], None]], object], longest_seconds: float) -> T:
    """Start native work and wait for its result as ``await_callback`` does, on a thread that may block.

    Raises:
        TimeoutError: There was no result in time.
    """
    outcomes: queue.SimpleQueue[T] = queue.SimpleQueue()
    start(outcomes.put)
    try:
        return outcomes.get(timeout=longest_seconds)
    except queue.Empty:
        raise TimeoutError from None


def reset_context(variable: ContextVar[T], before: Token[T]) -> None:
    """Reset a context variable to what it was before."""
    try:  # noqa: SIM105 - every request comes here, and a context manager costs more
        variable.reset(before)
    except ValueError:
        # The garbage collector closes an abandoned coroutine in another context. The coroutine's own context is gone,
        # and the other one was not changed.
        pass
