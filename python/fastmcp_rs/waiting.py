"""Waiting in an event loop for what ends on a native thread."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

__all__ = ["outcome"]

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
    return await asyncio.wait_for(arrived, longest_seconds)
