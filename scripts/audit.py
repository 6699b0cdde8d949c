"""Ask the advisory databases about every lock file, where they can be reached.

cargo-deny asks RustSec's about both Cargo.lock, and pip-audit asks OSV's about the locked requirements. That a database
gives no answer is said on a line of its own, and fails the run unless ``--unreachable-passes`` is given.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from lines import NEWEST

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = ("Cargo.toml", "fuzz/Cargo.toml")
# The older lines of FastMCP are tested because people run them, whatever is known of them by now.
REQUIREMENTS = ("audit", "authorization-servers", "bare", "bench", "dev", NEWEST.lock, "mcp-sdk", "packaging")
ANSWER_SECONDS = 300


class UnreachableError(Exception):
    """No answer came from a database; the message is what the tool said last."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired as expired:
        message = f"no answer within {ANSWER_SECONDS} s"
        raise UnreachableError(message) from expired


def last_line(text: str) -> str:
    """Return what a tool said last."""
    return (text.strip().splitlines() or ["nothing was said"])[-1]


def of_crates(cargo_deny: str) -> list[str]:
    """Return what RustSec's database knows of the crates."""
    fetched = run(cargo_deny, "fetch", "db")
    if fetched.returncode:
        raise UnreachableError(last_line(fetched.stderr))
    checks = [run(cargo_deny, "--locked", "--manifest-path", it, "check", "advisories") for it in MANIFESTS]
    return [check.stderr for check in checks if check.returncode]


def of_requirements(pip_audit: str) -> list[str]:
    """Return what OSV's database knows of the locked requirements."""
    known = []
    for name in REQUIREMENTS:
        file = f"requirements/{name}.txt"
        options = ("--vulnerability-service=osv", "--disable-pip", "--format=json", "--progress-spinner=off")
        asked = run(pip_audit, *options, "--requirement", file)
        try:
            packages = json.loads(asked.stdout)["dependencies"]
        except ValueError as error:
            raise UnreachableError(last_line(asked.stderr)) from error
        for package in packages:
            ids = ", ".join(advisory["id"] for advisory in package.get("vulns", ()))
            if ids:
                known.append(f"{file}: {package['name']} {package['version']}: {ids}")
    return known


def main() -> int:
    """Ask, and return the status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cargo-deny", default="cargo-deny", help="the program")
    parser.add_argument("--pip-audit", default="pip-audit", help="the program")
    parser.add_argument("--unreachable-passes", action="store_true", help="say that a database is silent, and go on")
    arguments = parser.parse_args()
    failed = False
    for what, ask, program in (
        ("crates", of_crates, arguments.cargo_deny),
        ("Python packages", of_requirements, arguments.pip_audit),
    ):
        try:
            known = ask(program)
        except UnreachableError as why:
            print(f"audit: NOT AUDITED: the database of advisories on {what} gives no answer here ({why})")
            failed |= not arguments.unreachable_passes
            continue
        print(f"audit: {what}: {len(known) or 'no'} findings", *known, sep="\n")
        failed |= bool(known)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
