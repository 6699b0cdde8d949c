"""What a flood of unknown key ids costs the users with good tokens, and the endpoint that publishes the keys.

One event loop serves both, as in a server: good tokens one after the other, and beside them the flood, eight at a time,
each token with a key id of its own. Rounds with and without the flood alternate, so that both meet the same machine.
"""

import argparse
import asyncio
import base64
import json
import logging
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.sharedctypes import Synchronized

ISSUER = "https://issuer.example"
AUDIENCE = "https://server.example/mcp"
FLOODERS = 8


def publish(keys: bytes, port: "Connection", requests: "Synchronized[int]") -> None:
    """Serve a key set, in a process of its own, and count the requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with requests.get_lock():
                requests.value += 1
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(keys)))
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *_: object) -> None:
            """Say nothing: the table is the output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def endpoint(keys: list[dict[str, str]]) -> Iterator[tuple[str, "Synchronized[int]"]]:
    """Run the endpoint, and give its URL and the count of its requests."""
    # Not forked: the process is to have nothing of this one.
    context = multiprocessing.get_context("spawn")
    requests = context.Value("Q", 0)
    here, there = context.Pipe()
    process = context.Process(target=publish, args=(json.dumps({"keys": keys}).encode(), there, requests), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/jwks", requests
    finally:
        process.terminate()
        process.join()


def flood_of(token: str, count: int) -> list[str]:
    """Give the good token many other key ids. Nothing else of them is checked before the key is found."""
    _, rest = token.split(".", maxsplit=1)
    headers = (json.dumps({"alg": "RS256", "typ": "JWT", "kid": f"made-up-{n}"}).encode() for n in range(count))
    return [f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{rest}" for header in headers]


def request_with(token: str) -> dict[str, Any]:
    """Make the part of an ASGI scope that matters here."""
    return {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}


@dataclass
class Latencies:
    """Seconds, of each good token."""

    answer: list[float] = field(default_factory=list)  # from the question to the answer
    turn: list[float] = field(default_factory=list)  # from when it could have been asked: others may have been served


async def ask_good(verifier: JWTVerifier, request: dict[str, Any], count: int) -> Latencies:
    """Ask about the good token so many times, letting others have their turn before each."""
    latencies = Latencies()
    for _ in range(count):
        ready = time.perf_counter()
        await asyncio.sleep(0)
        asked = time.perf_counter()
        token = await verifier.authenticate(request)
        answered = time.perf_counter()
        if token is None:
            raise SystemExit("a good token was refused")
        latencies.answer.append(answered - asked)
        latencies.turn.append(answered - ready)
    return latencies


async def ask_flood(verifier: JWTVerifier, requests: list[dict[str, Any]]) -> None:
    """Ask about each of the tokens, letting others have their turn before each."""
    for request in requests:
        await asyncio.sleep(0)
        if await verifier.authenticate(request) is not None:
            raise SystemExit("a token of an unknown key was accepted")


async def measure(verifier: JWTVerifier, good: str, rounds: int, flood: int) -> tuple[list[Latencies], list[Latencies]]:
    """Run the rounds: their latencies alone, and beside the flood."""
    request = request_with(good)
    unknown = [request_with(token) for token in flood_of(good, flood)]
    count = max(1, flood // FLOODERS)
    await verifier.warm_up()
    # What is slow only once is not the flood's.
    await ask_good(verifier, request, count)
    alone, flooded = [], []
    for _ in range(rounds):
        alone.append(await ask_good(verifier, request, count))
        floods = (ask_flood(verifier, unknown[n::FLOODERS]) for n in range(FLOODERS))
        latencies, *_ = await asyncio.gather(ask_good(verifier, request, count), *floods)
        flooded.append(latencies)
    return alone, flooded


def row(name: str, alone: list[float], flooded: list[float]) -> str:
    """Format the medians of the rounds and the median of their ratios: a round and the one after it are alike."""
    ratio = statistics.median(b / a for a, b in zip(alone, flooded, strict=True))
    return (
        f"{name:<32}{statistics.median(alone) * 1e6:>9.1f} us {statistics.median(flooded) * 1e6:>8.1f} us {ratio:>7.2f}"
    )


def p99(latencies: list[float]) -> float:
    """Give what one in a hundred exceeds."""
    return sorted(latencies)[len(latencies) * 99 // 100]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each kind (default: %(default)s)")
    parser.add_argument("--flood", type=int, default=10_000, help="unknown key ids in a round (default: %(default)s)")
    options = parser.parse_args()
    if options.rounds < 1 or options.flood < 1:
        parser.error("--rounds and --flood are at least 1")

    # Each refusal is a record; where a server writes them to is not measured.
    logging.getLogger("fastmcp_rs").addHandler(logging.NullHandler())
    pair = KeyPair.generate("RS256")
    good = pair.create_token(issuer=ISSUER, audience=AUDIENCE, kid="ours")
    with endpoint([pair.jwk("ours")]) as (url, requests):
        verifier = JWTVerifier(jwks_uri=url, issuer=ISSUER, audience=AUDIENCE)
        started = time.perf_counter()
        alone, flooded = asyncio.run(measure(verifier, good, options.rounds, options.flood))
        seconds = time.perf_counter() - started
        asked = requests.value

    lines = [f"{'good token, RS256':<32}{'alone':>12}{'flooded':>12}{'ratio':>8}"]
    for name, number in (("median", statistics.median), ("p99", p99)):
        for part, text in (("answer", "question to answer"), ("turn", "and its turn in the loop")):
            columns = [[number(getattr(latencies, part)) for latencies in kind] for kind in (alone, flooded)]
            lines.append(row(f"{text}, {name}", *columns))
    lines.append(
        f"{options.rounds} x {options.flood} unknown key ids in {seconds:.1f} s: {asked} requests at the endpoint"
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
