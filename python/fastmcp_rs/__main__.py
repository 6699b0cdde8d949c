"""The command line: ``fastmcp-rs``, or ``python -m fastmcp_rs``."""

import argparse
import os
import sys

from fastmcp_rs.commands.arguments import parsed

# What a shell shows for a program that SIGPIPE ended, as other tools are when their reader has seen enough.
_BROKEN_PIPE = 141
_WRONG_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0 for success, 1 for failure, 2 for wrong usage, 141 if nobody reads what is printed; of
        ``explain`` also 3, if nobody can tell.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run"]:
        from fastmcp_rs.commands.run import run  # noqa: PLC0415 - what the other commands do not need

        # All that follows is FastMCP's, --help too.
        return run(words[1:])
    options = parsed(arguments)
    try:
        code = {"explain": _explain, "bench": _bench, "demo": _demo}[options.command](options)
        # Here, for what only the interpreter's end finds out it tells in a traceback.
        sys.stdout.flush()
    except BrokenPipeError:
        # The rest of the buffer would be written at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return code


def _explain(options: argparse.Namespace) -> int:
    from fastmcp_rs.commands import explain  # noqa: PLC0415 - what the other commands do not need

    try:
        return explain.run(options)
    except ValueError as error:
        sys.stderr.write(f"fastmcp-rs explain: {error}\n")
        return _WRONG_USAGE


def _bench(options: argparse.Namespace) -> int:
    try:
        from fastmcp_rs.commands import bench  # noqa: PLC0415 - needs FastMCP, which --help does not

        return bench.run(options)
    except ValueError as error:
        sys.stderr.write(f"fastmcp-rs bench: {error}\n")
        return _WRONG_USAGE
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs bench: {error}\n")
        return 1


def _demo(_options: argparse.Namespace) -> int:
    try:
        from fastmcp_rs import demo  # noqa: PLC0415 - needs FastMCP, which --help does not

        return demo.run()
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs demo needs FastMCP and uvicorn ({error}): pip install 'fastmcp-rs[fastmcp]'\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
