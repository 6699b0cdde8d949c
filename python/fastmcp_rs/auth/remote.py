"""Keys that are fetched, as an event loop sees them."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastmcp_rs._native import RemoteKeys
from fastmcp_rs.auth.client_fetcher import ClientFetcher, fail_stranded
from fastmcp_rs.errors import KeysUnavailableError
from fastmcp_rs.waiting import outcome

if TYPE_CHECKING:
    from fastmcp_rs.auth.client_fetcher import AsyncClient

__all__ = ["MAX_STALE_SECONDS", "REFRESH_INTERVAL_SECONDS", "Issuer", "fetched_keys", "settled", "warm_up"]

REFRESH_INTERVAL_SECONDS = 30.0
MAX_STALE_SECONDS = 86_400.0

# Beyond the total timeout of any fetch.
_LONGEST_WAIT_SECONDS = 35.0


class Issuer(str):
    """An issuer in the place of a ``jwks_uri``: its metadata says where the keys are."""

    __slots__ = ()


def fetched_keys(
    jwks_uri: object,
    http_client: "AsyncClient | None",
    *,
    allow_http: bool,
    ssrf_safe: bool,
    refresh_interval: float,
    max_stale: float,
) -> RemoteKeys:
    """Make the source of a verifier's keys. Nothing is fetched before it is asked.

    Raises:
        ValueError: The URL is not one that keys may be fetched from, or a number is out of range.
    """
    if ssrf_safe and http_client is not None:
        raise ValueError("http_client cannot be combined with ssrf_safe=True, which has a transport of its own")
    # A blocking client has the method `close`, where an asynchronous one has `aclose`.
    if http_client is not None and (not hasattr(http_client, "stream") or hasattr(http_client, "close")):
        raise ValueError(f"http_client must be an httpx or httpx2 AsyncClient, not a {type(http_client).__name__}")
    return RemoteKeys(
        str(jwks_uri),
        discover=isinstance(jwks_uri, Issuer),
        allow_http=allow_http,
        ssrf_safe=ssrf_safe,
        refresh_interval=refresh_interval,
        max_stale=max_stale,
        fetch=None if http_client is None else ClientFetcher(http_client),
    )


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
