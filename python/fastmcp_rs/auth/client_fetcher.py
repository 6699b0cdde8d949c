"""Fetching keys with a client of the caller's: an httpx or httpx2 ``AsyncClient``, in its own event loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fastmcp_rs._native import KeyFetch

__all__ = ["AsyncClient", "ClientFetcher", "fail_stranded"]

_OK = 200

# Those on their way. A task that nobody holds may be collected before it ends.
_fetches: dict["asyncio.Task[None]", KeyFetch] = {}


def fail_stranded() -> None:
    """End the fetches whose event loop was closed under them, so that nobody waits for what will not come."""
    for task, fetch in list(_fetches.items()):
        if task.get_loop().is_closed():
            _fetches.pop(task, None)
            fetch.failed("the http_client's event loop was closed before the answer came")


class _Response(Protocol):
    status_code: int

    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_bytes(self) -> AsyncIterator[bytes]: ...


class AsyncClient(Protocol):
    """What is asked of a client; those of httpx and httpx2 have it."""

    def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], follow_redirects: bool
    ) -> AbstractAsyncContextManager[_Response]:
        """Send a request, and read its answer piece by piece."""


class ClientFetcher:
    """Fetches keys with a caller's client. What to ask, and what an answer means, the fetch itself knows."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def __call__(self, fetch: KeyFetch) -> None:
        """Start a fetch in the running event loop, which outlives whoever caused it."""
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
            # Told here, for the exception's traceback may keep the frame, and with it the fetch, alive.
            fetch.failed("the http_client's fetch was cancelled, such as by the end of its event loop")
            raise
        except asyncio.TimeoutError:
            fetch.failed("the http_client did not answer in time")
        except Exception as error:  # noqa: BLE001 - whatever a caller's client raises is one failed fetch
            fetch.failed(f"the http_client raised {type(error).__name__}")

    async def _ask(self, fetch: KeyFetch) -> None:
        while (question := fetch.question()) is not None:
            url, etag = question
            # Nothing is inflated: a few bytes can become more than there is memory.
            headers = {"accept": "application/json", "accept-encoding": "identity"}
            if etag is not None:
                headers["if-none-match"] = etag
            async with self._client.stream("GET", url, headers=headers, follow_redirects=False) as response:
                is_read = response.status_code == _OK
                if is_read and response.headers.get("content-encoding", "identity").lower() != "identity":
                    fetch.failed("the endpoint compressed its answer, which nobody asked for")
                    return
                body = await _body(response, fetch.most_bytes) if is_read else b""
                answered = response.headers
            fetch.answered(response.status_code, answered.get("etag"), answered.get("cache-control"), body)


async def _body(response: _Response, most: int) -> bytes:
    """Read the body, or as much of it as shows that it is too long."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            break
    return bytes(body)
