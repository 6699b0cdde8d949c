"""The command line: ``fastmcp-rs``, or ``python -m fastmcp_rs``."""

import argparse
import os
import sys
from importlib import import_module

from fastmcp_rs.cli.parser import parsed
from fastmcp_rs.cli.server_file import ImportFailedError
from fastmcp_rs.cli.terminal import sanitize, waiting
from fastmcp_rs.cli.words import in_options

# What a shell shows for a program that SIGPIPE ended.
_BROKEN_PIPE = 141
_WRONG_USAGE = 2
# An error of a constructor ends with what would be right.
_LONGEST = 1000


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0 for success, 1 for failure, 2 for wrong usage, 141 if the reader of the output has gone; of
        ``explain`` and ``doctor`` also 3, if something is out of reach.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run"]:
        from fastmcp_rs.cli.run import run  # noqa: PLC0415 - what the other commands do not need

        # FastMCP parses all that follows, --help too.
        return run(words[1:])
    options = parsed(arguments)
    try:
        code = _run(options)
        # A broken pipe that is only found when the interpreter ends is shown as a traceback.
        sys.stdout.flush()
    except BrokenPipeError:
        # Else the interpreter would write the rest of the buffer when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return code


# The module of each command, and what it needs that ``--help`` does not.
_COMMANDS = {
    "explain": ("explain", None),
    "doctor": ("doctor.command", "a server needs FastMCP and uvicorn"),
    "bench": ("bench.command", "it needs FastMCP"),
    "demo": ("demo.command", "it needs FastMCP and uvicorn: pip install 'fastmcp-rs[fastmcp]'"),
}


def _run(options: argparse.Namespace) -> int:
    """Import the module of a command, and run it."""
    module, needs = _COMMANDS[options.command]
    try:
        # Most need FastMCP, which takes seconds to import on a busy machine.
        with waiting(options.command, "loading"):
            run = import_module(f"fastmcp_rs.cli.{module}").run
        code: int = run(options)
    except ValueError as error:
        # The server of a user has parameters, and no options of this command.
        text = sanitize(str(error), _LONGEST) if isinstance(error, ImportFailedError) else in_options(str(error))
        sys.stderr.write(f"fastmcp-rs {options.command}: {text}\n")
        return _WRONG_USAGE
    except ImportError as error:
        if needs is None:
            raise
        sys.stderr.write(f"fastmcp-rs {options.command}: {needs} ({error})\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
