"""Hints that a server logs once when it starts, about an incomplete configuration."""

from collections.abc import Iterable

from fastmcp_rs._native import RemoteKeys
from fastmcp_rs.logs import get_logger

__all__ = ["fetch_first_keys", "warn_of_any_audience"]

_logger = get_logger("resource")
# The most sources that are fetched at the start. Those of further issuers are fetched when their tokens come.
_MOST_FETCHES = 16


def warn_of_any_audience(provider: object, parameter: str) -> None:
    """Warn that tokens for other services are accepted, since neither an audience nor a client is configured."""
    _logger.warning(
        "the server starts with a %s without an audience: tokens that the issuer made for other services are accepted. "
        "Set audience, or %s where the issuer writes no aud",
        type(provider).__name__,
        parameter,
    )


def fetch_first_keys(remotes: Iterable[RemoteKeys | None]) -> None:
    """Fetch keys that were never fetched. If that fails, the logger ``fastmcp_rs.keys`` says why."""
    for remote in [remote for remote in dict.fromkeys(remotes) if remote is not None][:_MOST_FETCHES]:
        remote.fetch_at_start()
