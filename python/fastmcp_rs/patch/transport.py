"""The HTTP clients of FastMCP's network verifiers, without a new TLS context and a new connection for each question.

A verifier opens a client, asks about one token and closes the client. Here the client is a new one as well, with
cookies and all other state of its own (``client_copy``). Only the transports below it are kept, for as long as the
event loop runs.
"""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fastmcp_rs.patch.client_copy import copier

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

# The arguments of a client that can use kept transports.
_KNOWN = {"timeout"}

# Most servers close idle connections after 5 seconds or more.
_IDLE_SECONDS = 3.0
_MOST_IDLE = 20


@dataclass(frozen=True)
class _Library:
    """An HTTP library: its class of clients and how that makes one, and what its kept transports are made with."""

    http: ModuleType | Any
    client: Any
    init: Any
    limits: Any
    borrowed: Any


@dataclass(frozen=True)
class _Kept:
    """How a new client uses the transports of an event loop for an environment.

    Attributes:
        arguments: What the client is made with.
        attributes: What a client has that was made with them and a ``timeout``; ``None`` if it has to be made.
    """

    arguments: dict[str, Any]
    attributes: Callable[[Any], dict[str, Any]] | None


class KeptTransports:
    """The transports of all event loops.

    Attributes:
        in_use: Whether transports are kept.
    """

    def __init__(self) -> None:
        self.in_use = False

    def of_running_loop(self, library: _Library) -> _Kept | None:
        """How a new client uses the transports of the running event loop; ``None`` where nothing can be kept."""
        if not self.in_use:
            return None
        try:
            loop: Any = asyncio.get_running_loop()
            kept = getattr(loop, _ATTRIBUTE, None) or _OfLoop(loop)
        except (RuntimeError, AttributeError):
            # An event loop of another kind or library.
            return None
        found: _Kept | None = kept.transports(library)
        return found


class _OfLoop:
    """The transports of one event loop, by HTTP library and environment."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._is_closed = False
        self._clients: list[Any] = []
        self._kept: dict[tuple[object, ...], _Kept] = {}
        # asyncio.run() closes the asynchronous generators of its loop before the loop.
        # Reading the loop's `__dict__` instead would make each access to its attributes slower from then on.
        setattr(loop, _ATTRIBUTE, self)
        self._lifetime = self._until_the_loop_ends()
        with suppress(StopIteration):
            self._lifetime.__anext__().send(None)
        # Closing a loop without asyncio.run() closes them as well.
        loop.close = self._close_loop

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._is_closed = True
            for client in self._clients:
                await client.aclose()

    def _close_loop(self) -> None:
        with suppress(AttributeError):
            del self._loop.close
        # If another loop runs in this thread, the closed loop cannot run again.
        if not (self._is_closed or self._loop.is_closed() or self._loop.is_running() or _is_loop_running()):
            self._loop.run_until_complete(self._lifetime.aclose())
        self._loop.close()

    def transports(self, library: _Library) -> _Kept | None:
        settings = (library.client, *_environment())
        found = self._kept.get(settings)
        if found is None and not self._is_closed and len(self._clients) < _MOST_ENVIRONMENTS:
            found = self._kept[settings] = self._make(library)
        return None if self._is_closed else found

    def _make(self, library: _Library) -> _Kept:
        # This client only makes the transports of the HTTP library for this environment. It never sends a request.
        made = library.client(limits=library.limits)
        self._clients.append(made)
        mounts = {
            pattern.pattern: None if transport is None else library.borrowed(transport)
            for pattern, transport in made._mounts.items()
        }
        # The default of a client is the same URL as a text. Reading that for each client would take long.
        no_url = library.http.URL("")
        arguments = {"transport": library.borrowed(made._transport), "mounts": mounts, "base_url": no_url}
        pristine = library.client(**arguments)
        return _Kept(arguments, copier(library.http, pristine) if library.client.__init__ is library.init else None)


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


def _borrowed(http: ModuleType | Any) -> Any:
    """Make the class of the kept transports of an HTTP library."""
    original_class = http.AsyncClient

    class BorrowedTransport(http.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        """A kept transport, which the client that uses it does not close."""

        def __init__(self, transport: Any) -> None:
            self._transport = transport

        async def __aenter__(self) -> Any:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def handle_async_request(self, request: Any) -> Any:
            try:
                return await self._transport.handle_async_request(request)
            except (http.RemoteProtocolError, http.ReadError, http.WriteError):
                # The server may have closed the connection just before this use. FastMCP would have used a new
                # connection, on which the question may have an answer.
                async with original_class() as client:
                    return await client.send(request)

    return BorrowedTransport


def client_class(kept: KeptTransports, http: ModuleType | Any) -> Any:
    """Make the replacement of the class ``AsyncClient`` of an HTTP library.

    Args:
        kept: The transports.
        http: The library: httpx or httpx2.
    """
    original_class = http.AsyncClient
    original_init = original_class.__init__
    # There is no limit on connections: with a client for each question there was none either.
    limits = http.Limits(max_connections=None, max_keepalive_connections=_MOST_IDLE, keepalive_expiry=_IDLE_SECONDS)
    library = _Library(http, original_class, original_init, limits, _borrowed(http))

    class AsyncClient(original_class):  # type: ignore[misc,valid-type]
        """A client that uses kept transports, unless it is given more than a ``timeout``."""

        def __new__(cls, *args: Any, **more: Any) -> Any:
            # Other code, such as a test, replaced the class since.
            if http.AsyncClient is not original_class:
                return http.AsyncClient(*args, **more)
            return super().__new__(cls)

        def __init__(self, *args: Any, **more: Any) -> None:
            known = not args and more.keys() <= _KNOWN
            found = kept.of_running_loop(library) if known else None
            if found is None:
                super().__init__(*args, **more)
            elif found.attributes is None or not more or original_class.__init__ is not original_init:
                # Where other code replaced how a client is made, each is made.
                super().__init__(**more, **found.arguments)
            else:
                self.__dict__ = found.attributes(more["timeout"])

    AsyncClient.__qualname__ = original_class.__qualname__
    AsyncClient.__module__ = original_class.__module__
    return AsyncClient
