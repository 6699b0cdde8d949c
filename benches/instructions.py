"""Count the instructions of the hot paths, and compare them with those that are recorded.

callgrind runs `instructions.rs` on a simulated processor, so the counts are the same however busy the machine is.
Counted are the functions that are written in Rust. Those of C are not: aws-lc and libc choose code by the processor
that they find, and so do base64, memchr and a part of jiter. What the code asks of libc shows in the number of
allocations, which is recorded too.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "target/release/examples/instructions"
RECORDED = ROOT / "benches/results/instructions.json"

# A smaller change is not reported.
TOLERATED = 0.05
# What Rust asks for memory. Calls of these are counted by caller, and only if it ran inside the path; those of malloc
# are one number, with all that were before the path.
ALLOCATING = {"__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"}

Counts = dict[str, dict[str, int]]


def counted() -> Counts:
    """Run the program, and give the instructions and allocations of one run of each path."""
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--toggle-collect=*::measured",
                "--dump-after=*::measured",
                # Names in full, so that a line says what it means.
                "--compress-strings=no",
                "--compress-pos=no",
                f"--callgrind-out-file={folder}/out",
                str(PROGRAM),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        paths = [line.split("\t") for line in ran.stdout.splitlines()]
        counts = {}
        for number, (times, name) in enumerate(paths, 1):
            dump = (Path(folder) / f"out.{number}").read_text()
            counts[name] = {what: round(count / int(times)) for what, count in read(dump).items()}
        return counts


def read(dump: str) -> dict[str, int]:
    """Read a dump of callgrind's (Callgrind Format Specification, version 1)."""
    totals = Counter(instructions=0, allocations=0)
    in_rust = is_call = False
    for line in dump.splitlines():
        if line.startswith("fn="):
            in_rust = is_rust(line[3:])
        elif line.startswith("cfn="):
            called = line[4:]
        elif line.startswith("calls="):
            if called.rsplit("::", 1)[-1] in ALLOCATING:
                totals["allocations"] += int(line[6:].split()[0])
            # The line after it is what the called function cost, which is counted there.
            is_call = True
        elif line[:1].isdigit():
            if in_rust and not is_call:
                totals["instructions"] += int(line.split()[1])
            is_call = False
    return dict(totals)


def is_rust(function: str) -> bool:
    """Whether a function is one of Rust's, whose names are paths, and the same on every processor."""
    return "::" in function and not re.match("<?(memchr|jiter::simd|base64)::", function)


def main() -> int:
    """Count, and compare or record. Returns 1 if something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the counts down, to compare with from now on")
    options = parser.parse_args()
    now = counted()
    if options.record:
        RECORDED.write_text(json.dumps(now, indent=2) + "\n")
    before: Counts = json.loads(RECORDED.read_text())
    if before.keys() != now.keys():
        print("The paths are not those that are recorded: run make bench-instructions BENCH_ARGS=--record")
        return 1
    print(f"{'for one token':<24}{'instructions':>14}{'recorded':>10}{'allocations':>13}{'recorded':>10}")
    grew = False
    for name, counts in now.items():
        ratios = [counts[what] / (before[name][what] or 1) for what in ("instructions", "allocations")]
        mark = "   <- GREW" if max(ratios) > 1 + TOLERATED else ""
        grew = grew or bool(mark)
        columns = f"{counts['instructions']:>14}{before[name]['instructions']:>10}"
        print(f"{name:<24}{columns}{counts['allocations']:>13}{before[name]['allocations']:>10}{mark}")
    return int(grew)


if __name__ == "__main__":
    sys.exit(main())
