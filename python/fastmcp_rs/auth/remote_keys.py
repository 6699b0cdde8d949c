"""Sources of fetched keys, and waiting for them in an event loop."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastmcp_rs._callbacks import await_callback
from fastmcp_rs._native import FetchOptions, RemoteKeys, url_text
from fastmcp_rs.auth.httpx_fetcher import HttpxFetcher, fail_stranded
from fastmcp_rs.errors import KeysUnavailableError

if TYPE_CHECKING:
    from fastmcp_rs._native import KeyFetch
    from fastmcp_rs.auth.httpx_fetcher import AsyncClient

__all__ = [
    "MAX_STALE_SECONDS",
    "REFRESH_INTERVAL_SECONDS",
    "IssuerMetadata",
    "check_client",
    "fetcher_of",
    "keys_at_url",
    "keys_of_issuer",
    "soonest_fetch",
    "wait_until_idle",
    "warm_up",
]

REFRESH_INTERVAL_SECONDS = 30.0
MAX_STALE_SECONDS = 86_400.0

# Longer than the total timeout of a fetch.
_LONGEST_WAIT_SECONDS = 35.0


@dataclass(frozen=True)
class IssuerMetadata:
    """An issuer with metadata that names the keys. ``from_issuer`` gives it to the initializer instead of a URL.

    Attributes:
        issuer: The issuer, an https URL.
        url: The URL of its metadata, where that is at no well-known place of it.
    """

    issuer: str
    url: str | None = None


def keys_at_url(
    jwks_uri: object, fetcher: HttpxFetcher | None, options: FetchOptions, issuer: object = None
) -> RemoteKeys:
    """Make a source of the keys of the JWK Set at a URL. Nothing is fetched before a key is needed.

    The metadata of the issuer is asked only where the URL gives certificates: the error tells where the keys are.

    The caller holds the fetcher for as long as it needs the keys.

    Raises:
        ValueError: The URL is not one that keys may be fetched from.
    """
    known = issuer if isinstance(issuer, str) else None
    return RemoteKeys(url_text(jwks_uri, "jwks_uri"), options, issuer=known, fetch=_held_by_caller(fetcher))


def keys_of_issuer(metadata: IssuerMetadata, fetcher: HttpxFetcher | None, options: FetchOptions) -> RemoteKeys:
    """Make a source of the keys that an issuer's metadata names (RFC 8414, OpenID Connect Discovery).

    Nothing is fetched before a key is needed. The caller holds the fetcher for as long as it needs the keys.

    Raises:
        ValueError: The issuer is not a URL that metadata may be fetched from.
    """
    if metadata.url is None and "{tenantid}" in metadata.issuer:
        raise ValueError(
            "issuer is a template, below which there is no metadata: give metadata_url as well, such as "
            '"https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"'
        )
    return RemoteKeys.of_issuer(metadata.issuer, options, metadata_url=metadata.url, fetch=_held_by_caller(fetcher))


def _held_by_caller(fetcher: HttpxFetcher | None) -> "Callable[[KeyFetch], None] | None":
    return None if fetcher is None else fetcher.weakly()


def fetcher_of(http_client: "AsyncClient | None") -> HttpxFetcher | None:
    """The fetcher that uses the caller's client, if there is one."""
    return None if http_client is None else HttpxFetcher(http_client)


def check_client(http_client: object, *, ssrf_safe: bool) -> None:
    """Check the client that is to fetch keys; ``None`` is none.

    Raises:
        ValueError: It is none that can be awaited, or ``ssrf_safe`` wants a transport of its own.
    """
    if http_client is None:
        return
    if ssrf_safe:
        raise ValueError("http_client cannot be used with ssrf_safe=True, which has a transport of its own")
    # An asynchronous client has the method `aclose`; a blocking one has `close`.
    if not _has(http_client, "stream") or _has(http_client, "close"):
        raise ValueError(f"http_client must be an httpx or httpx2 AsyncClient, not a {type(http_client).__name__}")


def _has(client: object, name: str) -> bool:
    """Whether an object has an attribute. An object that raises an exception has none."""
    try:
        return hasattr(client, name)
    except Exception:  # noqa: BLE001 - an object that raises here is no client
        return False


def soonest_fetch(waits: Iterable[float | None]) -> float | None:
    """The seconds until the first of several sources can be fetched again; ``None`` where no wait is known."""
    known = [wait for wait in waits if wait is not None]
    # Sources with keys wait for nothing. If no source waits, the next request fetches.
    return min(filter(None, known), default=0.0 if known else None)


async def warm_up(remote: RemoteKeys) -> None:
    """Fetch the keys, unless they are there.

    Raises:
        KeysUnavailableError: They cannot be fetched; the text says why.
    """
    if remote.request() == "pending":
        await wait_until_idle(remote)
    if remote.request() != "ready":
        raise KeysUnavailableError(f"the keys cannot be fetched: {remote.status()['last_error']}")


async def wait_until_idle(remote: RemoteKeys) -> None:
    """Wait until no fetch is running, or for the longest time that one takes. Cancelling this cancels no fetch."""

    def start(done: Callable[[None], None]) -> None:
        remote.on_idle(lambda: done(None))

    fail_stranded()
    with contextlib.suppress(asyncio.TimeoutError):
        await await_callback(start, _LONGEST_WAIT_SECONDS)
