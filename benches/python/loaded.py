"""Requests a second of a FastMCP server under load: without auth, behind FastMCP's verifier, and behind ours.

Each server is a process of its own with uvicorn, on the loopback interface, and wrk sends it calls of a tool; runs of a
few seconds alternate between the servers. Without wrk there is nothing to run.
"""

import argparse
import json
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from apps import BODY, HEADERS, WITHOUT_AUTH, application, verifiers
from results import environment, quiet, write

from fastmcp_rs.cli.bench.comparison import CASES, demands_of, typical
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE

SERVERS = (WITHOUT_AUTH, FASTMCP, OURS, OURS_WITHOUT_CACHE)
STARTUP_SECONDS = 60

# Each request bears the next of the tokens.
SCRIPT = """
local tokens = {{ {tokens} }}
local n = 0
request = function()
  n = n % #tokens + 1
  wrk.headers["authorization"] = "Bearer " .. tokens[n]
  return wrk.format("POST", "/mcp")
end
wrk.body = {body}
{headers}
"""


def script(tokens: list[str]) -> str:
    """Write the script for wrk."""
    # wrk sets the Host itself.
    named = {name: value for name, value in HEADERS.items() if name != "host"}
    headers = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in named.items())
    listed = ", ".join(json.dumps(token) for token in tokens)
    return SCRIPT.format(tokens=listed, body=json.dumps(BODY.decode()), headers=headers)


def serve(name: str, key: str, descriptor: int) -> None:
    """Serve, in a process of its own."""
    quiet()
    demands = json.loads(Path(key).read_text())
    verifier = None if name == WITHOUT_AUTH else verifiers(**demands)[name]
    server = uvicorn.Server(uvicorn.Config(application(verifier), log_level="critical", ws="none"))
    with socket.socket(fileno=descriptor) as listener:
        server.run(sockets=[listener])


@contextmanager
def server(name: str, key: str) -> Iterator[int]:
    """Run a server, and give its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-W", "ignore", __file__, "--serve", name, key, str(descriptor)]
        with subprocess.Popen(command, pass_fds=[descriptor]) as process:
            try:
                answers(port)
                yield port
            finally:
                process.terminate()


def answers(port: int) -> None:
    """Wait until the server answers anything."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=STARTUP_SECONDS)
        except urllib.error.HTTPError:  # noqa: PERF203 - it waits for what is not there yet
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def loaded(port: int, lua: str, seconds: int, expected: int) -> float:
    """Load a server, and give the requests that it answers in a second."""
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", lua, f"http://127.0.0.1:{port}"]
    measured = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", measured)[1])  # type: ignore[index]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", measured)
    if (requests if expected != 200 else 0) != int(refused[1] if refused else 0):  # noqa: PLR2004 - the status OK
        raise SystemExit(f"a server answered with another status than {expected}:\n{measured}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", measured)[1])  # type: ignore[index]


def measure(rounds: int, seconds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Alternate between the servers."""
    demands = demands_of("RS256")
    key = folder / "key.json"
    wanted = {"issuer": demands.issuer, "audience": demands.audience, "scope": demands.scope}
    key.write_text(json.dumps({"public_key": demands.keys.public_key, "algorithm": demands.algorithm, **wanted}))
    bad = next(case.make for case in CASES if case.name == "refused: bad signature")
    kinds = {"accepted": (typical, 200, SERVERS), "bad signature": (bad, 401, SERVERS[1:3])}
    measured: dict[str, dict[str, float]] = {}
    with server_group(str(key)) as ports:
        for kind, (make, status, names) in kinds.items():
            lua = folder / "wrk.lua"
            lua.write_text(script([make(demands) for _ in range(500)]))
            rates: dict[str, list[float]] = {name: [] for name in names}
            drawn = random.Random(kind)  # noqa: S311 - nothing is secret here
            for number in range(-1, rounds):
                for name in drawn.sample(names, len(names)):
                    rate = loaded(ports[name], str(lua), seconds, status)
                    # The first round warms up.
                    if number >= 0:
                        rates[name].append(rate)
            measured[kind] = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    return measured


@contextmanager
def server_group(key: str, names: tuple[str, ...] = SERVERS) -> Iterator[dict[str, int]]:
    """Run every server, and give their ports."""
    if not names:
        yield {}
        return
    with server(names[0], key) as port, server_group(key, names[1:]) as others:
        yield {names[0]: port, **others}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="how long a run is (default: %(default)s)")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        name, key, descriptor = options.serve
        serve(name, key, int(descriptor))
        return
    if shutil.which("wrk") is None:
        print("wrk is not here: nothing is loaded")
        return
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[str, Any] = measure(options.rounds, options.seconds, Path(folder))
    print(json.dumps(measured, indent=1))
    setting = {"rounds": options.rounds, "seconds": options.seconds, "connections": 8}
    write("loaded", {**environment(), **setting, "requests_per_second": measured})


if __name__ == "__main__":
    main()
