"""The command line: ``fastmcp-rs``, or ``python -m fastmcp_rs``."""

import argparse
import os
import sys

# What a shell shows for a program that SIGPIPE ended, as other tools are when their reader has seen enough.
_BROKEN_PIPE = 141


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0 for success, 1 for failure, 2 for wrong usage, 141 if nobody reads what is printed.
    """
    parser = argparse.ArgumentParser(prog="fastmcp-rs", description="Native token verification for FastMCP servers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "demo",
        help="show a protected server accept and refuse tokens, and what a verification costs here",
        description="Start a FastMCP server on a free loopback port, send it good and bad tokens, and time the "
        "verifier beside FastMCP's own. Needs FastMCP. Exits with 0 only if every outcome is the right one.",
    )
    parser.parse_args(arguments)

    try:
        from fastmcp_rs import demo  # noqa: PLC0415 - needs FastMCP, which --help does not

        code = demo.run()
        # Here, for what only the interpreter's end finds out it tells in a traceback.
        sys.stdout.flush()
    except BrokenPipeError:
        # The rest of the buffer would be written at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs demo needs FastMCP and uvicorn ({error}): pip install 'fastmcp-rs[fastmcp]'\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
