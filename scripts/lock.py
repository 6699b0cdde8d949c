"""Compile the locked requirements: requirements/*.in, and for each FastMCP line requirements/line.in with that release.

Without a name everything is compiled, and the locked requirements of lines that are gone are removed. Arguments that
this script does not know go to ``uv pip compile``.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from pathlib import Path

from lines import LINES, NEWEST, NEWEST_FOR_OLDEST_PYTHON, OLDEST_PYTHON, Version

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"


@dataclasses.dataclass(frozen=True)
class Lock:
    """One file of locked requirements.

    Attributes:
        file: The name of its input in ``requirements/``.
        python: The oldest Python that it is for.
        more: Requirements beside those of the input.
    """

    file: str
    python: Version = OLDEST_PYTHON
    more: tuple[str, ...] = ()


# The newest line where Python is new enough for it, and the newest other one elsewhere.
_NEW_ENOUGH = "{}.{}".format(*NEWEST.oldest_python)
ON_EACH_PYTHON = (
    f"fastmcp=={NEWEST.version} ; python_version >= '{_NEW_ENOUGH}'",
    f"fastmcp=={NEWEST_FOR_OLDEST_PYTHON.version} ; python_version < '{_NEW_ENOUGH}'",
)
LOCKS = {
    "dev": Lock("dev.in", more=ON_EACH_PYTHON),
    "bench": Lock("bench.in", python=NEWEST.oldest_python, more=(f"fastmcp=={NEWEST.version}",)),
    "peers": Lock("peers.in", python=(3, 12)),
    "audit": Lock("audit.in"),
    "packaging": Lock("packaging.in"),
    "docs": Lock("docs.in"),
    "authorization-servers": Lock("authorization-servers.in"),
    "mcp-sdk": Lock("mcp-sdk.in"),
    "bare": Lock("bare.in"),
    **{
        line.lock: Lock("line.in", python=line.oldest_python, more=(f"fastmcp=={line.version}", *line.also))
        for line in LINES
    },
}


def compile_lock(name: str, uv: str, uv_arguments: list[str]) -> int:
    """Compile one file and return uv's status."""
    lock = LOCKS[name]
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--custom-compile-command", "make lock", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--python-version", ".".join(map(str, lock.python)), *uv_arguments]
    # Relative, since the file says where each requirement is from.
    command += [f"requirements/{lock.file}", "-", "--output-file", f"requirements/{name}.txt"]
    return subprocess.run(command, cwd=ROOT, input="\n".join(lock.more), text=True, check=False).returncode


def main() -> int:
    """Compile, and return the status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(LOCKS)}")
    parser.add_argument("--uv", default=str(Path(sys.executable).parent / "uv"), help="the program")
    arguments, uv_arguments = parser.parse_known_args()
    unknown = set(arguments.names).difference(LOCKS)
    if unknown:
        parser.error(f"no such file: {', '.join(sorted(unknown))}; there are {', '.join(LOCKS)}")
    for name in arguments.names or LOCKS:
        print(f"requirements/{name}.txt", flush=True)
        if status := compile_lock(name, arguments.uv, uv_arguments):
            return status
    if not arguments.names:
        for path in REQUIREMENTS.glob("*.txt"):
            if path.stem not in LOCKS:
                path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
