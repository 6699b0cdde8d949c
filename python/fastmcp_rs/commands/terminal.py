"""Text for whatever stands behind an output stream: a terminal that obeys escape codes, a pipe, a log."""

import json
import os
import unicodedata
from typing import TextIO

__all__ = ["Style", "shown", "tame"]

_LONGEST_SHOWN = 160
_GREEN, _RED, _YELLOW, _BOLD = "32", "31", "33", "1"
_MARKS = {"passed": ("✓", "+", _GREEN), "failed": ("✗", "x", _RED), "unavailable": ("?", "?", _YELLOW)}


class Style:
    """How to mark text on a stream. Escape codes go to a terminal only, and not to one that asks for none."""

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


def shown(value: object) -> str:
    """A JSON value on one line, tame."""
    return tame(json.dumps(value, ensure_ascii=False))


def tame(text: str) -> str:
    """Somebody else's text on one line, cut, with what is not printable escaped."""
    tamed = ""
    for i, c in enumerate(text):
        if len(tamed) >= _LONGEST_SHOWN:
            return f"{tamed}... ({len(text) - i} characters more)"
        plain = c.isprintable() and not unicodedata.combining(c)
        tamed += c if plain else c.encode("unicode-escape", "surrogatepass").decode("ascii")
    return tamed
