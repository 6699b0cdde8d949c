"""What authenticating a request costs before the application gets it: the ASGI middleware over a stub application.

FastMCP's own middleware stands around its verifier and around one that looks at nothing and returns the same claims,
ours around a verifier that decides, with a token that was seen before. A server whose tools demand scopes has the
bodies of requests looked at; there the stub reads the body, as FastMCP does. All are asked by turns in an order that is
drawn anew for each round, and what the stub takes by itself is taken off.
"""

import argparse
import asyncio
import gc
import os
import random
import statistics
import time
from typing import Any

from apps import BODY, HEADERS, App, Credulous, Verifier, claims_of
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, require_scopes
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPVerifier
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from results import environment, interval, quiet, write
from starlette.types import Message, Receive, Scope, Send

from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.cli.bench.comparison import demands_of, typical
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, Demands

STUB = "the stub alone"
CREDULOUS = "FastMCP's middleware around a verifier that looks at nothing"
PROTECTED = f"{OURS}, protect(RemoteAuthProvider(JWTVerifier))"
UNSCOPED = f"{OURS}, the application reads the body"
SCOPED = f"{OURS}, the same where a tool demands a scope"
# What each number is held against.
BASES = {CREDULOUS: STUB, FASTMCP: STUB, OURS: STUB, PROTECTED: OURS, SCOPED: UNSCOPED}


async def stub(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nothing."""


async def reading_stub(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Receive the body, as FastMCP does."""
    while (await receive()).get("more_body"):
        pass


async def silent(_message: Message) -> None:
    """Take an answer."""


def layered(verifier: Verifier, inner: App) -> App:
    """Put what authenticates for a verifier around an application."""
    app = inner
    for entry in reversed(verifier.get_middleware()):
        app = entry.cls(app, *entry.args, **entry.kwargs)
    return app


def server(verifier: Verifier, scope: str | None) -> App:
    """Make a server with the tool that requests call, and perhaps one more, which demands a scope."""
    made = FastMCP("benchmark", auth=verifier)

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    made.tool(add)
    if scope is not None:
        made.tool(add, name="add_all", auth=require_scopes(scope))
    return made.http_app(path="/mcp", stateless_http=True)


def contenders(demands: Demands, token: str) -> dict[str, tuple[App, App]]:
    """Give for each name the middleware over its stub, and the application that requests say they are for."""
    options = demands.options

    def ours() -> JWTVerifier:
        return JWTVerifier(**options)

    remote = RemoteAuthProvider(ours(), [demands.issuer], base_url="https://server.example")
    made = {
        CREDULOUS: Credulous(token, [demands.scope]),
        FASTMCP: FastMCPVerifier(**options),
        OURS: ours(),
        PROTECTED: protect(remote),
        UNSCOPED: ours(),
        SCOPED: ours(),
    }
    found: dict[str, tuple[App, App]] = {STUB: (stub, None)}
    for name, verifier in made.items():
        # Asked for its middleware by the server first, as in use.
        app = server(verifier, "admin" if name == SCOPED else None)
        found[name] = layered(verifier, reading_stub if name in {UNSCOPED, SCOPED} else stub), app
    return found


def request(app: App, token: str) -> tuple[Scope, Receive]:
    """Make a request, and what its body is received from."""
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers += [(b"content-length", str(len(BODY)).encode()), (b"authorization", b"Bearer " + token.encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": headers,
        "root_path": "",
        "app": app,
    }
    sent = [{"type": "http.request", "body": BODY, "more_body": False}]

    async def receive() -> Message:
        return sent.pop()

    return scope, receive


async def check(name: str, app: App, served: App, token: str) -> None:
    """Assert that a middleware signs in the user of a token, and refuses a forged one."""
    claims = claims_of(token)
    scope, receive = request(served, token)
    await app(scope, receive, silent)
    known = scope["user"].access_token
    identity = known.client_id, known.claims["sub"], sorted(known.scopes), sorted(scope["auth"].scopes)
    scopes = sorted(claims["scope"].split())
    if identity != (claims["client_id"], claims["sub"], scopes, scopes) or known.claims != claims:
        raise SystemExit(f"{name} signs in another user")
    forged, receive = request(served, f"{token[:-8]}{'A' * 8}")
    await app(forged, receive, silent)
    if name != CREDULOUS and isinstance(forged["user"], AuthenticatedUser):
        raise SystemExit(f"{name} accepts a forged token")


async def turn(app: App, served: App, tokens: list[str]) -> float:
    """Send a request with each token, and give the CPU time of one in microseconds."""
    made = [request(served, token) for token in tokens]
    start = time.process_time_ns()
    for scope, receive in made:
        await app(scope, receive, silent)
    return (time.process_time_ns() - start) / len(made) / 1000


async def measure(found: dict[str, tuple[App, App]], tokens: list[str], rounds: int) -> dict[str, Any]:
    """Ask all by turns, and give medians, and intervals of what each takes beyond its base."""
    for name, (app, served) in found.items():
        if name != STUB:
            await check(name, app, served, tokens[0])
    times: dict[str, list[float]] = {name: [] for name in found}
    names = list(found)
    # What there is is not looked through again after each round.
    gc.freeze()
    gc.disable()
    for number in range(-20, rounds):
        random.shuffle(names)
        for name in names:
            took = await turn(*found[name], tokens)
            # The first rounds warm up.
            if number >= 0:
                times[name].append(took)
        gc.collect()
    measured: dict[str, Any] = {name: {"us": round(statistics.median(values), 2)} for name, values in times.items()}
    for name, base in BASES.items():
        beyond = [one - other for one, other in zip(times[name], times[base], strict=True)]
        measured[name] |= {
            "beyond": base,
            "beyond_us": round(statistics.median(beyond), 2),
            "interval_us": interval(beyond, 2),
        }
    return measured


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1500, help="rounds (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=20, help="tokens in a round (default: %(default)s)")
    options = parser.parse_args()
    quiet()
    load = round(os.getloadavg()[0], 1)
    demands = demands_of("RS256")
    tokens = [typical(demands) for _ in range(options.tokens)]
    measured = asyncio.run(measure(contenders(demands, tokens[0]), tokens, options.rounds))
    for name, numbers in measured.items():
        beyond = (
            f"{numbers['beyond_us']:>7} {numbers['interval_us']} beyond {numbers['beyond']}"
            if "beyond" in numbers
            else ""
        )
        print(f"{name:<64}{numbers['us']:>7} us {beyond}")
    write(
        "layer", {**environment(), "load": load, "rounds": options.rounds, "tokens": options.tokens, "layers": measured}
    )


if __name__ == "__main__":
    main()
