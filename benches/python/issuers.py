"""What a token of the third of three issuers costs: FastMCP's MultiAuth of three verifiers, and ``from_issuers``.

Every round asks both by turns, with tokens that are new and with one that was seen before. Answers are compared, and
tokens that name an issuer whose key did not sign them are refused, before anything is timed.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from fastmcp.server.auth import MultiAuth
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPVerifier
from results import environment, quiet

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"
ISSUERS = [f"https://{number}.example" for number in ("one", "two", "three")]
THEIRS, OURS = "MultiAuth of FastMCP's verifiers", "JWTVerifier.from_issuers"


def token_of(pair: KeyPair, issuer: str, number: int = 0) -> str:
    """Sign a token that differs from those of other numbers."""
    return pair.create_token(f"user-{number}", issuer, AUDIENCE, ["read"])


async def microseconds(verifier: Any, tokens: Sequence[str]) -> float:  # noqa: ANN401 - of FastMCP or of ours
    """Give the CPU time of one token."""
    start = time.process_time_ns()
    for token in tokens:
        await verifier.verify_token(token)
    return (time.process_time_ns() - start) / len(tokens) / 1000


async def check(verifiers: dict[str, Any], pairs: Sequence[KeyPair]) -> None:
    """Compare the answers of both to good tokens, and to tokens under another issuer's name."""
    for pair, issuer in zip(pairs, ISSUERS, strict=True):
        good = token_of(pair, issuer)
        bad = [token_of(pair, other) for other in ISSUERS if other != issuer]
        decided = set()
        for name, verifier in verifiers.items():
            answer = await verifier.verify_token(good)
            if answer is None:
                raise SystemExit(f"{name} refuses a token of {issuer}")
            # MultiAuth makes a name of its own of the client's.
            decided.add((answer.claims["sub"], *answer.scopes))
            for token in bad:
                if await verifier.verify_token(token) is not None:
                    raise SystemExit(f"{name} accepts a token under another issuer's name")
        if len(decided) != 1:
            raise SystemExit(f"the answers differ: {decided}")


async def measure(rounds: int, calls: int) -> dict[str, dict[str, list[float]]]:
    """Ask both by turns."""
    pairs = [KeyPair.generate("RS256") for _ in ISSUERS]
    options = [
        {"public_key": pair.public_key, "issuer": issuer, "audience": AUDIENCE}
        for pair, issuer in zip(pairs, ISSUERS, strict=True)
    ]
    verifiers = {
        THEIRS: MultiAuth(verifiers=[FastMCPVerifier(**each) for each in options]),
        OURS: JWTVerifier.from_issuers([{**each, "algorithm": "RS256"} for each in options]),
    }
    await check(verifiers, pairs)
    seen = [token_of(pairs[2], ISSUERS[2])] * calls * 10
    costs: dict[str, dict[str, list[float]]] = {"new": {}, "seen": {}}
    for number in range(rounds):
        new = [token_of(pairs[2], ISSUERS[2], number * calls + call + 1) for call in range(calls)]
        for kind, tokens in {"new": new, "seen": seen}.items():
            for name, verifier in verifiers.items():
                costs[kind].setdefault(name, []).append(await microseconds(verifier, tokens))
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of both (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=50, help="new tokens of a round (default: %(default)s)")
    options = parser.parse_args()
    quiet()
    print(environment(), f"load {os.getloadavg()[0]:.1f}")
    for kind, costs in asyncio.run(measure(options.rounds, options.calls)).items():
        ratios = [theirs / ours for theirs, ours in zip(costs[THEIRS], costs[OURS], strict=True)]
        for name, each in costs.items():
            print(f"{kind:<5}{name:<34}{statistics.median(each):>9.1f} us")
        print(f"{kind:<5}{'times as fast, median of the rounds':<34}{statistics.median(ratios):>9.1f}")


if __name__ == "__main__":
    main()
