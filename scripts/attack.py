"""Attack a real server for some minutes, and print the results.

A FastMCP server behind ``OAuthProvider`` of a real OpenID Provider (oidc-provider on Node.js) is sent forged, mutated,
made-up and junk tokens from one address, steadily and in bursts, while a user with good tokens, opaque ones and JWTs,
comes from another. It tells of wrong answers, of memory, and of what the user notices.
"""

import argparse
import base64
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from pathlib import Path

JS = Path(__file__).parents[1] / "tests" / "js"
JWT_RESOURCE, OPAQUE_RESOURCE = "https://server.example/mcp", "https://opaque.example/"
CLIENT = {"client_id": "robot", "client_secret": "what only the robot knows"}
HOSTILE, HONEST = "127.0.0.1", "127.0.0.2"
OK, UNAUTHORIZED, UNAVAILABLE = 200, 401, 503
# No answer (0) is none that let a token in.
REFUSED = (UNAUTHORIZED, UNAVAILABLE, 400, 431, 0)
PAGE, MEGABYTE = 4096, 2**20
BURST_SECONDS, STEADY_THREADS = 20, 4

# Sends one request for each line of its input, all at once and from one address, and prints how often each status came.
# A process of its own: thousands of requests in this one would delay the user's.
BURST_SENDER = """
import asyncio, collections, json, resource, sys

HEADERS = "content-type: application/json", "accept: application/json, text/event-stream", "connection: close"
host, port, body = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

async def ask(token, ready):
    head = [f"host: {host}:{port}", f"content-length: {len(body)}", f"authorization: Bearer {token}", *HEADERS]
    request = "\\r\\n".join(["POST /mcp HTTP/1.1", *head, "", ""]).encode() + body
    try:
        reader, writer = await asyncio.open_connection(host, port)
        ready.release()
        await begin.wait()
        writer.write(request)
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        return status
    except (OSError, IndexError, ValueError):
        ready.release()
        return 0

async def main():
    global begin
    begin, ready = asyncio.Event(), asyncio.Semaphore(0)
    tokens = sys.stdin.read().split()
    asked = []
    for token in tokens:
        # One after the other, so that no connection waits for the listener.
        asked.append(asyncio.create_task(ask(token, ready)))
        await ready.acquire()
    begin.set()
    print(json.dumps(collections.Counter(await asyncio.gather(*asked))))

asyncio.run(main())
"""

INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "attack", "version": "1"},
        },
    }
)

SERVER = """
import socket, sys, threading
import uvicorn
from fastmcp import FastMCP
from fastmcp_rs.auth import OAuthProvider

auth = OAuthProvider("robot", sys.argv[2], sys.argv[1] + "/token", audience=[sys.argv[3], sys.argv[4]])
app = FastMCP("attacked", auth=auth).http_app(stateless_http=True, json_response=True)
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
threading.Thread(target=lambda: (sys.stdin.read(), setattr(server, "should_exit", True)), daemon=True).start()
server.run(sockets=[listener])
"""


def main() -> int:
    """Attack, and print a line of figures as JSON; fails for a wrong answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--burst", type=int, default=400, help="made-up opaque tokens at once, every 20 seconds")
    parser.add_argument("--token-bytes", type=int, default=43, help="how long each of them is")
    parser.add_argument("--one-address", action="store_true", help="the honest user's too, as behind a proxy")
    parser.add_argument("--bursts-only", action="store_true", help="without the steady attack")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["node", "oidc.mjs", "0", str(Path(folder) / "keys.json"), "RS256"]
        provider = subprocess.Popen(command, cwd=JS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        issuer = json.loads(_line_of(provider))["issuer"]
        arguments = [issuer, CLIENT["client_secret"], JWT_RESOURCE, OPAQUE_RESOURCE]
        served = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            attack = Attack(issuer, int(_line_of(served)), served.pid, options)
            figures = attack.run(options.seconds)
        finally:
            for process in (served, provider):
                process.communicate(timeout=60)
    print(json.dumps(figures))
    return 1 if figures["wrong_accepts"] or figures["wrong_refusals"] else 0


class Attack:
    """One attack on one server."""

    def __init__(self, issuer: str, port: int, pid: int, options: argparse.Namespace) -> None:
        self._issuer, self._port, self._pid = issuer, port, pid
        self._seed, self._options = options.seed, options
        self._honest_address = HOSTILE if options.one_address else HONEST
        self._most_memory = 0
        self._known: set[str] = set()
        self._renew()
        self._statuses: Counter[int] = Counter()
        self._honest: Counter[int] = Counter()
        self._delays: list[float] = []
        self._wrong: list[str] = []
        self._over = threading.Event()

    def run(self, seconds: int) -> dict[str, object]:
        """Attack for so long."""
        for token in self._tokens * 50:
            if self._ask(token, self._honest_address)[0] != OK:
                raise RuntimeError("a good token is refused before the attack")
        calm = [self._ask(token, self._honest_address)[1] for token in self._tokens * 100]
        before, started = self._memory(), time.monotonic()
        steady = 0 if self._options.bursts_only else STEADY_THREADS
        threads = [threading.Thread(target=self._steadily, args=(number,)) for number in range(steady)]
        threads += [threading.Thread(target=self._in_bursts), threading.Thread(target=self._honestly)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        took = time.monotonic() - started
        time.sleep(3)
        percentile = statistics.quantiles(self._delays, n=100)
        return {
            "inputs": sum(self._statuses.values()),
            "seconds": round(took),
            "answers": {str(status): count for status, count in sorted(self._statuses.items())},
            "wrong_accepts": len(self._wrong),
            "honest_requests": sum(self._honest.values()),
            "wrong_refusals": sum(count for status, count in self._honest.items() if status not in (OK, UNAVAILABLE)),
            "honest_503": self._honest[UNAVAILABLE],
            "peak_growth_mb": round((self._most_memory - before) / MEGABYTE, 1),
            "growth_mb": round((self._memory() - before) / MEGABYTE, 1),
            "calm_ms": round(statistics.median(calm) * 1000, 1),
            "delay_ms": {name: round(percentile[at] * 1000, 1) for name, at in (("p50", 49), ("p99", 98))},
            "longest_delay_ms": round(max(self._delays) * 1000, 1),
        }

    def _steadily(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - inputs, not secrets
        while not self._over.is_set():
            self._hostile(self._forged(chance))

    def _in_bursts(self) -> None:
        chance = random.Random(f"{self._seed} bursts")  # noqa: S311 - as above
        while not self._over.wait(BURST_SECONDS):
            tokens = [_made_up(chance, self._options.token_bytes) for _ in range(self._options.burst)]
            command = [sys.executable, "-c", BURST_SENDER, HOSTILE, str(self._port), INITIALIZE]
            sent = subprocess.run(command, input="\n".join(tokens), capture_output=True, text=True, check=True)
            for status, count in json.loads(sent.stdout).items():
                self._statuses[int(status)] += count
                if int(status) not in REFUSED:
                    self._wrong += ["of a burst"] * count

    def _honestly(self) -> None:
        while not self._over.is_set():
            if time.monotonic() - self._issued_at > 300:  # noqa: PLR2004 - they are good for ten minutes
                self._renew()
            for token in self._tokens:
                status, delay = self._ask(token, self._honest_address)
                self._honest[status] += 1
                self._delays.append(delay)
            self._most_memory = max(self._most_memory, self._memory())
            time.sleep(0.05)

    def _hostile(self, token: str) -> None:
        status, _ = self._ask(token, HOSTILE)
        self._statuses[status] += 1
        if status not in REFUSED and token not in self._known:
            self._wrong.append(token)

    def _forged(self, chance: random.Random) -> str:
        jwt, opaque = self._tokens
        header, payload, signature = jwt.split(".")
        unknown = {"alg": "RS256", "typ": "at+jwt", "kid": f"made-up-{chance.random()}"}
        algorithm = {"alg": chance.choice(["none", "HS256", "RS512", "ES256"])}
        claims = {"iss": self._issuer, "aud": JWT_RESOURCE, "sub": "admin", "exp": 2**33}
        kinds = (
            lambda: _mutated(jwt, chance),
            lambda: _mutated(opaque, chance),
            lambda: _made_up(chance),
            lambda: f"{_encoded(unknown)}.{payload}.{signature}",
            lambda: f"{_encoded(algorithm)}.{payload}.{signature}",
            lambda: f"{header}.{_encoded(claims)}.{signature}",
            lambda: "".join(chance.choices("abcXYZ019-._~+/", k=chance.choice([1, 64, 4096, 60_000]))),
            lambda: "".join(chr(chance.randrange(33, 127)) for _ in range(chance.randrange(1, 200))),
        )
        return chance.choice(kinds)()

    def _ask(self, token: str, address: str) -> tuple[int, float]:
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60, source_address=(address, 0))
        try:
            headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
            connection.request("POST", "/mcp", INITIALIZE, {**headers, "authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            return response.status, time.perf_counter() - started
        except (OSError, http.client.HTTPException):
            return 0, time.perf_counter() - started
        finally:
            connection.close()

    def _renew(self) -> None:
        self._tokens = [self._issued(JWT_RESOURCE), self._issued(OPAQUE_RESOURCE)]
        self._known.update(self._tokens)
        self._issued_at = time.monotonic()

    def _issued(self, resource: str) -> str:
        url = urllib.parse.urlsplit(self._issuer)
        connection = http.client.HTTPConnection(url.netloc, timeout=60)
        form = {"grant_type": "client_credentials", "scope": "read", "resource": resource, **CLIENT}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/token", urllib.parse.urlencode(form), headers)
        token: str = json.loads(connection.getresponse().read())["access_token"]
        connection.close()
        return token

    def _memory(self) -> int:
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * PAGE


def _line_of(process: "subprocess.Popen[str]") -> str:
    return "" if process.stdout is None else process.stdout.readline()


def _made_up(chance: random.Random, length: int = 43) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=length))


def _mutated(token: str, chance: random.Random) -> str:
    at, byte = chance.randrange(len(token)), chance.choice("AZaz09-_.~=")
    changed = chance.choice([byte, byte + token[at], ""])
    return token[:at] + changed + token[at + 1 :]


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
