"""``fastmcp-rs doctor``: each check with a tick, or with what would mend it."""

import argparse
import json
import logging
import sys
from collections.abc import Iterator

from fastmcp_rs.cli.doctor import keys
from fastmcp_rs.cli.doctor.endpoint import Endpoint, endpoint
from fastmcp_rs.cli.doctor.findings import Finding, exit_code, lines, to_dicts
from fastmcp_rs.cli.doctor.http import checked_url
from fastmcp_rs.cli.doctor.surroundings import surroundings
from fastmcp_rs.cli.terminal import Style, waiting

__all__ = ["run"]

_OUTCOMES = {0: "everything is as it should be", 1: "something has to be mended", 3: "not everything could be checked"}


def run(options: argparse.Namespace) -> int:
    """Look, and print what was found.

    Returns:
        The exit code: 0, 1 if a check failed, or 3 if one could not be made.

    Raises:
        ValueError: The options cannot work; the text says what would.
    """
    # The findings say everything, so the log of the libraries is not shown.
    for name in ("fastmcp", "fastmcp_rs", "mcp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("fastmcp_rs.keys").setLevel(logging.WARNING)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text, as the interpreter made it
    style = Style(sys.stdout)
    found: list[Finding] = []
    for finding in _findings(options):
        found.append(finding)
        if not options.json:
            print("\n".join(lines(finding, style)), flush=True)
    code = exit_code(found)
    if options.json:
        print(json.dumps({"exit_code": code, "checks": to_dicts(found)}, indent=2))
    else:
        advice = "; ! is advice, for some servers only" if any(one.result == "advice" for one in found) else ""
        print(f"\n{_OUTCOMES[code]}{advice}")
    return code


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    given = [one for one in (options.server, options.url, options.issuer) if one is not None]
    if len(given) > 1:
        raise ValueError("give one of server.py, --url and --issuer")
    origin = None if options.origin is None else checked_url(options.origin, "--origin").rstrip("/")
    url = None if options.url is None else checked_url(options.url, "--url")
    issuer = None if options.issuer is None else checked_url(options.issuer, "--issuer")
    yield from surroundings()
    if url is not None:
        yield from endpoint(Endpoint(url, origin, allow_http=options.allow_http))
    elif issuer is not None:
        yield from keys.issuer(issuer, allow_http=options.allow_http)
    elif options.server is not None:
        with waiting("doctor", "loading FastMCP"):
            from fastmcp_rs.cli.doctor.server import server  # noqa: PLC0415 - needs FastMCP, which the others do not

        yield from server(options.server, origin, allow_http=options.allow_http)
