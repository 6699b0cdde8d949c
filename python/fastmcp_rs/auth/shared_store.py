"""A py-key-value store that workers share. A request waits 50 ms for it; after a failure it is not used for 5 seconds.

It holds sealed answers of endpoints. No fault of a store refuses a token: the endpoint is asked instead.
"""

# A store may be of any class, of any release of py-key-value-aio.
# ruff: noqa: ANN401

import asyncio
import base64
import binascii
import inspect
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastmcp_rs._native import AnswerSealer
from fastmcp_rs.logs import get_logger

__all__ = ["SharedStore", "StoredAnswer"]

_logger = get_logger("auth")

_COLLECTION = "fastmcp_rs_answers"
# How long a request waits for the store.
_WAIT_SECONDS = 0.05
# How long an invalidation waits for it.
_INVALIDATION_SECONDS = 2.0
# How long it is not used after a failure.
_PAUSE_SECONDS = 5.0
# How long work may go on after its request stopped waiting, so that a slow connection is ready for the next request.
_LONGEST_SECONDS = 5.0
# An invalidation outlasts the answers to questions that were on their way.
_LONGEST_QUESTION_SECONDS = 330.0
# The shortest lifetime that every store accepts.
_LEAST_TTL_SECONDS = 1.0

# The answer, its age, and its lifetime from the question on, in seconds.
StoredAnswer = tuple[bytes, float, float]


class SharedStore:
    """The answers of one endpoint in a store.

    Attributes:
        failures: How often the store failed, or took too long.
    """

    def __init__(self, store: Any, secret: object, scope: str, longest_seconds: float) -> None:
        """Take a store, or a function that makes one for each event loop, which several objects may share.

        Args:
            store: The store, or the function.
            secret: What the keys of the store are made of.
            scope: Tells the endpoint apart from all others.
            longest_seconds: How long an answer may serve.

        Raises:
            ValueError: It is no store, or the secret is too short.
        """
        self._clients = _clients_of(store)
        self._sealer = AnswerSealer(secret, scope)
        self._longest_seconds = max(longest_seconds, _LEAST_TTL_SECONDS)
        self.failures = 0

    async def read(self, token: str) -> StoredAnswer | None:
        """The answer that another worker got about a token, if the store has it and it was not invalidated since."""
        if self._clients.is_paused():
            return None
        names = list(self._sealer.names(token))

        async def read() -> list[Any]:
            found: list[Any] = await self._clients.of_running_loop().get_many(names, collection=_COLLECTION)
            return found

        found = await self._attempt(read, _WAIT_SECONDS)
        if type(found) is not list or len(found) != len(names):
            return None
        answer, invalidation, epoch = map(_unpacked, found)
        return None if answer is None else self._sealer.open(token, answer, invalidation, epoch)

    async def write(self, token: str, body: bytes, age: float, lifetime: float) -> None:
        """Share the answer to a question of this age. The lifetime counts from the question on."""
        if self._clients.is_paused():
            return
        sealed = self._sealer.seal(token, body, age, lifetime)
        name, *_ = self._sealer.names(token)
        await self._attempt(lambda: self._put(name, sealed, self._longest_seconds), _WAIT_SECONDS)

    async def invalidate(self, token: str | None) -> None:
        """Make all workers forget a token, or all tokens.

        Raises:
            ConnectionError: The store is out of reach.
        """
        _, of_token, of_all = self._sealer.names(token or "")
        sealed = self._sealer.seal_invalidation(token)
        ttl = self._longest_seconds + _LONGEST_QUESTION_SECONDS
        name = of_all if token is None else of_token
        if await self._attempt(lambda: self._put(name, sealed, ttl), _INVALIDATION_SECONDS) is None:
            raise ConnectionError(
                "cache_store is out of reach: this worker has forgotten the answer, and other workers still use it"
            )

    async def _put(self, name: str, sealed: bytes, ttl: float) -> bool:
        value = {"sealed": base64.b64encode(sealed).decode()}
        await self._clients.of_running_loop().put(name, value, collection=_COLLECTION, ttl=ttl)
        return True

    async def _attempt(self, work: Callable[[], Awaitable[Any]], seconds: float) -> Any:
        """The result of work on the store, or ``None`` where it failed or took too long."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # The event loop is another library's.
            return None
        task = self._clients.start(loop, asyncio.wait_for(work(), _LONGEST_SECONDS))
        # The work goes on if its waiter gives up.
        done, _ = await asyncio.wait([task], timeout=seconds)
        if done and not task.cancelled() and task.exception() is None:
            return task.result()
        self.failures += 1
        self._clients.failed(None if not done or task.cancelled() else task.exception())
        return None


class _Clients:
    """The store for each event loop: the connections of one cannot be used in another."""

    def __init__(self, given: Any) -> None:
        methods = ("get_many", "put")
        self.given = given
        try:
            self._is_store = all(callable(getattr(given, name, None)) for name in methods)
            makes_one = callable(given) and not inspect.iscoroutinefunction(given)
        except Exception:  # noqa: BLE001 - an object that is touched too early
            self._is_store = makes_one = False
        if not self._is_store and not makes_one:
            raise ValueError(
                "cache_store must be a store of py-key-value-aio, such as RedisStore(url=...), or a function that "
                f"makes one, not {type(given).__name__}"
            )
        self._of_loop: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._paused_until = 0.0
        # An event loop holds its tasks weakly.
        self._tasks: set[asyncio.Task[Any]] = set()

    def is_paused(self) -> bool:
        """Whether the store is not used after a failure."""
        return time.monotonic() < self._paused_until

    def start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Start work on the store. It ends without its waiter."""
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # So that asyncio does not report an exception that was never retrieved.
            task.exception()

    def failed(self, error: BaseException | None) -> None:
        """Do not use the store for a while, and log that."""
        if not self.is_paused():
            # The text of an error may hold the password in the store's URL.
            why = "took too long" if error is None else f"failed ({type(error).__name__})"
            _logger.warning(
                "cache_store %s: for %g s, answers about tokens are neither read nor stored there", why, _PAUSE_SECONDS
            )
        self._paused_until = time.monotonic() + _PAUSE_SECONDS

    def of_running_loop(self) -> Any:
        """The store for this event loop."""
        loop = asyncio.get_running_loop()
        found = self._of_loop.get(loop)
        if found is None:
            found = self._of_loop[loop] = _Client(*self._made())
        return found.store

    def _made(self) -> tuple[Any, Callable[[], Awaitable[object]] | None]:
        """A store, and the function that closes it, if this package made it."""
        if not self._is_store:
            made = self.given()
            return made, getattr(made, "close", None)
        client: Any = getattr(self.given, "_client", None)
        pool: Any = getattr(client, "connection_pool", None)
        if pool is None:
            return self.given, None
        # In clients like redis-py's, connections belong to the event loop that opened them.
        twin = type(client)(
            connection_pool=type(pool)(connection_class=pool.connection_class, **pool.connection_kwargs)
        )

        async def close() -> None:
            await twin.aclose(close_connection_pool=True)

        return type(self.given)(client=twin), close


class _Client:
    """The store of one event loop, which is closed with it."""

    def __init__(self, store: Any, close: Callable[[], Awaitable[object]] | None) -> None:
        self.store = store
        # asyncio.run() closes the asynchronous generators of its loop before the loop.
        self._lifetime = _until_the_loop_ends(close)
        with suppress(StopIteration):
            self._lifetime.__anext__().send(None)


async def _until_the_loop_ends(close: Callable[[], Awaitable[object]] | None) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        if close is not None:
            await close()


# Verifiers with the same store share its clients.
_of_stores: weakref.WeakValueDictionary[int, _Clients] = weakref.WeakValueDictionary()


def _clients_of(store: Any) -> _Clients:
    """The clients of a store."""
    found = _of_stores.get(id(store))
    if found is None or found.given is not store:
        found = _of_stores[id(store)] = _Clients(store)
    return found


def _unpacked(value: Any) -> bytes | None:
    """The sealed bytes in a value of the store. An unreadable value gives bytes that do not open."""
    if value is None:
        return None
    try:
        return base64.b64decode(value["sealed"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        return b""
