"""Compare `await verify_token(token)` of ours with FastMCP's and with what servers would build on JWT libraries.

The comparison is that of `fastmcp-rs bench`, in every algorithm, with unknown keys of a key set that is fetched, and
with the signature alone as the floor, which a Rust program checks between the rounds.
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from apps import CREDULOUS, verifiers
from results import ROOT, environment, quiet, write
from unknown_kids import endpoint, flood_of

from fastmcp_rs.commands.arguments import TIMED_ALGORITHMS
from fastmcp_rs.commands.comparison import CASES, Case, Timer, Timings, compare, demands_of, timer, timers_of, typical
from fastmcp_rs.commands.subjects import OURS, Demands

FLOOR = "the signature alone (aws-lc)"
PROGRAM = ROOT / "target/release/examples/floor"
PEERS = (
    "fastmcp-slim",
    "PyJWT",
    "joserfc",
    "authlib",
    "python-jose",
    "jwtoxide",
    "pyjwt-rs",
    "webtoken",
    "cryptography",
)
# Of these algorithms every kind of token is compared, of the others new and seen ones.
IN_FULL = ("RS256", "HS256")


@contextmanager
def floor(demands: Demands) -> Iterator[dict[str, Timer]]:
    """Run the program that checks signatures."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as key:
        key.write(demands.keys.public_key)
        key.flush()
        command = [str(PROGRAM), demands.algorithm, key.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            async def timed(tokens: Sequence[str], _accepted: bool) -> float:  # noqa: FBT001 - a kind of token
                print(*tokens, file=process.stdin, flush=True)
                return int(process.stdout.readline()) / len(tokens) / 1000  # type: ignore[union-attr]

            yield {FLOOR: timed}
            process.stdin.close()  # type: ignore[union-attr]


async def of_algorithm(algorithm: str, rounds: int, tokens: int) -> dict[str, Timings]:
    """Compare everybody in one algorithm."""
    demands = demands_of(algorithm)
    timers = timers_of(demands)
    found = {}
    with floor(demands) as of_floor:
        for case in CASES if algorithm in IN_FULL else CASES[:2]:
            signed = case.accepted or case.name == "refused: expired"
            found[case.name] = await compare(case, demands, {**timers, **(of_floor if signed else {})}, rounds, tokens)
    return found


async def unknown_keys(rounds: int, tokens: int) -> Timings:
    """Compare ours with FastMCP's where the key of a token is not among those that were fetched."""
    demands = demands_of("RS256")
    with endpoint([demands.keys.jwk("2027-01")]) as (url, _):
        every = verifiers(issuer=demands.issuer, audience=demands.audience, scope=demands.scope, jwks_uri=url)
        known = {name: verifier for name, verifier in every.items() if name != CREDULOUS}
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
    options = parser.parse_args()
    quiet()
    warnings.simplefilter("ignore")
    told = asyncio.run(measure(options.algorithms, options.rounds, options.tokens))
    print(json.dumps(told, indent=1))
    versions = {peer: version(peer) for peer in PEERS}
    setting = {"rounds": options.rounds, "tokens": options.tokens, "versions": versions}
    write("compare", {**environment(), **setting, "algorithms": told})


if __name__ == "__main__":
    main()
