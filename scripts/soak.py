"""Verify a million tokens, good and bad, and print how much memory is left behind after a warm-up.

Beside them keys rotate, waits for keys are cancelled, tokens are asked for and asked about, one for each thousand.
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from fastmcp_rs.auth import JWTVerifier, RemoteAuthProvider
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.testing import KeyPair

MEGABYTE = 2**20
MAX_GROWTH = 5 * MEGABYTE
PAGE = 4096
ROTATING = "/jwks?rotating"


def memory() -> int:
    """Tell how many bytes of this process are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def serve(to_parent: Connection, sets: list[Mapping[str, object]]) -> None:
    """Answer as an authorization server, in a process of its own. The keys at one URL rotate at each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one piece: the other side would wait before it says that the first has arrived.
        wbufsize = -1

        def do_GET(self) -> None:
            if self.path == ROTATING:
                sets.append(sets.pop(0))
            self.answer(sets[0])

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            is_token = urlsplit(self.path).path == "/token"
            token = {"access_token": "t", "token_type": "Bearer", "expires_in": 600}
            self.answer(token if is_token else {"valid": True, "aud": "server"})

        def answer(self, value: Mapping[str, object]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    to_parent.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


class Soak:
    """Verifiers, and what to ask them."""

    def __init__(self, server: str, pairs: Mapping[str, KeyPair]) -> None:
        pair = KeyPair.generate("ES256")
        day = 86_400
        good = [pair.create_token(f"user-{number}", audience="server", expires_in_seconds=day) for number in range(500)]
        self.tokens = [
            *good,
            *(token[:-8] + "AAAAAAAA" for token in good),
            *(pair.create_token(audience="server", expires_in_seconds=-60) for _ in range(250)),
            *("x" * (number * 300) for number in range(250)),
        ]
        self.rotating = [pairs[kid].create_token(audience="server", kid=kid, expires_in_seconds=day) for kid in pairs]
        self.server = server
        self.fixed = JWTVerifier(public_key=pair.public_key, algorithm="ES256", audience="server")
        self.remote = self.fetching(ROTATING)
        self.asked = RemoteAuthProvider(f"{server}/verify", audience="server")

    def fetching(self, path: str) -> JWTVerifier:
        """A verifier of keys that no other verifier fetches."""
        url = f"{self.server}{path}"
        return JWTVerifier(jwks_uri=url, algorithm="ES256", audience="server", jwks_refresh_interval=0)

    async def verify(self, count: int) -> int:
        """Verify tokens in turn, and return how many were accepted."""
        accepted = 0
        for number in range(count):
            accepted += await self.fixed.verify_token(self.tokens[number % len(self.tokens)]) is not None
        return accepted

    async def fetch(self, count: int) -> None:
        """Do everything that needs others, so many times."""
        await self.remote.warm_up()
        for number in range(count):
            for token in self.rotating:
                if await self.remote.verify_token(token) is None:
                    raise RuntimeError("a new key was not found")
            waiting = asyncio.ensure_future(self.fetching(f"/jwks?{number}").verify_token(self.rotating[0]))
            await asyncio.sleep(0)
            waiting.cancel()
            if await OAuth("id", "secret", f"{self.server}/token").get_token() != "t":
                raise RuntimeError("another token was issued")
            if await self.asked.verify_token(f"opaque-{number}") is None:
                raise RuntimeError("a yes was not taken for one")

    async def all(self, count: int) -> int:
        """Do all of it, and return how many tokens were accepted."""
        accepted = await self.verify(count)
        await self.fetch(max(count // 1000, 500))
        return accepted


def main() -> int:
    """Verify, and return the status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many verifications are measured")
    count = parser.parse_args().count
    pairs = {kid: KeyPair.generate("ES256") for kid in ("a", "b")}
    sets: list[Mapping[str, object]] = [{"keys": [pair.jwk(kid)]} for kid, pair in pairs.items()]
    context = multiprocessing.get_context("spawn")
    from_child, to_parent = context.Pipe(duplex=False)
    child = context.Process(target=serve, args=(to_parent, sets), daemon=True)
    child.start()
    soak = Soak(from_child.recv(), pairs)
    asyncio.run(soak.all(max(count // 20, 3000)))
    before, started = memory(), time.monotonic()
    accepted = asyncio.run(soak.all(count))
    grown = memory() - before
    seconds = time.monotonic() - started
    child.terminate()
    print(f"{count:,} verifications, {accepted:,} accepted, {seconds:.0f} s: {grown / MEGABYTE:+.1f} MB")
    return int(grown > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
