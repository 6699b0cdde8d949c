"""What the command line takes. No message repeats an argument: it may be a token."""

import argparse
import re
from typing import NoReturn

import fastmcp_rs

__all__ = ["TIMED_ALGORITHMS", "parsed"]

# One of each kind of signature.
TIMED_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256")

_EXPLAIN = """\
Explain why a token is accepted or refused: the likeliest fix, each check in order, times in words, the header and the
claims. The options are those of JWTVerifier and have its defaults. The token is sent nowhere, and its signature is
never shown."""

_EXPLAIN_MORE = """\
Without a key, keys are found by the metadata of --issuer. Without that as well, everything is explained that needs no
key. An argument can be seen by other users of the machine and stays in the shell's history; standard input does not.

exit codes:
  0  the token is accepted
  1  it is refused
  2  wrong usage, or a key that cannot be used
  3  nobody can tell: the keys are out of reach, or none was given

examples:
  fastmcp-rs explain --issuer https://issuer.example --audience my-server "$TOKEN"
  pbpaste | fastmcp-rs explain --public-key issuer.pem --audience my-server --scope read
  fastmcp-rs explain --secret-env JWT_SECRET --json - < token.txt
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
    commands.add_parser("run", help="do what `fastmcp run` does, with native verification in every server")
    _add_explain(commands)
    bench = commands.add_parser(
        "bench",
        help="compare what verification costs here with FastMCP and the JWT libraries that are installed",
        description="Time verify_token() on the same tokens, turn about: ours, FastMCP's, and those of PyJWT, joserfc, "
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
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error("there are arguments that are not understood: see --help")
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if "invalid choice" in message:
            message = "there is no such command: choose demo, run, explain or bench"
        super().error(re.sub(r"""'(\\.|[^'\\])*'|"(\\.|[^"\\])*\"""", "this value", message))


def _add_explain(commands: "argparse._SubParsersAction[_Parser]") -> None:
    explain = commands.add_parser(
        "explain",
        help="explain why a token is accepted or refused, and what would help",
        description=_EXPLAIN,
        epilog=_EXPLAIN_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    explain.add_argument("token", nargs="*", metavar="TOKEN", help="the token; - or nothing for standard input")
    keys = explain.add_argument_group("keys").add_mutually_exclusive_group()
    keys.add_argument("--jwks-uri", metavar="URL", help="fetch a JWK Set from here")
    keys.add_argument("--public-key", metavar="FILE", help="a public key: PEM, JWK or JWK Set")
    keys.add_argument("--secret-env", metavar="VAR", help="the environment variable that holds a shared secret")
    expected = explain.add_argument_group(
        "what is expected of the token (ISS, AUD, SCOPE and ALG may be given several times)"
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
    explain.add_argument("--allow-http", action="store_true", help="fetch keys over http from other machines as well")
    explain.add_argument("--json", action="store_true", help="print everything as JSON, for programs")


def _timed_algorithm(name: str) -> str:
    if name not in TIMED_ALGORITHMS:
        raise argparse.ArgumentTypeError(f"the algorithm is one of {', '.join(TIMED_ALGORITHMS)}")
    return name


def _algorithm(name: str) -> str:
    # An unknown name is quoted by whoever knows the names, so it must at least look like one.
    if not re.fullmatch(r"\w{1,10}", name):
        raise argparse.ArgumentTypeError("an algorithm has a name such as RS256")
    return name
