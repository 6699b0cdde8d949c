"""What a flood of bad tokens costs: lines in the log, memory, and the time of the users with good tokens.

Bad tokens of every kind and good ones come through one verifier and one event loop, as in a server. The log is written
by a handler of Python's own into a file that is thrown away.
"""

import argparse
import asyncio
import itertools
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from footprint import resident_bytes
from results import environment, write

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.comparison import CASES, demands_of, typical
from fastmcp_rs.cli.bench.contenders import Demands

# How many different tokens there are of each kind; beyond that they come again.
DIFFERENT = 200
# By how much the memory may grow while the flood is on.
MOST_MB = 5


def flood_of(demands: Demands) -> Iterator[str]:
    """Give bad tokens of every kind, in turn, without an end."""
    kinds = [case.make for case in CASES if not case.accepted]
    tokens = [make(demands) for _ in range(DIFFERENT) for make in kinds]
    # Each is unlike the others even where its kind has only one.
    return (token if "." in token else f"{token}-{number}" for number, token in enumerate(itertools.cycle(tokens)))


async def good_us(verifier: JWTVerifier, tokens: list[str], flood: Iterator[str] | None, bad_between: int) -> float:
    """Give the median time of a good token, with so many bad ones before each."""
    times = []
    for token in tokens:
        for bad in itertools.islice(flood or (), bad_between):
            if await verifier.verify_token(bad) is not None:
                raise SystemExit("a bad token was accepted")
        start = time.perf_counter()
        answer = await verifier.verify_token(token)
        times.append(time.perf_counter() - start)
        if answer is None:
            raise SystemExit("a good token was refused")
    return statistics.median(times) * 1e6


async def measure(bad: int, log: TextIO) -> dict[str, Any]:
    """Send the flood in parts, and before each part the good tokens alone, which are the same each time."""
    demands = demands_of("RS256")
    verifier = JWTVerifier(
        public_key=demands.keys.public_key, issuer=demands.issuer, audience=demands.audience, required_scopes=["read"]
    )
    flood = flood_of(demands)
    parts, between = 20, 10
    good = max(1, bad // parts // between)
    tokens = [typical(demands) for _ in range(good)]
    # By then bad tokens of every kind were sent, and what is allocated once is allocated. All records count.
    await good_us(verifier, tokens, flood, between)
    alone, beside = [], []
    memory = resident_bytes()
    start = time.perf_counter()
    for _ in range(parts):
        alone.append(await good_us(verifier, tokens, None, 0))
        beside.append(await good_us(verifier, tokens, flood, between))
    seconds = time.perf_counter() - start
    log.seek(0)
    return {
        "bad_tokens": parts * good * between,
        "seconds": round(seconds, 1),
        "log_lines": sum(1 for _ in log),
        "reasons": sum(1 for count in verifier.stats()["rejected"].values() if count),
        "memory_growth_mb": round((resident_bytes() - memory) / 1e6, 2),
        "good_alone_us": round(statistics.median(alone), 1),
        "good_beside_us": round(statistics.median(beside), 1),
        "beside_to_alone": round(statistics.median(b / a for a, b in zip(alone, beside, strict=True)), 2),
    }


def main() -> None:
    """Measure and report; end with an error if the log or the memory grew beyond bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bad", type=int, default=100_000, help="bad tokens (default: %(default)s)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryFile("w+") as log:
        handler = logging.StreamHandler(log)
        logging.getLogger("fastmcp_rs").addHandler(handler)
        logging.getLogger("fastmcp_rs").setLevel(logging.DEBUG)
        measured = asyncio.run(measure(options.bad, log))
    print(json.dumps(measured, indent=1))
    write("flood", {**environment(), **measured})
    # Ten a second of each reason (the limiter), in each second that was begun.
    most = 10 * measured["reasons"] * (measured["seconds"] + 2)
    if measured["log_lines"] > most:
        raise SystemExit(f"there are {measured['log_lines']} lines in the log, and at most {most:.0f} were to be there")
    if measured["memory_growth_mb"] > MOST_MB:
        raise SystemExit(f"the memory grew by more than {MOST_MB} MB")


if __name__ == "__main__":
    main()
