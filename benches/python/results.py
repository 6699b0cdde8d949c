"""Where results are kept, and what they say of the machine that they come from."""

import json
import logging
import os
import platform
import random
import re
import statistics
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "ROOT", "environment", "interval", "quiet", "write"]

ROOT = Path(__file__).parents[2]
RESULTS = Path(os.environ.get("FASTMCP_RS_RESULTS", ROOT / "benches/results"))
RESAMPLES = 2000


def environment() -> dict[str, Any]:
    """Tell what was measured, and on what."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "fastmcp": version("fastmcp"),
        "fastmcp_rs": version("fastmcp-rs"),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def quiet() -> None:
    """Switch the logs off, which would time the terminal."""
    for name in ("fastmcp", "fastmcp_rs", "mcp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def interval(values: list[float], digits: int = 1) -> list[float]:
    """Give the 95 % interval of the median, by bootstrap."""
    drawn = random.Random(0)  # noqa: S311 - nothing is secret here
    medians = sorted(statistics.median(drawn.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return [round(medians[RESAMPLES * part // 1000], digits) for part in (25, 975)]


def write(name: str, result: dict[str, Any]) -> None:
    """Keep a result."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor()
