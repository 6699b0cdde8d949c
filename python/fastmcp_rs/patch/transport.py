"""The HTTP clients of FastMCP's network verifiers, without a new TLS context and a new connection for each question.

A verifier opens a client, asks about one token and closes the client. Here the client is a new one as well, with
cookies and all other state of its own. Only the transports below it are kept, for as long as the event loop runs.
"""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import ModuleType
from typing import Any

__all__ = ["KeptTransports", "client_class"]

# The variables that httpx reads when it makes a transport: if one of them changes, new transports are made.
_ENVIRONMENT = (
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    *("REQUEST_METHOD", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"),
)
_ENCODED = tuple(map(os.fsencode, _ENVIRONMENT))
_MOST_ENVIRONMENTS = 4

# The attribute of an event loop that holds its transports, so that they live no longer than the loop.
_ATTRIBUTE = "_fastmcp_rs_transports"

# Most servers close idle connections after 5 seconds or more.
_IDLE_SECONDS = 3.0
_MOST_IDLE = 20


class KeptTransports:
    """The transports of all event loops.

    Attributes:
        in_use: Whether transports are kept.
    """

    def __init__(self) -> None:
        self.in_use = False

    def of_running_loop(self, client: Any, limits: Any, borrowed: Any) -> dict[str, Any] | None:
        """The arguments with which a new client uses the transports of the running event loop.

        Args:
            client: The client's class.
            limits: The limits of the transports' connections.
            borrowed: The class of transports that closing a client leaves open.

        Returns:
            The arguments; ``None`` where nothing can be kept.
        """
        if not self.in_use:
            return None
        try:
            loop: Any = asyncio.get_running_loop()
            kept = loop.__dict__.get(_ATTRIBUTE)
            if kept is None:
                kept = loop.__dict__[_ATTRIBUTE] = _OfLoop(loop)
        except (RuntimeError, AttributeError):
            # An event loop of another kind or library.
            return None
        found: dict[str, Any] | None = kept.arguments(client, limits, borrowed)
        return found


class _OfLoop:
    """The transports of one event loop, by HTTP library and environment."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._is_closed = False
        self._clients: list[Any] = []
        self._arguments: dict[tuple[object, ...], dict[str, Any]] = {}
        # asyncio.run() closes the asynchronous generators of its loop before the loop.
        self._lifetime = self._until_the_loop_ends()
        with suppress(StopIteration):
            self._lifetime.__anext__().send(None)
        # Closing a loop without asyncio.run() closes them as well.
        loop.__dict__["close"] = self._close_loop

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._is_closed = True
            for client in self._clients:
                await client.aclose()

    def _close_loop(self) -> None:
        self._loop.__dict__.pop("close", None)
        # If another loop runs in this thread, the closed loop cannot run again.
        if not (self._is_closed or self._loop.is_closed() or self._loop.is_running() or _is_loop_running()):
            self._loop.run_until_complete(self._lifetime.aclose())
        self._loop.close()

    def arguments(self, client: Any, limits: Any, borrowed: Any) -> dict[str, Any] | None:
        settings = (client, *_environment())
        found = self._arguments.get(settings)
        if found is None and not self._is_closed and len(self._clients) < _MOST_ENVIRONMENTS:
            # This client only makes the transports of the HTTP library for this environment. It never sends a request.
            made = client(limits=limits)
            self._clients.append(made)
            mounts = {
                pattern.pattern: None if transport is None else borrowed(transport)
                for pattern, transport in made._mounts.items()
            }
            found = self._arguments[settings] = {"transport": borrowed(made._transport), "mounts": mounts}
        return None if self._is_closed else found


def _environment() -> tuple[object, ...]:
    # The internal dict of `os.environ` is read: decoding each value would take longer than everything else here.
    kept = getattr(os.environ, "_data", None)
    if isinstance(kept, dict) and os.name == "posix":
        return tuple(map(kept.get, _ENCODED))
    return tuple(map(os.environ.get, _ENVIRONMENT))


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def client_class(kept: KeptTransports, http: ModuleType | Any) -> Any:
    """Make the replacement of the class ``AsyncClient`` of an HTTP library.

    Args:
        kept: The transports.
        http: The library: httpx or httpx2.
    """
    original_class = http.AsyncClient
    # There is no limit on connections: with a client for each question there was none either.
    limits = http.Limits(max_connections=None, max_keepalive_connections=_MOST_IDLE, keepalive_expiry=_IDLE_SECONDS)

    # The default of a client. Reading it from a text would take a third of the cost of a new client.
    no_url = http.URL("")

    class BorrowedTransport(http.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        """A kept transport, which the client that uses it does not close."""

        def __init__(self, transport: Any) -> None:
            self._transport = transport

        async def handle_async_request(self, request: Any) -> Any:
            try:
                return await self._transport.handle_async_request(request)
            except (http.RemoteProtocolError, http.ReadError, http.WriteError):
                # The server may have closed the connection just before this use. FastMCP would have used a new
                # connection, on which the question may have an answer.
                async with original_class() as client:
                    return await client.send(request)

    class AsyncClient(original_class):  # type: ignore[misc,valid-type]
        """A client that uses kept transports, unless it is given more than a ``timeout``."""

        def __new__(cls, *args: Any, **more: Any) -> Any:
            # Other code, such as a test, replaced the class since.
            if http.AsyncClient is not original_class:
                return http.AsyncClient(*args, **more)
            return super().__new__(cls)

        def __init__(self, *args: Any, **more: Any) -> None:
            known = not args and more.keys() <= {"timeout"}
            arguments = kept.of_running_loop(original_class, limits, BorrowedTransport) if known else None
            if arguments is None:
                super().__init__(*args, **more)
            else:
                super().__init__(**more, **arguments, base_url=no_url)

    AsyncClient.__qualname__ = original_class.__qualname__
    AsyncClient.__module__ = original_class.__module__
    return AsyncClient
