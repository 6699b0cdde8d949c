"""Single HTTP requests of the doctor. Redirects are not followed, and answers are read to a bound."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPMessage
from typing import IO

__all__ = ["Answer", "UnreachableError", "ask", "checked_url", "loopback"]

_SECONDS = 10.0
_MOST_BYTES = 1 << 20
_SCHEMES = ("http", "https")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class UnreachableError(Exception):
    """There was no answer; the text says why."""


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP.

    Attributes:
        status: Its status.
        headers: Its headers, by any case.
        body: Its body, up to 1 MiB.
    """

    status: int
    headers: Message
    body: bytes


def checked_url(url: str, argument: str) -> str:
    """Check a URL that a user gave.

    Raises:
        ValueError: No request can be sent to it.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(f"{argument} must be an http or https URL") from None
    if parts.scheme not in _SCHEMES or not parts.hostname or any(not c.isprintable() or c == " " for c in url):
        raise ValueError(f"{argument} must be an http or https URL, such as https://my-server.example/mcp")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{argument} must have no user name and no password in it")
    return url


def loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    return urllib.parse.urlsplit(url).hostname in _LOOPBACK


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow no redirect: the check is about this URL."""


def ask(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
    """Send one request, through the proxies of the environment and with the system's certificates.

    Raises:
        UnreachableError: There was no answer.
    """
    # A server may name any URL, also one of a file on this machine.
    if urllib.parse.urlsplit(url).scheme not in _SCHEMES:
        raise UnreachableError("it is no http or https URL")
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310 - http or https
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            return Answer(response.status, response.headers, response.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read(_MOST_BYTES))
    except urllib.error.URLError as error:
        raise UnreachableError(str(error.reason)) from None
    except (OSError, ValueError) as error:
        raise UnreachableError(str(error) or type(error).__name__) from None
    except Exception as error:  # noqa: BLE001 - http.client has errors of its own for answers that are no HTTP
        raise UnreachableError(f"the answer is no HTTP ({type(error).__name__})") from None
