"""What ours costs beside time: the import, the size of the wheel, and the memory of tokens that are remembered."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results import ROOT, environment, write

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.comparison import demands_of, typical

# Prints the seconds that an import takes once FastMCP is imported.
IMPORT = """
import gc, time
import fastmcp, fastmcp.server.auth, fastmcp.server.auth.providers.jwt
# A garbage collection walks over all that FastMCP has imported, and would be counted for the import that runs then.
gc.disable()
start = time.perf_counter()
from fastmcp_rs.auth import JWTVerifier
print(time.perf_counter() - start)
"""
CACHED = 10_000


def import_ms(runs: int) -> float:
    """Give the median time of `import fastmcp_rs.auth` beyond that of FastMCP's own verifier, in milliseconds.

    Python has compiled both before, as it has at each start of a server but the first. Where the environment forbids it
    to keep what it compiled, most of the time would be the compiler's.
    """
    seconds = []
    with tempfile.TemporaryDirectory() as compiled:
        # An empty text is as if it were not set.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        command = [sys.executable, "-c", IMPORT]
        for _ in range(runs + 1):
            ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            seconds.append(float(ran.stdout))
    return statistics.median(seconds[1:]) * 1000


def wheel_mb() -> float | None:
    """Give the size of the wheel that is measured, in megabytes."""
    (wheel,) = (ROOT / "target/bench/wheels").glob("*.whl")
    return wheel.stat().st_size / 1e6


def resident_bytes() -> int:
    """Give the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def cache_mb() -> tuple[float, int]:
    """Give what this process grows by while a full cache of typical tokens is filled, in megabytes, and its entries."""
    # A secret signs quickly, and a token takes the same memory under each key.
    demands = demands_of("HS256")
    verifier = JWTVerifier(public_key=demands.keys.public_key, algorithm="HS256", audience=demands.audience)
    plain = JWTVerifier(public_key=demands.keys.public_key, algorithm="HS256", audience=demands.audience, cache_size=0)
    for asked in (plain, plain, verifier):
        before = resident_bytes()
        for _ in range(CACHED):
            token = typical(demands)
            # A token with a MAC is remembered the second time.
            for _ in range(2):
                if await asked.verify_token(token) is None:
                    raise SystemExit("a good token was refused")
        grown = resident_bytes() - before
    return grown / 1e6, verifier.stats()["cache"]["entries"]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="imports (default: %(default)s)")
    options = parser.parse_args()
    grown, entries = asyncio.run(cache_mb())
    sizes: dict[str, Any] = {
        "import_ms": round(import_ms(options.runs), 1),
        "wheel_mb": round(wheel_mb() or 0, 2),
        "cached_tokens": entries,
        "cache_mb": round(grown, 1),
    }
    print(json.dumps(sizes, indent=1))
    write("footprint", {**environment(), **sizes})


if __name__ == "__main__":
    main()
