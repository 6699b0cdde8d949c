"""``fastmcp-rs bench``: what verification costs here, beside FastMCP and the JWT libraries that are installed."""

import argparse
import asyncio
import logging
import platform
import warnings
from pathlib import Path

from fastmcp_rs import host
from fastmcp_rs.commands.chart import Bar, chart
from fastmcp_rs.commands.comparison import CASES, SIGNATURE_ALONE, Timings, compare, demands_of, timers_of
from fastmcp_rs.commands.subjects import OURS, OURS_WITHOUT_CACHE

__all__ = ["run"]

_TOKENS = 20


def run(options: argparse.Namespace) -> int:
    """Compare and print; the exit code is 0.

    Raises:
        ValueError: The options cannot work; the text says what would.
        RuntimeError: A verifier gave the wrong answer to a token.
    """
    if options.rounds < 1:
        raise ValueError("--rounds must be at least 1")
    # Refusals are to be timed without whatever the log is connected to.
    for name in ("fastmcp", "fastmcp_rs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # What other libraries say of their own future is not for whoever compares them; authlib undoes a filter for it.
    with warnings.catch_warnings(record=True):
        found = asyncio.run(_measured(options.algorithm, options.rounds))
    print("\n".join(_table(options.algorithm, options.rounds, found)))
    if options.svg is not None:
        groups = [(f"{name}, {options.algorithm}", _bars(timings)) for name, timings in found.items()]
        try:
            Path(options.svg).write_text(chart(f"Microseconds for a token, {options.algorithm}", groups), "utf-8")
        except OSError as error:
            raise ValueError(f"the file of --svg cannot be written: {error.strerror}") from None
        print(f"\nThe chart is in {options.svg}")
    return 0


async def _measured(algorithm: str, rounds: int) -> dict[str, Timings]:
    demands = demands_of(algorithm)
    timers = timers_of(demands)
    return {case.name: await compare(case, demands, timers, rounds, _TOKENS) for case in CASES}


def _table(algorithm: str, rounds: int, found: dict[str, Timings]) -> list[str]:
    setting = f"{algorithm}, CPython {platform.python_version()}, FastMCP {host.fastmcp().__version__}"
    lines = [
        f"Microseconds from a token to FastMCP's AccessToken, or to its refusal: {setting}.",
        f"Medians of {rounds} rounds of {_TOKENS} tokens, turn about; in brackets, how many times as long as {OURS}.",
    ]
    for case, timings in found.items():
        lines += ["", case]
        for name in _ordered(timings):
            ratio = "" if name == OURS else f"  ({timings.ratio(name, OURS):.1f})"
            lines.append(f"  {name:36}{timings.median(name):9.1f}{ratio}")
    return lines


def _ordered(timings: Timings) -> list[str]:
    return sorted(timings.rounds, key=timings.median)


def _bars(timings: Timings) -> list[Bar]:
    kinds = {OURS: "ours", OURS_WITHOUT_CACHE: "ours", SIGNATURE_ALONE: "floor"}
    return [
        Bar(name, timings.median(name), f"{timings.median(name):.1f} us", kinds.get(name, "bar"))
        for name in _ordered(timings)
    ]
