"""Waiting for what ends on a native thread, in an event loop or without one."""

import asyncio
import contextlib
import queue
from collections.abc import Callable
from typing import TypeVar

__all__ = ["blocking_outcome", "outcome"]

T = TypeVar("T")


async def outcome(start: Callable[[Callable[[T], None]], object], longest_seconds: float) -> T:
    """Start something and wait for its outcome. It goes on whatever becomes of whoever waits.

    Args:
        start: Is called at once, with a function that takes the outcome, once, from whatever thread.
        longest_seconds: After how many seconds nobody waits any more. Without a bound, who waits for something whose
            own event loop was stopped half-way would wait for ever.

    Raises:
        TimeoutError: Of ``asyncio``: there was no outcome in time.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[T] = loop.create_future()

    def resolve(value: T) -> None:
        if not arrived.done():
            arrived.set_result(value)

    def done(value: T) -> None:
        # The loop may be closed by now, and with it whoever waited.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(resolve, value)

    start(done)
    # Unlike `wait_for` before Python 3.12, this swallows no cancellation that comes together with the outcome.
    await asyncio.wait([arrived], timeout=longest_seconds)
    if not arrived.done():
        raise asyncio.TimeoutError
    return arrived.result()


def blocking_outcome(start: Callable[[Callable[[T], None]], object], longest_seconds: float) -> T:
    """Start something and wait for its outcome, as ``outcome`` does, on a thread that may be blocked.

    Raises:
        TimeoutError: There was no outcome in time.
    """
    outcomes: queue.SimpleQueue[T] = queue.SimpleQueue()
    start(outcomes.put)
    try:
        return outcomes.get(timeout=longest_seconds)
    except queue.Empty:
        raise TimeoutError from None
