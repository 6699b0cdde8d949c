"""Decodes tokens natively where FastMCP calls a library: parses, checks the signature, decodes the claims.

The library is not called for a token that is valid here, has a form that all libraries read alike, and is signed with a
key under which the library has accepted a token before. It is called for every other token, and its errors are raised.

A token that the library refused under the same key before is refused with the same error, since what a library decodes
depends on nothing else. Where verifiers are tried in turn, as in a ``MultiAuth``, good tokens are refused by those that
come before their own.
"""

import hashlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs._native import LibraryKey
from fastmcp_rs.logs import get_logger

__all__ = ["NativeDecoder", "limiter", "logger"]

logger = get_logger("install")

# How many keys are kept: more than the verifiers of a server use at a time.
_MOST_KEYS = 256
# How many refusals of the library are remembered for each key, by the digest of the token.
_MOST_REFUSED = 1000

limiter = LogRateLimiter()

_Answer = TypeVar("_Answer")


class _Key:
    """A key that FastMCP gives its library, and the native key of the same text."""

    def __init__(self, given: object, adopted: LibraryKey | None) -> None:
        # Keeps the object alive, since its id is the key of the look-up and must not be reused.
        self.given = given
        self.adopted = adopted
        self.accepted_by_library = False
        self._refused: dict[bytes, Exception] = {}

    def raise_if_refused(self, token: object, *, only_registered: bool) -> None:
        """Raise the library's error if it refused the token before."""
        error = self._refused.get(_digest(token, only_registered)) if self._refused and isinstance(token, str) else None
        if error is not None:
            raise _like(error)

    def remember_refusal(self, token: object, error: Exception, lock: threading.Lock, *, only_registered: bool) -> None:
        """Remember the library's error for a token, if it can be made again from texts."""
        if isinstance(token, str) and all(
            value is None or isinstance(value, str) for value in (*error.args, *vars(error).values())
        ):
            with lock:
                if len(self._refused) >= _MOST_REFUSED:
                    del self._refused[next(iter(self._refused))]
                self._refused[_digest(token, only_registered)] = _like(error)


def _digest(token: str, only_registered: bool) -> bytes:  # noqa: FBT001 - a part of what is digested
    return hashlib.sha256(token.encode("utf-8", "surrogatepass") + bytes([only_registered])).digest()


def _like(error: Exception) -> Exception:
    """Make an equal error without the traceback, which would keep the token alive."""
    made = type(error).__new__(type(error), *error.args)
    vars(made).update(vars(error))
    return made


class NativeDecoder:
    """Decodes tokens instead of a library.

    Attributes:
        strict: Whether tokens are refused that the library accepts and the RFCs do not; ``None`` while not in use.
    """

    def __init__(self) -> None:
        self.strict: bool | None = None
        self._keys: dict[tuple[object, str], _Key] = {}
        self._lock = threading.Lock()

    def forget_keys(self) -> None:
        """Drop all keys, secrets among them."""
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
        error_class: type[Exception],
    ) -> _Answer:
        """Decode a token under a key.

        Args:
            token: The token, if it is a str.
            key: The key, as FastMCP gives it to the library.
            algorithms: The algorithms that FastMCP has the library accept.
            only_registered: Whether the library refuses header parameters that RFC 7515 does not name.
            text_of: Gives the text of a key object of the library's; ``None`` if it has none.
            make: Makes the library's result from a header and claims.
            ask_library: Has the library decode the token; its exceptions are not caught.
            error_class: The library's errors for tokens that it refuses. One is raised where only this decoder refuses.

        Returns:
            The library's result, or an equal one.
        """
        strict = self.strict
        found = None if strict is None else self._find(key, algorithms, text_of)
        if found is None or found.adopted is None:
            return ask_library()
        found.raise_if_refused(token, only_registered=only_registered)
        result = found.adopted.decode(token, only_registered)
        decoded = None if isinstance(result, str) else result
        if decoded is not None and found.accepted_by_library:
            return make(*decoded)
        try:
            answer = ask_library()
        except error_class as refusal:
            if isinstance(result, str):
                found.remember_refusal(token, refusal, self._lock, only_registered=only_registered)
            raise
        if decoded is not None:
            found.accepted_by_library = True
        if isinstance(result, str) and strict:
            _report(result, found.adopted.unsound)
            raise error_class(result)
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


def _adopt(text: str | bytes, algorithm: str) -> LibraryKey | None:
    try:
        return LibraryKey.read(text, algorithm)
    except ValueError:
        # The text is not Unicode.
        return None
