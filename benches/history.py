"""Keep the recorded instructions as those of the version at hand, and draw those of every release.

The recorded counts are those that CI holds each change against, so a release has them whatever machine it is made on.
"""

import json
import re
import sys
from pathlib import Path

from fastmcp_rs.cli.bench.chart import Bar, chart

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "benches/results/instructions.json"
HISTORY = ROOT / "benches/results/instructions-history.json"
PICTURE = ROOT / "benches/results/instructions-history.svg"

# The counts of each path, by release, the oldest first.
Releases = dict[str, dict[str, dict[str, int]]]


def drawn(releases: Releases) -> str:
    """Draw the instructions of each path, release by release."""
    latest = list(releases)[-1]
    paths = list(dict.fromkeys(path for counts in releases.values() for path in counts))
    groups = []
    for path in paths:
        numbers = {version: counts[path]["instructions"] for version, counts in releases.items() if path in counts}
        bars = [Bar(it, count, f"{count:,}", "ours" if it == latest else "bar") for it, count in numbers.items()]
        groups.append((path, bars))
    return chart("Instructions for one token, of each release", groups)


def main() -> int:
    """Keep and draw."""
    found = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), flags=re.MULTILINE)
    if found is None:
        sys.exit("Cargo.toml has no version")
    releases: Releases = json.loads(HISTORY.read_text()) if HISTORY.exists() else {}
    releases[found[1]] = json.loads(RECORDED.read_text())
    HISTORY.write_text(json.dumps(releases, indent=2) + "\n")
    PICTURE.write_text(drawn(releases))
    print(f"kept for {', '.join(releases)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
