"""How much is written of what happens again and again."""

import time
from collections.abc import Callable

__all__ = ["Limiter"]


class Limiter:
    """Lets so many events of a kind through in each second, and counts the others."""

    def __init__(self, most_a_second: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_a_second
        self._clock = clock
        # Of each kind: the second, how many were let through in it, and how many were not since the last that was.
        self._kinds: dict[str | None, tuple[int, int, int]] = {}

    def admit(self, kind: str | None) -> int | None:
        """Let an event through, or not.

        Returns:
            How many of its kind were left out since the last one, or ``None`` if it is to be left out itself.
        """
        now = int(self._clock())
        second, admitted, omitted = self._kinds.get(kind, (now, 0, 0))
        if second != now:
            admitted = 0
        if admitted >= self._most:
            self._kinds[kind] = (now, admitted, omitted + 1)
            return None
        self._kinds[kind] = (now, admitted + 1, 0)
        return omitted
