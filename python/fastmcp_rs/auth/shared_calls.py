"""Shares a running call between tasks, threads and event loops."""

import asyncio
import copy
import os
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from fastmcp_rs._callbacks import await_callback

__all__ = ["SharedCalls"]

T = TypeVar("T")

# After this time a waiter makes its own call, since the event loop of the shared call may have stopped for ever.
_LONGEST_SECONDS = 60.0


class _Outcome(Generic[T]):
    """The end of a call. An abandoned call has neither a value nor an error."""

    def __init__(self, value: T | None = None, error: Exception | None = None, *, is_abandoned: bool = False) -> None:
        self.value = value
        self.error = error
        self.is_abandoned = is_abandoned

    def take(self, duplicate: Callable[[T], T]) -> T | None:
        """The value for one waiter, which may change it; an error is raised."""
        if self.error is not None:
            raise _another(self.error)
        return self.value if self.value is None else duplicate(self.value)


class _Call(Generic[T]):
    """One call. It neither locks nor depends on its waiters."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[_Outcome[T]], None]] = []
        self._outcome: _Outcome[T] | None = None
        # An event loop holds its tasks weakly.
        self.task: asyncio.Task[None] | None = None

    def add(self, done: Callable[[_Outcome[T]], None]) -> None:
        """Have ``done`` called at the end, once or twice."""
        self._waiting.append(done)
        if self._outcome is not None:
            done(self._outcome)

    async def run(self, work: Callable[[], Awaitable[T | None]], forget: Callable[[], object]) -> None:
        """Do the work, and call every waiter with the outcome, also if the event loop ends first."""
        outcome: _Outcome[T] = _Outcome(is_abandoned=True)
        try:
            try:
                outcome = _Outcome(await work())
            except Exception as error:  # noqa: BLE001 - it is raised where the waiters are
                outcome = _Outcome(error=error)
        finally:
            forget()
            self._outcome = outcome
            for done in self._waiting:
                done(outcome)


class SharedCalls(Generic[T]):
    """The running calls, by their keys."""

    def __init__(self, duplicate: Callable[[T], T]) -> None:
        """Take the function that copies a value for a waiter."""
        self._duplicate = duplicate
        self._calls: dict[Hashable, _Call[T]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T | None]]) -> T | None:
        """Wait for the call of this key, which the first one starts. Cancelling a waiter does not cancel the call."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # On an event loop of another library, nothing can wait for a thread.
            return await work()
        # The parent's calls do not run in a forked child.
        place = (os.getpid(), key)
        while True:
            mine: _Call[T] = _Call()
            # This is one atomic step for all threads.
            call = self._calls.setdefault(place, mine)
            if call is mine:
                running = call.run(work, lambda: self._calls.pop(place, None))
                call.task = loop.create_task(running)
            try:
                outcome: _Outcome[T] = await await_callback(call.add, _LONGEST_SECONDS)
            except asyncio.TimeoutError:
                return await work()
            if not outcome.is_abandoned:
                return outcome.take(self._duplicate)


def _another(error: Exception) -> Exception:
    """A copy of an error, without its traceback."""
    try:
        made = copy.copy(error)
    except Exception:  # noqa: BLE001 - an error that cannot be copied is raised as it is
        return error
    return made.with_traceback(None) if type(made) is type(error) else error
