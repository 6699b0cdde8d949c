"""What people and programs pass where something else is expected: kinds, empties and extremes, made anew each time."""

import asyncio
import functools
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

# What is big is made once, since to make it takes far longer than to refuse it; only what holds it is made anew.
HUGE_TEXT = "x" * 10_000_000
HUGE_OCTETS = HUGE_TEXT.encode()
NUMBERS = [str(number) for number in range(100_000)]
DEEP: dict[str, object] = {}
for _ in range(20_000):
    DEEP = {"a": DEEP}


class Text(str):
    """A text of a subclass, as enumerations and template libraries have them."""

    __slots__ = ()


class Octets(bytes):
    """Octets of a subclass."""

    __slots__ = ()


def _raises(*_args, **_kwargs):
    raise RuntimeError("this object is not ready")


class Raising:
    """A lazy object that is touched too early: whatever it is asked, it raises."""

    __getattr__ = __str__ = __repr__ = __iter__ = __len__ = __bool__ = __eq__ = __hash__ = _raises
    __index__ = __int__ = __float__ = __bytes__ = __fspath__ = __getitem__ = __contains__ = __call__ = _raises


class RaisingList(list):
    __slots__ = ()
    __iter__ = __len__ = __bool__ = __getitem__ = _raises


class RaisingDict(dict):
    __slots__ = ()
    __iter__ = __len__ = __bool__ = __getitem__ = items = keys = get = _raises


def _generator():
    yield "a"


async def _asynchronous():
    """Be awaited."""


def _within_itself():
    items = []
    items.append(items)
    return items


@functools.lru_cache(maxsize=8)
def _numbered(good):
    """Many texts, and a dict of them, to copy: most parameters have one of a few good texts."""
    items = [good + number for number in NUMBERS]
    return items, dict.fromkeys(items, good)


def values(good):
    """Make hostile values from a good text: functions by the names of what they give."""
    octets = good.encode()
    items, named = _numbered(good)
    texts = {
        "str": "",
        "spaces": " ",
        "white space": "\t\n",
        "NUL at its end": good + "\0",
        "NUL before it": "\0" + good,
        "surrogate": good + "\ud800",
        "surrogate alone": "\udcff",
        "line end": good + "\n",
        "carriage return": good + "\r\n",
        "BOM": "\ufeff" + good,
        "space before": " " + good,
        "space behind": good + " ",
        "no-break space": "\u00a0" + good,
        "zero width": good + "\u200b",
        "of a subclass": Text(good),
        "10 MB": HUGE_TEXT,
        "10 MB behind it": good + HUGE_TEXT,
        "the word no": "no",
        "the word true": "true",
        "digits": "10",
    }
    plain = {
        **{f"text: {name}": text for name, text in texts.items()},
        **_NUMBERS,
        "None": None,
        "True": True,
        "False": False,
        "no bytes": b"",
        "bytes": octets,
        "bytes of a subclass": Octets(octets),
        "bytes that are no text": b"\xff\xfe\x00",
        "10 MB of bytes": HUGE_OCTETS,
        "bytearray": bytearray(octets),
        "memoryview": memoryview(octets),
        "empty tuple": (),
        "empty frozenset": frozenset(),
        "tuple": (good,),
        "frozenset": frozenset([good]),
        "range": range(3),
        "object": object(),
        "class": dict,
        "function": _raises,
        "async function": _asynchronous,
        "path": Path("keys.pem"),
        "datetime": datetime(2030, 1, 1, tzinfo=timezone.utc),
        "Ellipsis": ...,
        "NotImplemented": NotImplemented,
    }
    made = {
        "generator": _generator,
        "raising object": Raising,
        "raising list": lambda: RaisingList([good]),
        "raising dict": lambda: RaisingDict({good: good}),
        "empty list": list,
        "empty set": set,
        "empty dict": dict,
        "list": lambda: [good],
        "set": lambda: {good},
        "dict": lambda: {good: good},
        "dict of a dict": lambda: {good: {}},
        "list of a number": lambda: [good, 1],
        "list of None": lambda: [None],
        "list of nothing": lambda: [""],
        "list of a space": lambda: [good, " "],
        "list of a line end": lambda: [good + "\n"],
        "list of padded": lambda: [" " + good],
        "list of a surrogate": lambda: [good + "\ud800"],
        "list of bytes": lambda: [octets],
        "list of a list": lambda: [[good]],
        "list of a huge text": lambda: [HUGE_TEXT],
        "list of a raising object": lambda: [Raising()],
        "list within itself": _within_itself,
        "deep dict": lambda: {"a": DEEP},
        "100,000 items": items.copy,
        "100,000 times one": lambda: [good] * len(NUMBERS),
        "dict of 100,000": named.copy,
        "coroutine": _asynchronous,
    }
    return {**{name: lambda value=value: value for name, value in plain.items()}, **made}


_NUMBERS = {
    **{str(number): number for number in (0, 1, -1, 1.5, -0.0, 1e308, 1j)},
    **{str(number): number for number in (float("nan"), float("inf"), -float("inf"))},
    "2**31": 2**31,
    "2**63": 2**63,
    "2**64": 2**64,
    "-2**63 - 1": -(2**63) - 1,
    "10**400": 10**400,
    # More digits than Python itself will show.
    "-10**5000": -(10**5000),
    "Decimal": Decimal(1),
    "Fraction": Fraction(1, 2),
}


def put_away(value):
    """Close what would warn if it were left open."""
    if asyncio.iscoroutine(value):
        value.close()
