"""Whether an exception says that another server is out of reach, so that there can be no decision."""

import asyncio
import socket
import ssl
import urllib.error

__all__ = ["is_out_of_reach"]

# The packages of HTTP clients. All of their exceptions are about requests.
_CLIENTS = {"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "urllib3"}
# FastMCP's own fetcher, in whatever module a line has it.
_OF_FASTMCPS_FETCHER = {"SSRFError", "SSRFFetchError"}
_OF_THE_NETWORK = (
    ConnectionError,
    TimeoutError,
    asyncio.TimeoutError,
    socket.gaierror,
    ssl.SSLError,
    urllib.error.URLError,
)
_SERVER_ERROR, _TOO_MANY_REQUESTS = 500, 429


def is_out_of_reach(error: BaseException | None) -> bool:
    """Whether an exception, or one of its causes, says that another server gave no answer.

    An answer with a status is one, unless that says that the server is in trouble (500 and above) or has no time (429).
    """
    while error is not None:
        if _is_of_a_request(error):
            status = _status(error)
            return status is None or status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _is_of_a_request(error: BaseException) -> bool:
    classes = type(error).__mro__
    of_a_client = any(cls.__module__.partition(".")[0] in _CLIENTS for cls in classes)
    return of_a_client or isinstance(error, _OF_THE_NETWORK) or type(error).__name__ in _OF_FASTMCPS_FETCHER


def _status(error: BaseException) -> int | None:
    """The status of the answer that a client raises an exception for, by the names that the clients have for it."""
    of_response = getattr(getattr(error, "response", None), "status_code", None)
    for status in (of_response, getattr(error, "status", None), getattr(error, "code", None)):
        if isinstance(status, int):
            return status
    return None
