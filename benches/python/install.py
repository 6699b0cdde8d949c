"""What a verification costs FastMCP's own verifiers, with ``install()`` and without, side by side.

Every verifier is FastMCP's, as FastMCP's own code builds it. Rounds with and without alternate, so that both meet the
same machine; the answers are compared before anything is timed. Run it in an environment with any FastMCP from 2.12 on.
"""

import argparse
import asyncio
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

import fastmcp_rs
from fastmcp_rs.testing import KeyPair

ISSUER, AUDIENCE = "https://issuer.example", "https://server.example/mcp"
ALGORITHMS = ("HS256", "RS256", "PS256", "ES256", "ES384")

Ask = Callable[[str], Awaitable[Any]]


def verifier(algorithm: str) -> tuple[Ask, str]:
    """A ``JWTVerifier`` of FastMCP's, and a good token for it."""
    module = import_module("fastmcp.server.auth.providers.jwt")
    pair = KeyPair.generate(algorithm)
    made = module.JWTVerifier(
        public_key=pair.public_key, algorithm=algorithm, issuer=ISSUER, audience=AUDIENCE, required_scopes=["read"]
    )
    return made.verify_token, pair.create_token("alice", ISSUER, AUDIENCE, ["read", "write"])


def issuer() -> tuple[Ask, str] | None:
    """A ``JWTIssuer`` of FastMCP's, which checks the tokens of its OAuth proxies, and a token of its own."""
    try:
        module = import_module("fastmcp.server.auth.jwt_issuer")
    except ImportError:
        return None
    made = module.JWTIssuer(ISSUER, AUDIENCE, module.derive_jwt_key(high_entropy_material="a secret", salt="salt"))

    async def ask(token: str) -> object:
        return made.verify_token(token)

    return ask, made.issue_access_token("app", ["read"], "jti")


async def timed(ask: Ask, token: str, calls: int) -> float:
    """The median of a few batches, in microseconds a call."""
    batches = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls // 5):
            await ask(token)
        batches.append((time.perf_counter() - start) / (calls // 5))
    return statistics.median(batches) * 1e6


async def compare(ask: Ask, token: str, rounds: int, calls: int) -> tuple[float, float]:
    """What a call costs without and with ``install()``, in microseconds."""
    theirs = await ask(token)
    fastmcp_rs.install()
    if not fastmcp_rs.installed() or theirs is None or (await ask(token), await ask(token)) != (theirs, theirs):
        sys.exit(f"the answers differ, or install() is not in effect: {fastmcp_rs.installed()}")
    without, with_it = [], []
    for _ in range(rounds):
        fastmcp_rs.uninstall()
        without.append(await timed(ask, token, calls))
        fastmcp_rs.install()
        await ask(token)
        with_it.append(await timed(ask, token, calls))
    fastmcp_rs.uninstall()
    return statistics.median(without), statistics.median(with_it)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=300, help="calls in a round")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    subjects = {f"JWTVerifier, {name}": verifier(name) for name in ALGORITHMS}
    proxy = issuer()
    if proxy is not None:
        subjects["JWTIssuer, HS256"] = proxy
    write = sys.stdout.write
    write(f"FastMCP {import_module('fastmcp').__version__}, microseconds a token\n\n")
    write(f"{'':20} {'FastMCP':>9} {'install()':>10}\n")
    for name, (ask, token) in subjects.items():
        without, with_it = asyncio.run(compare(ask, token, arguments.rounds, arguments.calls))
        write(f"{name:20} {without:9.1f} {with_it:10.1f}   {without / with_it:4.1f} times as fast\n")


if __name__ == "__main__":
    main()
