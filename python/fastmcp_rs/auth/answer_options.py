"""The parameters by which providers remember answers, and the store that they may share."""

from typing import Any

from fastmcp_rs._native import CacheOptions
from fastmcp_rs.auth.shared_store import SharedStore

__all__ = ["LOCAL_SECONDS", "AnswerOptions"]

# How long a worker uses an answer before it looks into the shared store.
LOCAL_SECONDS = 5.0


class AnswerOptions:
    """How answers are remembered.

    Attributes:
        native: What the native side needs of it.
        stale_seconds: How much longer an answer serves in an outage.
    """

    def __init__(
        self,
        cache_ttl_seconds: object,
        max_cache_size: object,
        stale_if_error_seconds: Any,  # noqa: ANN401 - checked here
        cache_store: Any,  # noqa: ANN401 - checked here
        cache_secret: object,
        cache_local_seconds: object,
    ) -> None:
        """Check them.

        Raises:
            ValueError: One is wrong; the text says what would be right.
        """
        if (cache_store is None) != (cache_secret is None):
            raise ValueError(
                "cache_store and cache_secret go together: the secret, of 32 bytes or more, is the same for all workers"
            )
        shared = cache_store is not None
        self.native = CacheOptions(
            cache_ttl_seconds, max_cache_size, stale_if_error_seconds, cache_local_seconds, shared=shared
        )
        self.stale_seconds: float = stale_if_error_seconds
        self._store = cache_store
        self._secret = cache_secret
        # Wrong options are an error when they are given, and not when the first verifier is made.
        self.shared("")

    def shared(self, scope: str) -> SharedStore | None:
        """The shared answers of an endpoint. ``scope`` separates them from those of other endpoints."""
        if self._store is None:
            return None
        return SharedStore(self._store, self._secret, scope, self.native.longest_seconds)
