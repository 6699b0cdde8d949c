"""Fetching keys with a client of the caller's: an httpx or httpx2 ``AsyncClient``, in its own event loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fastmcp_rs._native import FetchResult, jwks_uri_of, well_known_urls

__all__ = ["AsyncClient", "ClientFetcher"]

_TOTAL_SECONDS = 10
_MOST_BYTES = 1024 * 1024
_OK = 200


class _Response(Protocol):
    status_code: int

    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_bytes(self) -> AsyncIterator[bytes]: ...


class AsyncClient(Protocol):
    """What is asked of a client; those of httpx and httpx2 have it."""

    def stream(self, method: str, url: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[_Response]:
        """Send a request, and read its answer piece by piece."""


class _UnusableAnswerError(Exception):
    """An answer that cannot be used; unlike that of a client's exception, its text is ours."""


class ClientFetcher:
    """Fetches a JWK Set, or the one that an issuer's metadata names, with a caller's client."""

    def __init__(self, client: AsyncClient, url: str, *, discover: bool, allow_http: bool) -> None:
        self._client = client
        self._url = url
        self._discover = discover
        self._allow_http = allow_http
        # A task that nobody holds may be collected before it ends.
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, etag: str | None, result: FetchResult) -> None:
        """Start a fetch in the running event loop, which outlives whoever caused it."""
        try:
            task = asyncio.get_running_loop().create_task(self._fetch(etag, result))
        except RuntimeError:
            result.failed("no event loop is running for the http_client")
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, etag: str | None, result: FetchResult) -> None:
        try:
            await asyncio.wait_for(self._ask(etag, result), _TOTAL_SECONDS)
        except _UnusableAnswerError as error:
            result.failed(str(error))
        except asyncio.CancelledError:
            # Told here, for the exception's traceback may keep the frame, and with it the result, alive.
            result.failed("the http_client's fetch was cancelled, such as by the end of its event loop")
            raise
        except asyncio.TimeoutError:
            result.failed("the http_client did not answer in time")
        except Exception as error:  # noqa: BLE001 - whatever a caller's client raises is one failed fetch
            result.failed(f"the http_client raised {type(error).__name__}")

    async def _ask(self, etag: str | None, result: FetchResult) -> None:
        url = await self._discovered() if self._discover else self._url
        headers = {"accept": "application/json"}
        if etag is not None:
            headers["if-none-match"] = etag
        status, answered, body = await self._get(url, headers)
        result.answered(status, answered.get("etag"), answered.get("cache-control"), body)

    async def _discovered(self) -> str:
        status = 0
        for url in well_known_urls(self._url):
            status, _, body = await self._get(url, {"accept": "application/json"})
            if status == _OK:
                try:
                    return jwks_uri_of(body, self._url, self._allow_http)
                except ValueError as error:
                    raise _UnusableAnswerError(str(error)) from None
        raise _UnusableAnswerError(f"the issuer has no metadata: the last URL for it answered with status {status}")

    async def _get(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        async with self._client.stream("GET", url, headers=headers) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise _UnusableAnswerError("the answer is larger than is read")
            return response.status_code, response.headers, bytes(body)
