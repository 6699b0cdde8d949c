"""Compare `await verify_token(token)` of ours with FastMCP's and with what servers would build on JWT libraries.

The comparison is that of `fastmcp-rs bench`, in every algorithm, with unknown keys of a key set that is fetched, and
with the signature alone as the floor, which a Rust program checks between the rounds. Each of them returns FastMCP's
access token; claims are compared with claims by `claims.py`, under an interpreter that is new enough for all.
"""

import argparse
import asyncio
import json
import os
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from apps import verifiers
from floor import floor
from results import environment, quiet, write
from unknown_kids import endpoint, flood_of

from fastmcp_rs.cli.bench.comparison import CASES, Case, Timer, Timings, compare, demands_of, timer, timers_of, typical
from fastmcp_rs.cli.bench.contenders import OURS, Demands
from fastmcp_rs.cli.parser import TIMED_ALGORITHMS

FLOOR = "the signature alone (aws-lc)"
PEERS = (
    "fastmcp",
    "PyJWT",
    "joserfc",
    "authlib",
    "python-jose",
    "jwtoxide",
    "pyjwt-rs",
    "webtoken",
    "oxyjwt",
    "pyjosers",
    "cryptography",
)
# Of these algorithms every kind of token is compared, of the others new and seen ones.
IN_FULL = ("RS256", "HS256")


@contextmanager
def timed_floor(demands: Demands) -> Iterator[dict[str, Timer]]:
    """Run the program that checks signatures."""
    with floor(demands.algorithm, demands.keys.public_key) as microseconds:

        async def timed(tokens: Sequence[str], _accepted: bool) -> float:  # noqa: FBT001 - a kind of token
            return microseconds(tokens)

        yield {FLOOR: timed}


async def of_algorithm(algorithm: str, rounds: int, tokens: int) -> dict[str, Timings]:
    """Compare every contender in one algorithm."""
    demands = demands_of(algorithm)
    timers = timers_of(demands)
    found = {}
    with timed_floor(demands) as of_floor:
        for case in CASES if algorithm in IN_FULL else CASES[:2]:
            signed = case.accepted or case.name == "refused: expired"
            found[case.name] = await compare(case, demands, {**timers, **(of_floor if signed else {})}, rounds, tokens)
    return found


async def unknown_keys(rounds: int, tokens: int) -> Timings:
    """Compare ours with FastMCP's where the key of a token is not among those that were fetched."""
    demands = demands_of("RS256")
    with endpoint([demands.keys.jwk("2027-01")]) as (url, _):
        known = verifiers(issuer=demands.issuer, audience=demands.audience, scope=demands.scope, jwks_uri=url)
        for verifier in known.values():
            if await verifier.verify_token(typical(demands)) is None:
                raise SystemExit("a good token was refused")
        case = Case("refused: unknown key", accepted=False, make=lambda demands: flood_of(typical(demands), 1)[0])
        return await compare(case, demands, {n: timer(v.verify_token) for n, v in known.items()}, rounds, tokens)


async def measure(algorithms: Sequence[str], rounds: int, tokens: int) -> dict[str, Any]:
    """Compare, and give the numbers by algorithm and case."""
    found = {algorithm: await of_algorithm(algorithm, rounds, tokens) for algorithm in algorithms}
    if "RS256" in found:
        found["RS256"]["refused: unknown key"] = await unknown_keys(rounds, tokens)
    return {
        algorithm: {case: numbers(timings) for case, timings in cases.items()} for algorithm, cases in found.items()
    }


def claims(python: str, rounds: int, tokens: int, algorithms: Sequence[str]) -> dict[str, Any]:
    """Compare claims with claims under another interpreter: some libraries need a newer one than FastMCP does."""
    program = str(Path(__file__).with_name("claims.py"))
    options = ["--rounds", str(rounds), "--tokens", str(tokens), "--algorithms", *algorithms]
    ran = subprocess.run([python, program, *options], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def numbers(timings: Timings) -> dict[str, dict[str, float]]:
    """Give the medians, in microseconds, and how many times as long as ours each takes."""
    return {
        name: {"us": round(timings.median(name), 2), "times_ours": round(timings.ratio(name, OURS), 2)}
        for name in sorted(timings.rounds, key=timings.median)
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="rounds of each case (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=20, help="tokens in a round (default: %(default)s)")
    parser.add_argument("--algorithms", nargs="+", default=TIMED_ALGORITHMS, choices=TIMED_ALGORITHMS)
    python = os.environ.get("FASTMCP_RS_PEERS_PYTHON")
    parser.add_argument("--peers-python", default=python, help="the interpreter for claims.py (default: %(default)s)")
    options = parser.parse_args()
    quiet()
    warnings.simplefilter("ignore")
    measured = asyncio.run(measure(options.algorithms, options.rounds, options.tokens))
    print(json.dumps(measured, indent=1))
    versions = {peer: version(peer) for peer in PEERS}
    setting = {"rounds": options.rounds, "tokens": options.tokens, "versions": versions}
    if options.peers_python is None:
        raise SystemExit("no interpreter is given for claims.py: make bench-python gives one")
    by_claims = claims(options.peers_python, options.rounds, options.tokens, options.algorithms)
    write("compare", {**environment(), **setting, "algorithms": measured, "claims": by_claims})


if __name__ == "__main__":
    main()
