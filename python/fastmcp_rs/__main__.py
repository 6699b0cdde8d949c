"""The command line: ``fastmcp-rs``, or ``python -m fastmcp_rs``."""

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 for success, 1 for failure, 2 for wrong usage."""
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

        return demo.run()
    except ImportError as error:
        sys.stderr.write(f"fastmcp-rs demo needs FastMCP and uvicorn ({error}): pip install 'fastmcp-rs[fastmcp]'\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
