"""Logs the begin and the end of an outage in which expired answers serve."""

from fastmcp_rs.logs import get_logger

__all__ = ["OutageLog"]

_logger = get_logger("auth")


class OutageLog:
    """Writes one record at the begin of an outage and one at its end."""

    def __init__(self, verifier: str, stale_seconds: float) -> None:
        self._verifier = verifier
        self._stale_seconds = stale_seconds
        self._serves_stale = False

    def note(self, *, serves_stale: bool) -> None:
        """Note whether expired answers serve."""
        if serves_stale == self._serves_stale:
            return
        self._serves_stale = serves_stale
        if serves_stale:
            _logger.warning(
                "%s: the endpoint is out of reach, and tokens are accepted by what it answered before, for %g s longer "
                "than otherwise (stale_if_error_seconds)",
                self._verifier,
                self._stale_seconds,
            )
        else:
            _logger.warning("%s: the endpoint answers again, and no token is accepted by an old answer", self._verifier)
