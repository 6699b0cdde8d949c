"""Limits the rate of repeated log records."""

import time
from collections.abc import Callable

__all__ = ["LogRateLimiter"]


class LogRateLimiter:
    """Admits a bounded number of records of each kind a second, and counts those that it omits."""

    def __init__(self, most_a_second: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_a_second
        self._clock = clock
        # Of each kind: the current second, how many records it has had, and how many were omitted since the last one.
        self._kinds: dict[str | None, tuple[int, int, int]] = {}

    def admit(self, kind: str | None, weight: int = 1) -> int | None:
        """Decide whether a record is written.

        Args:
            kind: What it tells of.
            weight: How many records it counts for.

        Returns:
            How many records of its kind were omitted since the last one, or ``None`` if this one is omitted.
        """
        now = int(self._clock())
        second, admitted, omitted = self._kinds.get(kind, (now, 0, 0))
        if second != now:
            admitted = 0
        if admitted >= self._most:
            self._kinds[kind] = (now, admitted, omitted + 1)
            return None
        self._kinds[kind] = (now, admitted + weight, 0)
        return omitted
