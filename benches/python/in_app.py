"""What auth adds to a request in a FastMCP server, in CPU time of the process.

The same server stands there without auth, behind FastMCP's verifier and behind ours, and behind one that looks at
nothing and returns the same claims, in one process and one event loop. Batches of requests alternate between them in an
order that is drawn anew each time, and each batch is compared with the ones next to it without auth and without a look.
Requests come straight to the ASGI app, so that no network is measured.
"""

import argparse
import asyncio
import gc
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from apps import CREDULOUS, WITHOUT_AUTH, App, Credulous, application, call, check_user, serving, verifiers
from results import environment, interval, quiet, write
from unknown_kids import endpoint, flood_of

from fastmcp_rs.cli.bench.comparison import CASES, demands_of, typical
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE, Demands

# Refusals take so little in an app that fewer batches tell as much.
MOST_OF_REFUSALS = 200
OK, UNAUTHORIZED = 200, 401


Make = Callable[[Demands], str]


async def batch(app: App, tokens: list[str | None], status: int) -> float:
    """Send requests, and give the CPU time of one in microseconds."""
    start = time.process_time_ns()
    answers = [await call(app, token) for token in tokens]
    elapsed = time.process_time_ns() - start
    if any(got != status or (status == OK and b'"3"' not in body) for got, body in answers):
        raise SystemExit(f"a request was answered with {answers[0][0]}, not with {status}")
    return elapsed / len(tokens) / 1000


def makers() -> dict[str, Make]:
    """Give for each kind of request a function that makes a token."""
    by_name = {case.name: case.make for case in CASES}
    return {
        "accepted, new": typical,
        "accepted, seen before": typical,
        "garbage": by_name["refused: garbage"],
        "unknown key": lambda demands: flood_of(typical(demands), 1)[0],
        "bad signature": by_name["refused: bad signature"],
        "expired": by_name["refused: expired"],
    }


async def measure(batches: int, size: int, kinds: list[str]) -> dict[str, Any]:
    """Measure these kinds of request."""
    demands = demands_of("RS256")
    with endpoint([demands.keys.jwk("2027-01")]) as (url, _):
        known = typical(demands)
        apps = {WITHOUT_AUTH: application(None), CREDULOUS: application(Credulous(known, [demands.scope]))}
        wanted = {"issuer": demands.issuer, "audience": demands.audience, "scope": demands.scope}
        apps |= {name: application(verifier) for name, verifier in verifiers(jwks_uri=url, **wanted).items()}
        async with serving(apps):
            for name, app in apps.items():
                if name != WITHOUT_AUTH:
                    await check_user(app, known)
            made = makers()
            return {kind: await measure_kind(kind, demands, made[kind], apps, batches, size) for kind in kinds}


async def measure_kind(
    kind: str, demands: Demands, make: Make, apps: dict[str, App], batches: int, size: int
) -> dict[str, Any]:
    """Measure one kind of request: what it costs, and what that is beyond the base."""
    accepted = kind.startswith("accepted")
    # The base of a refusal is the 401 of FastMCP's own verifier to a request without a token.
    base = WITHOUT_AUTH if accepted else "401 without a token"
    status = OK if accepted else UNAUTHORIZED
    names = list(apps) if accepted else [base, FASTMCP, OURS, OURS_WITHOUT_CACHE]
    tokens = [make(demands) for _ in range(size)]
    costs: dict[str, list[float]] = {name: [] for name in names}
    drawn = random.Random(kind)  # noqa: S311 - as above
    for number in range(-3, batches if accepted else min(batches, MOST_OF_REFUSALS)):
        if kind != "accepted, seen before":
            tokens = [make(demands) for _ in range(size)]
        drawn.shuffle(names)
        gc.collect()
        for name in names:
            app = apps[FASTMCP if name == base and not accepted else name]
            cost = await batch(app, [None] * size if name == base else list(tokens), status)
            # The first batches warm up.
            if number >= 0:
                costs[name].append(cost)
    by_kind: dict[str, Any] = {"base": base}
    for name, values in costs.items():
        added = [value - zero for value, zero in zip(values, costs[base], strict=True)]
        by_kind[name] = {"cpu_us": round(statistics.median(values), 1)}
        if name != base:
            by_kind[name] |= {"added_us": round(statistics.median(added), 1), "interval_us": interval(added)}
        if accepted and name not in {base, CREDULOUS}:
            over = [value - least for value, least in zip(values, costs[CREDULOUS], strict=True)]
            by_kind[name] |= {
                "over_credulous_us": round(statistics.median(over), 1),
                "over_interval_us": interval(over),
            }
    return by_kind


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=1500, help="alternated batches (default: %(default)s)")
    parser.add_argument("--size", type=int, default=5, help="requests in a batch (default: %(default)s)")
    kinds = list(makers())
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="kinds of request (default: all)")
    options = parser.parse_args()
    quiet()
    load = round(os.getloadavg()[0], 1)
    gc.freeze()
    by_kind = asyncio.run(measure(options.batches, options.size, options.kinds))
    for kind, columns in by_kind.items():
        print(kind)
        for name, numbers in columns.items():
            if name != "base":
                low, high = numbers.get("interval_us", ("", ""))
                added = f"added {numbers.get('added_us', '-'):>7} [{low}, {high}]"
                over = ""
                if "over_credulous_us" in numbers:
                    over = f"   over {CREDULOUS} {numbers['over_credulous_us']:>6} {numbers['over_interval_us']}"
                print(f"  {name:<34}{numbers['cpu_us']:>9} us of CPU   {added}{over}")
    setting = {"load": load, "batches": options.batches, "size": options.size}
    if options.kinds == kinds:
        write("in_app", {**environment(), **setting, "kinds": by_kind})


if __name__ == "__main__":
    main()
