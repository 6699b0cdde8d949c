"""Text for an output stream: a terminal that interprets escape codes, a pipe or a log."""

import json
import os
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Style", "sanitize", "shown", "waiting"]

_LONGEST_SHOWN = 160
_WAIT_SECONDS = 1.0
_GREEN, _RED, _YELLOW, _BOLD = "32", "31", "33", "1"
_MARKS = {
    "passed": ("✓", "+", _GREEN),
    "failed": ("✗", "x", _RED),
    "unavailable": ("?", "?", _YELLOW),
    "advice": ("!", "!", _YELLOW),
}


class Style:
    """Marks text with colours and symbols, for terminals that show them (``NO_COLOR``, ``TERM`` and the encoding)."""

    def __init__(self, stream: TextIO) -> None:
        """Find out what the stream can show.

        Args:
            stream: Where the text goes.
        """
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
        self._colour = stream.isatty() and not plain
        try:
            "✓✗·".encode(stream.encoding or "ascii")
            self._unicode = True
        except (UnicodeEncodeError, LookupError):
            self._unicode = False

    def headline(self, text: str, result: str) -> str:
        """The text, bold and in the colour of the result."""
        return self._escaped(text, f"{_BOLD};{_MARKS[result][2]}")

    def title(self, text: str) -> str:
        """The text, bold."""
        return self._escaped(text, _BOLD)

    def mark(self, result: str) -> str:
        """One character for a result of a check."""
        if result not in _MARKS:
            return "·" if self._unicode else "-"
        mark, simple, colour = _MARKS[result]
        return self._escaped(mark if self._unicode else simple, colour)

    def _escaped(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text


@contextmanager
def waiting(command: str, what: str) -> Iterator[None]:
    """Write to standard error, if it is a terminal, what the program waits for, after one second."""
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield
        return
    text = f"fastmcp-rs {command}: {sanitize(what)} ...\n"
    timer = threading.Timer(_WAIT_SECONDS, stream.write, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def shown(value: object) -> str:
    """A JSON value on one line, safe to print."""
    return sanitize(json.dumps(value, ensure_ascii=False))


def sanitize(text: str, longest: int = _LONGEST_SHOWN) -> str:
    """Untrusted text on one line, shortened, with escapes for characters that are not printable."""
    clean = ""
    for i, c in enumerate(text):
        if len(clean) >= longest:
            return f"{clean}... ({len(text) - i} characters more)"
        plain = c.isprintable() and not unicodedata.combining(c)
        clean += c if plain else c.encode("unicode-escape", "surrogatepass").decode("ascii")
    return clean
