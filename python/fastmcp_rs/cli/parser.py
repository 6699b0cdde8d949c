"""The parser of the command line. No message repeats an argument, which may be a token."""

import argparse
import difflib
import re
import textwrap
from typing import Any, NoReturn

import fastmcp_rs

__all__ = ["TIMED_ALGORITHMS", "parsed"]

# One of each kind of signature.
TIMED_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256")

_CHOOSE = "choose demo, run, explain, doctor or bench"

_EXPLAIN = """\
Explain why a token is accepted or refused: the likely fix, each check in order, times in words, the header and the
claims. The options are those of JWTVerifier and have its defaults. The token is sent nowhere, and its signature is
never shown."""

_EXPLAIN_MORE = """\
Without a key, keys are found by the metadata of --issuer. Without an issuer too, only what needs no key is explained.
Other users of the machine can see an argument, and the shell keeps it in its history. Standard input has neither fault.

exit codes:
  0  the token is accepted
  1  it is refused
  2  wrong usage, or a key that cannot be used
  3  neither: the keys are out of reach, or none was given

examples:
  fastmcp-rs explain --issuer https://issuer.example "$TOKEN"
  fastmcp-rs explain --public-key issuer.pem --audience my-server < token.txt
  fastmcp-rs explain --secret-env JWT_SECRET --json - < token.txt
  fastmcp-rs explain --server server.py < token.txt
  fastmcp-rs explain --server server.py --tool save < token.txt
"""

_DOCTOR = """\
Look at this installation, and at a server or an issuer. Each check is printed with a tick, or with what would mend it:
the versions, the proxies and certificates that are in force, the provider and its audience, the keys and which of them
cannot be used, this clock and the issuer's, the endpoint that is asked about tokens, the challenge of a 401, the
metadata of the resource (RFC 9728), and what a browser may do. You need no token, and no real one is sent."""

_DOCTOR_MORE = """\
server.py is imported, and its server runs for a moment on a free port of this machine, with all that it does at its
start. In server.py:name, the name is that of a FastMCP server or of an ASGI app. If its OAuthProvider or
RemoteAuthProvider asks an endpoint about tokens, the endpoint is asked about a made-up token.

exit codes:
  0  everything is as it should be; ! marks advice, for some servers only, and · what need not be checked
  1  something has to be mended
  2  wrong usage
  3  something could not be checked: no answer

examples:
  fastmcp-rs doctor
  fastmcp-rs doctor server.py
  fastmcp-rs doctor --url https://my-server.example/mcp
  fastmcp-rs doctor --issuer https://issuer.example --json
"""


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the arguments; wrong usage ends the program with 2."""
    parser = _Parser(
        prog="fastmcp-rs", description="Native token verification for FastMCP servers.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"fastmcp-rs {fastmcp_rs.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "demo",
        help="show a protected server accept and refuse tokens, and what a verification costs here",
        description="Start a FastMCP server on a free loopback port, send it good and bad tokens, and time the "
        "verifier beside FastMCP's own. Needs FastMCP. Exits with 0 only if every outcome is the right one.",
    )
    # For the help alone: FastMCP reads its arguments.
    commands.add_parser("run", help="do what `fastmcp run` does, with native verification: server.py --transport http")
    _add_explain(commands)
    _add_doctor(commands)
    bench = commands.add_parser(
        "bench",
        help="compare what verification costs here with FastMCP and the JWT libraries that are installed",
        description="Time verify_token() on the same tokens, in turns: ours, FastMCP's, and those of PyJWT, joserfc, "
        "authlib, python-jose, jwtoxide, pyjwt-rs and webtoken that can be imported. Needs FastMCP.",
        allow_abbrev=False,
    )
    bench.add_argument(
        "--algorithm",
        type=_timed_algorithm,
        default="RS256",
        metavar="ALG",
        help=f"that of the tokens: {', '.join(TIMED_ALGORITHMS)} (default: %(default)s)",
    )
    bench.add_argument("--rounds", type=int, default=40, help="how often each is asked (default: %(default)s)")
    bench.add_argument("--svg", metavar="FILE", help="draw a chart of it into this file")
    bench.add_argument("--json", action="store_true", help="print everything as JSON, for programs")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        choices: Any = commands.choices
        command = choices[options.command]
        command.error(_unknown_option(unknown, command))
    return options


def _unknown_option(unknown: list[str], parser: argparse.ArgumentParser) -> str:
    """Name the first that is an option by its form, and the likely one; what else is there may be a token."""
    names = [argument.partition("=")[0] for argument in unknown]
    name = next((name for name in names if re.fullmatch(r"--[a-z][a-z-]{1,30}", name)), None)
    if name is None:
        return "it was given more than it takes: see --help"
    known = re.findall(r"--[a-z][a-z-]+", parser.format_help())
    likely = difflib.get_close_matches(name, known, 1)
    hint = f": did you mean {likely[0]}?" if likely else ": see --help"
    return f"it has no option {name}{hint}"


# What argparse says, and what it means.
_PLAINLY = (
    (r".*invalid choice.*", f"there is no such command: {_CHOOSE}"),
    (r"the following arguments are required: COMMAND", f"a command is missing: {_CHOOSE}"),
    (r"argument (--[a-z-]+): expected one argument", r"\1 needs a value"),
    (r"argument (--[a-z-]+): invalid int value: .*", r"\1 must be a whole number"),
    (r"argument (--[a-z-]+): invalid float value: .*", r"\1 must be a number"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        for theirs, ours in _PLAINLY:
            message = re.sub(theirs, ours, message)
        super().error(re.sub(r"""'(\\.|[^'\\])*'|"(\\.|[^"\\])*\"""", "this value", message))


def _add_explain(commands: "argparse._SubParsersAction[_Parser]") -> None:
    explain = commands.add_parser(
        "explain",
        help="explain why a token is accepted or refused, and what would help",
        usage="fastmcp-rs explain [options] [TOKEN]",
        description=_EXPLAIN,
        epilog=_EXPLAIN_MORE,
        formatter_class=_Paragraphs,
        allow_abbrev=False,
    )
    explain.add_argument("token", nargs="*", metavar="TOKEN", help="the token; - or nothing for standard input")
    keys = explain.add_argument_group("keys").add_mutually_exclusive_group()
    keys.add_argument("--jwks-uri", metavar="URL", help="fetch a JWK Set from here")
    keys.add_argument("--public-key", metavar="FILE", help="a public key: PEM, JWK or JWK Set")
    keys.add_argument("--secret-env", metavar="VAR", help="the environment variable that holds a shared secret")
    expected = explain.add_argument_group(
        "what is expected of the token", "ISS, AUD, SCOPE and ALG may be given several times."
    )
    expected.add_argument(
        "--issuer", action="append", metavar="ISS", help="what iss must be; without a key, where keys are found"
    )
    expected.add_argument("--audience", action="append", metavar="AUD", help="what aud must name")
    expected.add_argument("--scope", action="append", metavar="SCOPE", help="a scope that the token must grant")
    expected.add_argument(
        "--algorithm", action="append", type=_algorithm, metavar="ALG", help="default: HS256 with a secret, else RS256"
    )
    expected.add_argument("--typ", help="the typ that the header must have, such as at+jwt")
    expected.add_argument("--leeway", type=float, metavar="SECONDS", help="tolerance for clocks that differ")
    of_server = explain.add_argument_group(
        "a server in a file", "Its own provider says what is expected then, in the place of the options above."
    )
    of_server.add_argument("--server", metavar="server.py", help="the server; server.py:name for its name")
    of_server.add_argument("--tool", metavar="NAME", help="explain as well whether the token may call this tool of it")
    of_proof = explain.add_argument_group(
        "a proof of possession (RFC 9449)", "What a request with a bound token has beside it."
    )
    of_proof.add_argument("--dpop", metavar="PROOF", help="the header DPoP of a request")
    of_proof.add_argument("--method", help="the method of that request, such as POST")
    of_proof.add_argument("--url", help="its URL, as clients of the server know it")
    explain.add_argument("--allow-http", action="store_true", help="fetch keys over http from other machines as well")
    explain.add_argument("--json", action="store_true", help="print everything as JSON, for programs")


def _add_doctor(commands: "argparse._SubParsersAction[_Parser]") -> None:
    doctor = commands.add_parser(
        "doctor",
        help="look at an installation, a server or an issuer, and say what to mend",
        description=_DOCTOR,
        epilog=_DOCTOR_MORE,
        formatter_class=_Paragraphs,
        allow_abbrev=False,
    )
    looked_at = doctor.add_argument_group("what to look at", "By default the installation alone.")
    what = looked_at.add_mutually_exclusive_group()
    what.add_argument("server", nargs="?", metavar="server.py", help="a server in a file; server.py:name for its name")
    what.add_argument("--url", metavar="URL", help="the MCP endpoint of a server that runs")
    what.add_argument("--issuer", metavar="URL", help="an issuer with OpenID Connect Discovery or RFC 8414 metadata")
    doctor.add_argument(
        "--origin",
        metavar="URL",
        help="the origin of a browser client that is to call the server: what it needs is printed as code",
    )
    doctor.add_argument("--allow-http", action="store_true", help="fetch keys over http from other machines as well")
    doctor.add_argument("--json", action="store_true", help="print everything as JSON, for programs")


class _Paragraphs(argparse.HelpFormatter):
    """Wraps paragraphs and exit codes at the width of the terminal, and keeps the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(
            "\n".join(_wrapped(line, width) for line in one.splitlines())
            if "\n  " in one
            else textwrap.fill(one, width, initial_indent=indent)
            for one in paragraphs
        )


def _wrapped(line: str, width: int) -> str:
    """A line with an exit code, with the lines that follow set below its text; any other line as it is."""
    code = re.match(r"  \d  ", line)
    return line if code is None else textwrap.fill(line, width, subsequent_indent=" " * code.end())


def _timed_algorithm(name: str) -> str:
    if name not in TIMED_ALGORITHMS:
        raise argparse.ArgumentTypeError(f"the algorithm is one of {', '.join(TIMED_ALGORITHMS)}")
    return name


def _algorithm(name: str) -> str:
    # The error for an unknown name quotes it, so it must at least look like a name.
    if not re.fullmatch(r"\w{1,10}", name):
        raise argparse.ArgumentTypeError("an algorithm has a name such as RS256")
    return name
