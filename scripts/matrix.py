"""Run the integration tests with each supported FastMCP line, with the built wheel, and those of configuration's edges.

Each combination of a FastMCP line and a Python version gets an environment of its own under
target/matrix, made of the line's locked requirements and the wheel. Two lines have no FastMCP and run
tests of their own: mcp-sdk has the MCP SDK alone, and bare has neither. Arguments that this script
does not know go to pytest.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import enum
import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from lines import LINES, NEWEST, NEWEST_FOR_OLDEST_PYTHON, OLDEST_PYTHON, Version

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
ENVIRONMENTS = ROOT / "target" / "matrix"
WHEELS = ROOT / "target" / "wheels"
FASTMCP_TESTS = "tests/integration/fastmcp"
WITHOUT_FASTMCP_TESTS = "tests/integration/without_fastmcp"
# These run wherever there is a Python.
ARGUMENT_TESTS = "tests/robustness/arguments"

# By the name of their environment; the Python that each needs.
WITHOUT_FASTMCP = {"mcp-sdk": OLDEST_PYTHON, "bare": OLDEST_PYTHON}
OLDEST_PYTHONS = {**{line.version: line.oldest_python for line in LINES}, **WITHOUT_FASTMCP}
MAIN_PYTHON: Version = (3, 11)
# Beside every line on the main Python: the newest line on newer Pythons, and the newest line that the
# oldest Python can have.
MORE_COMBINATIONS: tuple[tuple[str, Version], ...] = (
    (NEWEST.version, (3, 12)),
    (NEWEST.version, (3, 13)),
    (NEWEST_FOR_OLDEST_PYTHON.version, OLDEST_PYTHON),
)
# Each test has a time limit of its own; this one is for a step that hangs outside of any test. Since the combinations
# share the cores, each takes about as long as all of them.
STEP_SECONDS = 2400


class Failure(Exception):  # noqa: N818 - a combination that fails is a result, not an error of the script
    """A step failed; the message is everything that it printed."""


class Outcome(enum.Enum):
    """How a combination ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class Combination:
    """A FastMCP line, or an environment without FastMCP, on a Python version."""

    line: str
    python: Version

    @property
    def name(self) -> str:
        """The name of the combination's environment."""
        return f"{self.line}-py{dotted(self.python)}"

    @property
    def lock(self) -> Path:
        """The locked requirements of the combination's environment."""
        return REQUIREMENTS / (f"{self.line}.txt" if self.line in WITHOUT_FASTMCP else f"fastmcp-{self.line}.txt")

    @property
    def tests(self) -> tuple[str, str]:
        """The tests that belong to the line."""
        return (WITHOUT_FASTMCP_TESTS if self.line in WITHOUT_FASTMCP else FASTMCP_TESTS, ARGUMENT_TESTS)


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a combination."""

    combination: Combination
    outcome: Outcome
    note: str
    seconds: float = 0.0


def dotted(version: Version) -> str:
    """Write a version as people do."""
    return f"{version[0]}.{version[1]}"


def parse_version(text: str) -> Version:
    """Read a version such as 3.11."""
    major, _, minor = text.partition(".")
    try:
        return int(major), int(minor)
    except ValueError:
        message = f"not a Python version: {text!r}; write it as 3.11"
        raise argparse.ArgumentTypeError(message) from None


def parse_pythons(text: str) -> list[Version]:
    """Read a comma list of versions."""
    return [parse_version(part.strip()) for part in text.split(",") if part.strip()]


def parse_lines(text: str) -> list[str]:
    """Read a comma list of lines."""
    lines = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [line for line in lines if line not in OLDEST_PYTHONS]
    if unknown:
        message = f"no such line: {', '.join(unknown)}; there are {', '.join(OLDEST_PYTHONS)}"
        raise argparse.ArgumentTypeError(message)
    return lines


def answers_as(python: Path | str, version: Version) -> bool:
    """Tell whether an interpreter runs and is of this version: a shim may be there and fail."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=clean_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == dotted(version)


def find_python(version: Version) -> Path | None:
    """Find an interpreter of this version."""
    if sys.version_info[:2] == version:
        return Path(sys.executable)
    on_path = shutil.which(f"python{dotted(version)}")
    if on_path and answers_as(on_path, version):
        return Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for python in sorted(pyenv.glob(f"versions/{dotted(version)}*/bin/python")):
        if answers_as(python, version):
            return python
    return None


def find_uv() -> str:
    """Find uv, first beside the running Python."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        sys.exit("matrix: uv is neither beside this Python nor on PATH; run it as `make matrix`")
    return uv


def newest_wheel() -> Path:
    """Find the wheel that was built last."""
    wheels = sorted(WHEELS.glob("fastmcp_rs-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    if not wheels:
        sys.exit("matrix: no wheel in target/wheels; run `make build` first")
    return wheels[-1]


def clean_environment() -> dict[str, str]:
    """Leave out what would let the tests import from elsewhere than the combination's environment."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTEST_ADDOPTS", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def step(command: list[str | Path]) -> str:
    """Run one command from the root and return all that it printed."""
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=STEP_SECONDS,
        )
    except subprocess.TimeoutExpired as expired:
        text = (expired.stdout or b"").decode(errors="replace")
        raise Failure(f"{shown}: not finished after {STEP_SECONDS} s\n{text}") from None
    if done.returncode != 0:
        raise Failure(f"{shown}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def test(combination: Combination, base: Path, uv: str, wheel: Path, pytest_arguments: list[str]) -> str:
    """Make the combination's environment, run its tests in it and return what they printed."""
    environment = ENVIRONMENTS / combination.name
    python = environment / "bin" / "python"
    # From nothing each time: uv links the packages from its cache, so this is quick, and no module of
    # an earlier lock can linger.
    step([uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", base, environment])
    step([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, combination.lock])
    step([uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--python", python, wheel])
    where = step([python, "-c", "import fastmcp_rs; print(fastmcp_rs.__file__)"]).strip()
    if not Path(where).is_relative_to(environment):
        raise Failure(f"the tests would import fastmcp_rs from {where} rather than from the installed wheel")
    return step([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *combination.tests, *pytest_arguments])


def run(
    combination: Combination, uv: str, wheel: Path, pytest_arguments: list[str], printing: threading.Lock
) -> Result:
    """Run one combination and print how it went: in one line, or all of it when it failed."""
    started = time.monotonic()
    oldest = OLDEST_PYTHONS[combination.line]
    base = find_python(combination.python)
    output = ""
    if combination.python < oldest:
        outcome, note = Outcome.FAILED, f"FastMCP {combination.line} needs Python {dotted(oldest)} or newer"
    elif base is None:
        note = f"no Python {dotted(combination.python)}"
        outcome = Outcome.FAILED if os.environ.get("CI") else Outcome.SKIPPED
    else:
        try:
            output = test(combination, base, uv, wheel, pytest_arguments)
            outcome = Outcome.PASSED
        except Failure as failure:
            output = str(failure)
            outcome = Outcome.FAILED
        note = closing_line(output)
    with printing:
        if outcome is Outcome.FAILED and output:
            print(f"\n==== {combination.name} failed, and printed:\n{output.rstrip()}\n====\n", flush=True)
        else:
            print(f"{combination.name}: {outcome.value}: {note}", flush=True)
    return Result(combination, outcome, note, time.monotonic() - started)


def closing_line(output: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip(" =") for line in output.splitlines() if line.strip(" =")]
    return lines[-1] if lines else ""


def left_to_make_test(*, ci: bool) -> set[str]:
    """Name the line that CI leaves out: `make test` runs its tests with it, on this Python."""
    try:
        is_here = importlib.metadata.version("fastmcp") == NEWEST.version
    except importlib.metadata.PackageNotFoundError:
        is_here = False
    return {NEWEST.version} if ci and is_here and sys.version_info[:2] == MAIN_PYTHON else set()


def choose(lines: list[str], pythons: list[Version] | None, *, ci: bool) -> list[Combination]:
    """Decide which combinations to run."""
    if pythons is not None:
        return [Combination(line, python) for line in lines for python in pythons if python >= OLDEST_PYTHONS[line]]
    main = MAIN_PYTHON
    if ci and find_python(main) is None:
        main = sys.version_info[:2]
    combinations = [Combination(line, main) for line in lines]
    if not ci:
        combinations += [Combination(line, python) for line, python in MORE_COMBINATIONS if line in lines]
    return combinations


def print_table(results: list[Result]) -> None:
    """Print a line for each combination."""
    rows = [("line", "Python", "result", "time", "")]
    rows += [
        (
            result.combination.line,
            dotted(result.combination.python),
            result.outcome.value,
            f"{result.seconds:.0f} s",
            result.note,
        )
        for result in results
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> int:
    """Run the matrix."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--wheel", type=Path, help="wheel to test (default: the newest in target/wheels)")
    parser.add_argument("--lines", type=parse_lines, help="FastMCP lines, mcp-sdk, bare; by comma (default: all)")
    parser.add_argument("--pythons", type=parse_pythons, help="test each line on each of these Pythons")
    parser.add_argument("--ci", action="store_true", help="each line that make test has not, on one Python")
    parser.add_argument(
        "--jobs", type=int, default=8, help="combinations run at a time (default: 8; tests wait more than they work)"
    )
    arguments, pytest_arguments = parser.parse_known_args()

    uv = find_uv()
    wheel = (arguments.wheel or newest_wheel()).resolve()
    left_out = left_to_make_test(ci=arguments.ci)
    lines = arguments.lines or [line for line in OLDEST_PYTHONS if line not in left_out]
    combinations = choose(lines, arguments.pythons, ci=arguments.ci)
    if not combinations:
        parser.error("no combination of these lines and Pythons is supported")
    print(f"{wheel.name} in {len(combinations)} combinations", flush=True)

    printing = threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        results = list(pool.map(lambda chosen: run(chosen, uv, wheel, pytest_arguments, printing), combinations))

    print_table(results)
    count = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    print(f"\nmatrix: {count[Outcome.PASSED]} passed, {count[Outcome.FAILED]} failed, {count[Outcome.SKIPPED]} skipped")
    # A run that only skipped has shown nothing.
    return 0 if count[Outcome.PASSED] and not count[Outcome.FAILED] else 1


if __name__ == "__main__":
    sys.exit(main())
