"""``fastmcp-rs run``: ``fastmcp run``, with ``install()`` in effect in it and in every Python process below it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fastmcp_rs import _compat, patch
from fastmcp_rs.patch.install import install, installed

__all__ = ["run"]

# A folder with a module that Python imports when it starts: FastMCP starts further processes for --reload, for --module
# and for the environments that uv makes.
_CHILD = Path(patch.__file__).parent / "child"
_TRANSPORTS = ("--transport", "-t")


def run(arguments: Sequence[str]) -> int:
    """Run FastMCP's own command, which may end the process itself.

    Args:
        arguments: What ``fastmcp run`` takes.

    Returns:
        The exit code: 0, or 1 if FastMCP is not installed.
    """
    install()
    try:
        command_line = _compat.fastmcp("cli")
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs run: {error}\n")
        return 1
    # Standard output may be the transport.
    state = installed()
    described = "on, here and in the processes that this one starts" if state else f"off: {state}"
    if state and not any(word.partition("=")[0] in _TRANSPORTS for word in arguments):
        described += " (over stdio, FastMCP's default, no client sends a token: --transport http)"
    sys.stderr.write(f"fastmcp-rs run: native verification is {described}\n")
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_CHILD), *([inherited] if inherited else [])])
    sys.argv = ["fastmcp", "run", *arguments]
    command_line.app()
    return 0
