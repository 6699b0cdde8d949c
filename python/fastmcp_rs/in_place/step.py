"""The native step: parses a token, checks its signature and decodes its claims, where FastMCP has a library do it.

FastMCP's library has the last word. It is not asked about a token that is good here, of a form that all libraries read
alike, under a key with which it has accepted a token before. It is asked about every other, so that its errors are its
own.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp_rs._native import AdoptedKey
from fastmcp_rs.auth.limiter import Limiter

__all__ = ["NativeStep", "limiter", "logger"]

logger = logging.getLogger("fastmcp_rs.install")

# How many keys are kept: more than the verifiers of any server have at a time.
_MOST_KEYS = 256

limiter = Limiter()

_Answer = TypeVar("_Answer")


class _Key:
    """A key of the library's, as it was adopted."""

    def __init__(self, given: object, adopted: AdoptedKey | None) -> None:
        # Held, so that the identity under which it is found stays its own.
        self.given = given
        self.adopted = adopted
        self.accepted_by_library = False


class NativeStep:
    """Decodes tokens for a library.

    Attributes:
        strict: Whether what the library accepts and the RFCs do not is refused; ``None`` while nothing is done here.
    """

    def __init__(self) -> None:
        self.strict: bool | None = None
        self._keys: dict[tuple[object, str], _Key] = {}
        self._lock = threading.Lock()

    def forget_keys(self) -> None:
        """Let go of all keys, secrets among them."""
        with self._lock:
            self._keys.clear()

    def decode(
        self,
        token: object,
        key: object,
        algorithms: object,
        *,
        only_registered: bool,
        text_of: Callable[[Any], str | bytes | None],
        make: Callable[[dict[str, Any], dict[str, Any]], _Answer],
        ask_library: Callable[[], _Answer],
        error: Callable[[str], Exception],
    ) -> _Answer:
        """Decode a token under a key.

        Args:
            token: The token, if it is a str.
            key: The key, as the library is given it.
            algorithms: The algorithms that the library is to accept.
            only_registered: Whether the library refuses header parameters that RFC 7515 does not name.
            text_of: Gives the text of a key that is an object of the library's, ``None`` if it has none.
            make: Makes the library's answer of a header and claims.
            ask_library: Has the library decode the token; what it raises is raised here.
            error: Makes the library's error for a token that it would have accepted.

        Returns:
            The library's answer, or its equal.
        """
        strict = self.strict
        found = None if strict is None else self._find(key, algorithms, text_of)
        if found is None or found.adopted is None:
            return ask_library()
        verdict = found.adopted.decode(token, only_registered)
        decoded = None if isinstance(verdict, str) else verdict
        if decoded is not None and found.accepted_by_library:
            return make(*decoded)
        answer = ask_library()
        if decoded is not None:
            found.accepted_by_library = True
        if isinstance(verdict, str) and strict:
            _report(verdict, found.adopted.unsound)
            raise error(verdict)
        return answer

    def _find(self, key: object, algorithms: object, text_of: Callable[[Any], str | bytes | None]) -> _Key | None:
        if not isinstance(algorithms, list) or len(algorithms) != 1 or not isinstance(algorithms[0], str):
            return None
        is_text = isinstance(key, (str, bytes))
        place = (key if is_text else id(key), algorithms[0])
        found = self._keys.get(place)
        if found is None:
            text = key if isinstance(key, (str, bytes)) else text_of(key)
            found = _Key(key, None if text is None else _adopt(text, algorithms[0]))
            with self._lock:
                if len(self._keys) >= _MOST_KEYS:
                    del self._keys[next(iter(self._keys))]
                self._keys[place] = found
        return found


def _report(reason: str, unsound: str | None) -> None:
    omitted = limiter.admit(reason)
    if omitted is None:
        return
    logger.warning(
        "Bearer token rejected: FastMCP accepts it, and install() does not (%s); install(strict=False) would",
        reason if unsound is None else f"{reason}: {unsound}",
        extra={"reason": reason, "omitted": omitted},
    )


def _adopt(text: str | bytes, algorithm: str) -> AdoptedKey | None:
    try:
        return AdoptedKey.read(text, algorithm)
    except ValueError:
        # Text that is no Unicode.
        return None
