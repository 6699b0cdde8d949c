"""How long a request takes from the entry of the authentication to what stands behind it, within a FastMCP server.

`layer.py` times the same middleware again and again, so that its code and its data are in the processor's caches.
Here each request is followed by all that FastMCP does for a call, and the next one comes to another server. The time
before the tool is told beside the CPU time of the whole call. A third server authenticates as ours does, and then makes
what FastMCP's middleware would have made: what that takes there, and what the call as a whole takes more.
"""

import argparse
import asyncio
import gc
import os
import random
import statistics
import time
from typing import Any

from apps import CREDULOUS, App, Credulous, application, call, check_user, serving
from fastmcp.server.auth import AccessToken
from results import interval, quiet
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.comparison import demands_of, typical
from fastmcp_rs.cli.bench.contenders import OURS

WITH_FASTMCPS = f"{OURS}, and what FastMCP's middleware makes"
MADE = "made beside"
# How many servers of each kind there are: one alone may lie better in memory than another.
SERVERS = 2
TOKENS = 5


class Watch:
    """The times at which a request passed, in nanoseconds."""

    entered = left = spent = 0


class Entry:
    """Stands before the authentication."""

    def __init__(self, app: App) -> None:
        """Stand before this."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the time."""
        Watch.entered = time.perf_counter_ns()
        await self._app(scope, receive, send)


class Exit(Entry):
    """Stands behind the authentication."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the time."""
        Watch.left = time.perf_counter_ns()
        await self._app(scope, receive, send)


class Making(Entry):
    """Reads the header as FastMCP's middleware does, and makes an access token as a verifier of FastMCP's does."""

    def __init__(self, app: App, fields: dict[str, Any]) -> None:
        """Stand before this."""
        super().__init__(app)
        self._fields = fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make both, and forget them."""
        start = time.perf_counter_ns()
        headers = HTTPConnection(scope).headers
        value = next(headers[name] for name in headers if name.lower() == "authorization")
        AccessToken(token=value[7:], **self._fields)
        Watch.spent = time.perf_counter_ns() - start
        await self._app(scope, receive, send)


def watched(verifier: Any, making: dict[str, Any] | None = None) -> App:  # noqa: ANN401 - one of FastMCP's or ours
    """Make a server whose requests are watched."""
    app = application(verifier)
    # FastMCP's context of the request comes first, and then the middleware of the provider.
    app.user_middleware.insert(1, Middleware(Entry))
    app.user_middleware.append(Middleware(Exit))
    if making is not None:
        app.user_middleware.append(Middleware(Making, fields=making))
    return app


async def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Ask all by turns, and give for each what a request took, in microseconds."""
    demands = demands_of("RS256")
    tokens = [typical(demands) for _ in range(TOKENS)]
    credulous = Credulous(tokens[0], [demands.scope])
    servers: list[tuple[str, App]] = []
    for _ in range(SERVERS):
        servers.append((CREDULOUS, watched(Credulous(tokens[0], [demands.scope]))))
        servers.append((OURS, watched(JWTVerifier(**demands.options))))
        servers.append((WITH_FASTMCPS, watched(JWTVerifier(**demands.options), credulous.known)))
    kinds = ("to what stands behind", "the call, CPU", MADE)
    told: dict[str, dict[str, list[float]]] = {kind: {name: [] for name, _ in servers} for kind in kinds}
    async with serving({str(number): app for number, (_, app) in enumerate(servers)}):
        for _, app in servers:
            await check_user(app, tokens[0])
        gc.freeze()
        gc.disable()
        for number in range(-50, rounds):
            # Each round has every kind as often, so that they can be compared round by round.
            for name, app in random.sample(servers, len(servers)):
                start = time.process_time_ns()
                await call(app, tokens[number % TOKENS])
                took = time.process_time_ns() - start
                # The first rounds warm up.
                if number >= 0:
                    for kind, nanoseconds in zip(kinds, (Watch.left - Watch.entered, took, Watch.spent), strict=True):
                        told[kind][name].append(nanoseconds / 1000)
            gc.collect()
    return told


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    quiet()
    print(f"load {os.getloadavg()[0]:.1f}")
    told = asyncio.run(measure(options.rounds))
    made = told.pop(MADE)[WITH_FASTMCPS]
    print(f"{MADE:<24}{WITH_FASTMCPS:<62}{statistics.median(made):>9.2f} us")
    for kind, columns in told.items():
        for name, values in columns.items():
            over = [one - least for one, least in zip(values, columns[CREDULOUS], strict=True)]
            beyond = f"{statistics.median(over):>7.2f} {interval(over, 2)} over {CREDULOUS}"
            print(f"{kind:<24}{name:<62}{statistics.median(values):>9.2f} us{'' if name == CREDULOUS else beyond}")


if __name__ == "__main__":
    main()
