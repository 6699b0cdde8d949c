"""Keys that are fetched, as an event loop sees them."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastmcp_rs._native import FetchOptions, RemoteKeys, url_text
from fastmcp_rs.auth.client_fetcher import ClientFetcher, fail_stranded
from fastmcp_rs.errors import KeysUnavailableError
from fastmcp_rs.waiting import outcome

if TYPE_CHECKING:
    from fastmcp_rs.auth.client_fetcher import AsyncClient

__all__ = [
    "MAX_STALE_SECONDS",
    "REFRESH_INTERVAL_SECONDS",
    "Issuer",
    "check_client",
    "fetched_keys",
    "settled",
    "warm_up",
]

REFRESH_INTERVAL_SECONDS = 30.0
MAX_STALE_SECONDS = 86_400.0

# Beyond the total timeout of any fetch.
_LONGEST_WAIT_SECONDS = 35.0


class Issuer(str):
    """An issuer in the place of a ``jwks_uri``: its metadata says where the keys are."""

    __slots__ = ()


def fetched_keys(jwks_uri: object, http_client: "AsyncClient | None", options: FetchOptions) -> RemoteKeys:
    """Make the source of a verifier's keys. Nothing is fetched before it is asked.

    Raises:
        ValueError: The URL is not one that keys may be fetched from.
    """
    fetch = None if http_client is None else ClientFetcher(http_client)
    url = url_text(jwks_uri, "jwks_uri")
    return RemoteKeys(url, options, discover=isinstance(jwks_uri, Issuer), fetch=fetch)


def check_client(http_client: object, options: FetchOptions) -> None:
    """Check a client that is to fetch keys, or its absence.

    Raises:
        ValueError: It is none that can be awaited, or the options want a transport of their own.
    """
    if http_client is None:
        return
    if options.ssrf_safe:
        raise ValueError("http_client cannot be combined with ssrf_safe=True, which has a transport of its own")
    # A blocking client has the method `close`, where an asynchronous one has `aclose`.
    if not _has(http_client, "stream") or _has(http_client, "close"):
        raise ValueError(f"http_client must be an httpx or httpx2 AsyncClient, not a {type(http_client).__name__}")


def _has(client: object, name: str) -> bool:
    """Whether something has an attribute. What raises instead of saying so has none."""
    try:
        return hasattr(client, name)
    except Exception:  # noqa: BLE001 - whatever it raises, it is no client
        return False


async def warm_up(remote: RemoteKeys) -> None:
    """Fetch the keys if they are not there.

    Raises:
        KeysUnavailableError: They cannot be fetched; the text says why.
    """
    if remote.request() == "pending":
        await settled(remote)
    if remote.request() != "ready":
        raise KeysUnavailableError(f"the keys cannot be fetched: {remote.held()['last_error']}")


async def settled(remote: RemoteKeys) -> None:
    """Wait until no fetch is on its way, or has had its time. It goes on whatever becomes of whoever waits."""

    def start(done: Callable[[None], None]) -> None:
        remote.when_settled(lambda: done(None))

    fail_stranded()
    with contextlib.suppress(asyncio.TimeoutError):
        await outcome(start, _LONGEST_WAIT_SECONDS)
