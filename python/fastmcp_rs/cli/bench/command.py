"""``fastmcp-rs bench``: what verification costs here, beside FastMCP and the JWT libraries that are installed."""

import argparse
import asyncio
import json
import logging
import platform
import warnings
from pathlib import Path

from fastmcp_rs import _compat
from fastmcp_rs.cli.bench.chart import Bar, chart
from fastmcp_rs.cli.bench.comparison import CASES, SIGNATURE_ALONE, Timings, compare, demands_of, timers_of
from fastmcp_rs.cli.bench.contenders import OURS, OURS_WITHOUT_CACHE
from fastmcp_rs.cli.terminal import waiting
from fastmcp_rs.types import SigningAlgorithm

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
    # Refusals are timed without the handlers of the log.
    for name in ("fastmcp", "fastmcp_rs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Deprecation warnings of other libraries are no result of a comparison; authlib resets a filter for them.
    with warnings.catch_warnings(record=True):
        found = asyncio.run(_measured(options.algorithm, options.rounds))
    if options.json:
        print(json.dumps(_to_dict(options.algorithm, options.rounds, found), indent=2))
    else:
        print("\n".join(_table(options.algorithm, options.rounds, found)))
    if options.svg is not None:
        groups = [(f"{name}, {options.algorithm}", _bars(timings)) for name, timings in found.items()]
        try:
            Path(options.svg).write_text(chart(f"Microseconds for a token, {options.algorithm}", groups), "utf-8")
        except OSError as error:
            raise ValueError(f"the file of --svg cannot be written: {error.strerror}") from None
        if not options.json:
            print(f"\nThe chart is in {options.svg}")
    return 0


async def _measured(algorithm: SigningAlgorithm, rounds: int) -> dict[str, Timings]:
    demands = demands_of(algorithm)
    timers = timers_of(demands)
    found = {}
    for number, case in enumerate(CASES, start=1):
        with waiting("bench", f"{number} of {len(CASES)}: {case.name}"):
            found[case.name] = await compare(case, demands, timers, rounds, _TOKENS)
    return found


def _to_dict(algorithm: str, rounds: int, found: dict[str, Timings]) -> dict[str, object]:
    return {
        "algorithm": algorithm,
        "python": platform.python_version(),
        "fastmcp": _compat.fastmcp().__version__,
        "rounds": rounds,
        "tokens_a_round": _TOKENS,
        "cases": {
            case: {
                name: {"median_us": timings.median(name), "times_ours": timings.ratio(name, OURS)}
                for name in _ordered(timings)
            }
            for case, timings in found.items()
        },
    }


def _table(algorithm: str, rounds: int, found: dict[str, Timings]) -> list[str]:
    setting = f"{algorithm}, CPython {platform.python_version()}, FastMCP {_compat.fastmcp().__version__}"
    lines = [
        f"Microseconds from a token to FastMCP's AccessToken, or to its refusal: {setting}.",
        f"Medians of {rounds} rounds of {_TOKENS} tokens, in turns; in brackets, how many times as long as {OURS}.",
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
