"""Watching what a server finally answers to a client's requests, wherever in the client they are sent from."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from fastmcp_rs import host
from fastmcp_rs.client.refusal import REFUSALS, refusal_text
from fastmcp_rs.contexts import put_back

__all__ = ["Refusal", "noting", "refusal_in", "watch"]

# More than any reason has; a body without a length could go on for ever.
_MOST_BYTES = 64 * 1024


class Refusal:
    """Why the server refused, if it did."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.is_raised = False
        self._waiting: set[asyncio.Future[None]] = set()

    def note(self, text: str) -> None:
        """Take the reason, and wake whoever waits for an answer that will not come."""
        self.text = text
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def or_answer(self, call: Awaitable[Any]) -> Any:  # noqa: ANN401 - the call's own
        """Await a call, but no longer than until this is noted; then it is cancelled.

        Raises:
            ConnectionError: There was no answer before this was noted.
        """
        answer = asyncio.ensure_future(call)
        refused = asyncio.get_running_loop().create_future()
        self._waiting.add(refused)
        if self.text is not None:
            refused.set_result(None)
        try:
            await asyncio.wait({answer, refused}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise ConnectionError("the server ended the session")
        finally:
            self._waiting.discard(refused)
            answer.cancel()
            # What it still raises is of no interest, and unless it is looked at asyncio logs it.
            answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())


_noted: ContextVar[Refusal] = ContextVar("noted")


@contextmanager
def noting(refusal: Refusal) -> Iterator[None]:
    """Note here what is refused of the requests that this context sends, and the tasks that it starts."""
    before = _noted.set(refusal)
    try:
        yield
    finally:
        put_back(_noted, before)


def watch(transport: Any) -> None:  # noqa: ANN401 - a transport of FastMCP's
    """Have the answers to a transport's requests noted, from its next connection on.

    None are where there is no HTTP, or authentication of a kind that the HTTP client alone can do.
    """
    inner = getattr(transport, "auth", transport)
    can_be_watched = inner is None or isinstance(inner, host.HttpAuthBase.__bases__)
    if can_be_watched and not isinstance(inner, _Watching):
        transport.auth = _Watching(inner)


def refusal_in(error: BaseException) -> str | None:
    """Find a refusal that the error itself reports, or one of those that it is made of."""
    response: Any = getattr(error, "response", None)
    if getattr(response, "status_code", None) in REFUSALS:
        return refusal_text(response.status_code, response.headers, b"", response.request.headers)
    causes = (error.__cause__, *getattr(error, "exceptions", ()))
    return next(filter(None, (refusal_in(cause) for cause in causes if cause is not None)), None)


class _Watching(host.HttpAuthBase):
    """Authenticates as another does. It knows which answer is the last, after all redirects and retries."""

    def __init__(self, inner: host.HttpAuthBase | None) -> None:
        self._inner = inner

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 - of either HTTP client
        inner = self._inner or host.implied_auth(request)
        flow = inner.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                response = yield request
                request = await flow.asend(response)
        except StopAsyncIteration:
            await _note(response)
        finally:
            await flow.aclose()


async def _note(response: Any) -> None:  # noqa: ANN401 - of either HTTP client
    refusal = _noted.get(None)
    # Calls are POSTs. What else is refused, such as the stream of a server that has none, ends nothing.
    if refusal is None or response.status_code not in REFUSALS or response.request.method != "POST":
        return
    length = response.headers.get("content-length", "")
    body = await response.aread() if length.isdecimal() and int(length) <= _MOST_BYTES else b""
    refusal.note(refusal_text(response.status_code, response.headers, body, response.request.headers))
