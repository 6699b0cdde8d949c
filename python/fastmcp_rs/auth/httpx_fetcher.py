"""Fetches keys with the caller's httpx or httpx2 ``AsyncClient``, in the event loop that it belongs to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from weakref import ref

from fastmcp_rs._native import KeyFetch

__all__ = ["AsyncClient", "HttpxFetcher", "fail_stranded"]

_OK = 200

# The running fetches. The event loop holds a task weakly, so it could be collected before it ends.
_fetches: dict["asyncio.Task[None]", KeyFetch] = {}


def fail_stranded() -> None:
    """Fail the fetches whose event loop was closed, so that no caller waits for their result."""
    for task, fetch in list(_fetches.items()):
        if task.get_loop().is_closed():
            _fetches.pop(task, None)
            fetch.failed("the http_client's event loop was closed before the answer came")


class _Response(Protocol):
    status_code: int

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def is_stream_consumed(self) -> bool: ...
    def aiter_bytes(self) -> AsyncIterator[bytes]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...


class AsyncClient(Protocol):
    """What a client must have; those of httpx and httpx2 do."""

    def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], follow_redirects: bool
    ) -> AbstractAsyncContextManager[_Response]:
        """Send a request and stream its response."""


class HttpxFetcher:
    """Carries out key fetches with the caller's client. ``KeyFetch`` gives the requests and takes the responses."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def weakly(self) -> Callable[[KeyFetch], None]:
        """This fetcher by a weak reference. Only its verifier holds it: the client may refer back to the verifier."""
        held = ref(self)

        def fetch_by_it(fetch: KeyFetch) -> None:
            fetcher = held()
            if fetcher is None:
                fetch.failed("the verifier of the http_client is gone")
            else:
                fetcher(fetch)

        return fetch_by_it

    def __call__(self, fetch: KeyFetch) -> None:
        """Start a fetch as a task of the running event loop; cancelling its caller does not cancel it."""
        try:
            task = asyncio.get_running_loop().create_task(self._carry_out(fetch))
        except RuntimeError:
            fetch.failed("no event loop is running for the http_client")
            return
        _fetches[task] = fetch
        task.add_done_callback(lambda task: _fetches.pop(task, None))

    async def _carry_out(self, fetch: KeyFetch) -> None:
        try:
            await asyncio.wait_for(self._ask(fetch), fetch.total_seconds)
        except asyncio.CancelledError:
            # The end is reported here, since the exception's traceback may keep this frame, and the fetch in it, alive.
            fetch.failed("the http_client's fetch was cancelled, such as by the end of its event loop")
            raise
        except asyncio.TimeoutError:
            fetch.failed("the http_client did not answer in time")
        except Exception as error:  # noqa: BLE001 - any exception of the caller's client is one failed fetch
            fetch.failed(f"the http_client raised {type(error).__name__}")

    async def _ask(self, fetch: KeyFetch) -> None:
        while (question := fetch.next_request()) is not None:
            url, headers = question
            body, coding = b"", ""
            async with self._client.stream("GET", url, headers=headers, follow_redirects=False) as response:
                if response.status_code == _OK:
                    pieces, coding = _pieces(response)
                    body = await _body(pieces, fetch.most_bytes)
                answered = response.headers
            etag, freshness, kind = (answered.get(name) for name in ("etag", "cache-control", "content-type"))
            fetch.on_response(response.status_code, etag, freshness, kind, body, coding)


def _pieces(response: _Response) -> tuple[AsyncIterator[bytes], str]:
    """The body, and the content codings that are left on it."""
    coding = response.headers.get("content-encoding", "")
    # The fetch decompresses the body within its bound; the client has no bound. A body that a transport or a hook has
    # read is decompressed already.
    if not coding or response.is_stream_consumed:
        return response.aiter_bytes(), ""
    return response.aiter_raw(), coding


async def _body(pieces: AsyncIterator[bytes], most: int) -> bytes:
    """Read the body, but stop once it is longer than allowed."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > most:
            break
    return bytes(body)
