"""``fastmcp-rs run``: ``fastmcp run``, with ``install()`` in effect in it and in every Python process below it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fastmcp_rs import host, in_place
from fastmcp_rs.in_place.installation import install

__all__ = ["run"]

# A folder with a module that Python imports when it starts: FastMCP has processes of their own for --reload, --module
# and the environments that uv makes.
_CHILD = Path(in_place.__file__).parent / "child"


def run(arguments: Sequence[str]) -> int:
    """Run FastMCP's own command, which ends the process where it has something to tell.

    Args:
        arguments: What ``fastmcp run`` takes.

    Returns:
        The exit code: 0, or 1 if FastMCP is not installed.
    """
    install()
    try:
        command_line = host.fastmcp("cli")
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs run: {error}\n")
        return 1
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_CHILD), *([inherited] if inherited else [])])
    sys.argv = ["fastmcp", "run", *arguments]
    command_line.app()
    return 0
