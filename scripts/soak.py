"""Verify a million tokens, good and bad, and tell how much memory that left behind after a warm-up."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

MEGABYTE = 2**20
MAX_GROWTH = 5 * MEGABYTE
PAGE = 4096


def memory() -> int:
    """Tell how many bytes of this process are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def verify(verifier: JWTVerifier, tokens: list[str], count: int) -> int:
    """Verify tokens in turn, and return how many were accepted."""
    accepted = 0
    for number in range(count):
        accepted += await verifier.verify_token(tokens[number % len(tokens)]) is not None
    return accepted


def main() -> int:
    """Verify, and return the status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many verifications are measured")
    count = parser.parse_args().count
    pair = KeyPair.generate("ES256")
    good = [pair.create_token(f"user-{number}", audience="server", expires_in_seconds=86_400) for number in range(500)]
    bad = [
        *(token[:-8] + "AAAAAAAA" for token in good),
        *(pair.create_token(audience="server", expires_in_seconds=-60) for _ in range(250)),
        *("x" * (number * 300) for number in range(250)),
    ]
    verifier = JWTVerifier(public_key=pair.public_key, algorithm="ES256", audience="server")
    asyncio.run(verify(verifier, good + bad, max(count // 20, 3000)))
    before, started = memory(), time.monotonic()
    accepted = asyncio.run(verify(verifier, good + bad, count))
    grown = memory() - before
    seconds = time.monotonic() - started
    print(f"{count:,} verifications, {accepted:,} accepted, {seconds:.0f} s: {grown / MEGABYTE:+.1f} MB")
    return int(grown > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
