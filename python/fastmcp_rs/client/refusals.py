"""Records the 401 and 403 responses to a client's requests, from whichever task they are sent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs.client.challenge import REFUSALS, refusal_text

__all__ = ["Refusal", "observe", "recording", "refusal_in"]

# More than a reason needs. A body without a length could be endless, and is not read.
_MOST_BYTES = 64 * 1024


class Refusal:
    """The reason of a refused request, if one was refused."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.is_raised = False
        self._waiting: set[asyncio.Future[None]] = set()

    def note(self, text: str) -> None:
        """Record the reason, and end the calls that wait for a response."""
        self.text = text
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def or_answer(self, call: Awaitable[Any]) -> Any:  # noqa: ANN401 - the call's own
        """Await a call, but cancel it when a refusal is recorded.

        Raises:
            ConnectionError: A refusal was recorded before the call had a result.
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
            # asyncio would log its exception if it were never read.
            answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())


_recorded: ContextVar[Refusal] = ContextVar("noted")


@contextmanager
def recording(refusal: Refusal) -> Iterator[None]:
    """Record refusals of the requests that this context sends, and the tasks that are started in it."""
    before = _recorded.set(refusal)
    try:
        yield
    finally:
        reset_context(_recorded, before)


def observe(transport: Any) -> None:  # noqa: ANN401 - a transport of FastMCP's
    """Record the refusals of a transport's requests, from its next connection on.

    Not where there is no HTTP, or where the authentication is of a kind that only the HTTP client can do.
    """
    inner = getattr(transport, "auth", transport)
    can_be_observed = inner is None or isinstance(inner, _compat.HttpAuthBase.__bases__)
    if can_be_observed and not isinstance(inner, _ObservingAuth):
        transport.auth = _ObservingAuth(inner)


def refusal_in(error: BaseException) -> str | None:
    """Find the reason of a refusal in an error, its cause, or the exceptions of its group."""
    response: Any = getattr(error, "response", None)
    if getattr(response, "status_code", None) in REFUSALS:
        return refusal_text(response.status_code, response.headers, _read(response), response.request.headers)
    causes = (error.__cause__, *getattr(error, "exceptions", ()))
    return next(filter(None, (refusal_in(cause) for cause in causes if cause is not None)), None)


def _read(response: Any) -> bytes:  # noqa: ANN401 - of either HTTP client
    """The part of an answer's body that was read."""
    try:
        body: bytes = response.content
    except RuntimeError:
        return b""
    return body


class _ObservingAuth(_compat.HttpAuthBase):
    """Authenticates as another ``Auth`` does, and records the last response, after all redirects and retries."""

    def __init__(self, inner: _compat.HttpAuthBase | None) -> None:
        self._inner = inner

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 - of either HTTP client
        inner = self._inner or _compat.implied_auth(request)
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
    refusal = _recorded.get(None)
    if refusal is None or response.status_code not in REFUSALS:
        return
    length = response.headers.get("content-length", "")
    body = await response.aread() if length.isdecimal() and int(length) <= _MOST_BYTES else b""
    text = refusal_text(response.status_code, response.headers, body, response.request.headers)
    # Calls are POSTs. A refused GET, such as for a stream that the server does not have, is no failed call.
    if text is not None and response.request.method == "POST":
        refusal.note(text)
