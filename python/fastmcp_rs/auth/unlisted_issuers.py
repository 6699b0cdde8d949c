"""Issuers that are not listed, but may be allowed by an operator's callable."""

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastmcp_rs.logs import get_logger

__all__ = ["AllowIssuer", "UnlistedIssuers"]

AllowIssuer = Callable[[str], bool | Mapping[str, Any]]

_logger = get_logger("issuers")

# The most issuers that a callable may allow, and the most refused names that are remembered.
_MOST = 1000
_ASKED_AGAIN_SECONDS = 60.0
# The name comes from a token that anyone may have written, so its length is bounded.
_LONGEST_NAME = 2048


class UnlistedIssuers:
    """Asks a callable about issuers that are not listed, about each name at most once a minute."""

    def __init__(self, allow: AllowIssuer, add: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Take the callable, and a function that trusts an issuer with the parameters that it is given.

        Raises:
            ValueError: It cannot be called, or its answer would have to be awaited.
        """
        given: object = allow
        if not callable(given) or inspect.iscoroutinefunction(given):
            raise ValueError(
                "unlisted_issuers must be a function that takes an issuer and gives True, False or a dict of "
                "parameters, and not an asynchronous one: its answer is needed at once"
            )
        self._allow, self._add = allow, add
        self._asked: dict[str, float] = {}
        self._allowed = 0

    def admits(self, issuer: str) -> bool:
        """Whether an issuer that is not listed is trusted from now on. It never raises."""
        now = time.monotonic()
        asked = self._asked.pop(issuer, None)
        if len(issuer) > _LONGEST_NAME or self._allowed >= _MOST:
            return False
        if asked is not None and now - asked < _ASKED_AGAIN_SECONDS:
            self._asked[issuer] = asked
            return False
        # Noted before the answer is there, so that other threads do not ask meanwhile.
        self._asked[issuer] = now
        if len(self._asked) > _MOST:
            self._asked.pop(next(iter(self._asked)), None)
        parameters = self._answer(issuer)
        if parameters is None:
            return False
        try:
            self._add(issuer, parameters)
        except ValueError as error:
            _logger.warning("the issuer %r is allowed by unlisted_issuers, and cannot be trusted: %s", issuer, error)
            return False
        self._allowed += 1
        self._asked.pop(issuer, None)
        if self._allowed == _MOST:
            _logger.warning("unlisted_issuers allowed %d issuers, and no further one is trusted", _MOST)
        return True

    def _answer(self, issuer: str) -> Mapping[str, Any] | None:
        """The parameters of an issuer that is allowed."""
        try:
            answer: object = self._allow(issuer)
        except Exception:
            _logger.exception("unlisted_issuers raised, so the issuer is not trusted")
            return None
        if answer is True:
            return {}
        return answer if isinstance(answer, Mapping) else None
