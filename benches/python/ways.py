"""What a request costs in each of the ways in which a FastMCP server can authenticate it.

Each way is taken with FastMCP as it comes, with `install()`, and with the class of this package, by turns in one event
loop: every round asks all of them, in an order that is drawn anew, so that none always comes behind one that leaves
work to others. The token is one that was seen before. Endpoints are servers on this machine, in another process. The
answers are compared, and a bad token has to be refused, before anything is timed.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastmcp
import httpx2
from fastmcp.server.auth import MultiAuth
from fastmcp.server.auth.oauth_proxy.proxy import JTIMapping, OAuthProxy, UpstreamTokenSet
from fastmcp.server.auth.providers.github import GitHubProvider, GitHubTokenVerifier
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPVerifier
from key_value.aio.stores.memory import MemoryStore
from results import environment, quiet, write
from ways_endpoints import GOOD

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, OAuthProvider
from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"
FASTMCP, INSTALLED, NATIVE = "FastMCP", "install()", "our class"
SESSION = "a-session"
GITHUB = "https://api.github.com"
# A file is trusted once it has been unchanged for two seconds.
SETTLED_SECONDS = 2.2
# Less CPU time than this share of a pause means that nothing in this process works by itself.
IDLE_SHARE = 0.05

Ask = Callable[[str], Awaitable[Any]]
# A class or an object of FastMCP's or of this package.
Verifier = Storage = Answer = Any


@dataclass
class Way:
    """One way: how a token is asked about, with classes of FastMCP's and with those of this package, if there are."""

    name: str
    token: str
    theirs: Ask
    ours: Ask | None = None
    # Whether our class is inside one of FastMCP's that `install()` makes faster.
    is_inside: bool = False
    # How many questions are asked of each in a round; fewer of what takes long.
    calls: int = 200
    # Whether it is mostly waiting, so that elapsed time is given as well.
    waits: bool = False
    costs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def contenders(self) -> dict[str, tuple[Ask, bool]]:
        """Give by name who is asked, and whether `install()` is in effect."""
        found = {FASTMCP: (self.theirs, False), INSTALLED: (self.theirs, True)}
        return found if self.ours is None else {**found, NATIVE: (self.ours, self.is_inside)}


@contextlib.contextmanager
def endpoints(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run the endpoints, and give their addresses."""
    command = [sys.executable, str(Path(__file__).with_name("ways_endpoints.py")), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the endpoints say nothing")
        announced = json.loads(process.stdout.readline())
        os.environ["SSL_CERT_FILE"] = str(trusted(folder, announced["certificate"]))
        introspection, quick, slow = announced["ports"]
        yield f"http://127.0.0.1:{introspection}", f"https://127.0.0.1:{quick}", f"https://127.0.0.1:{slow}"


def trusted(folder: Path, certificate: str) -> Path:
    """Write the system's certificates and one more into a file: the time to read them is a part of what is measured."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    bundle = folder / "trusted.pem"
    bundle.write_text("".join(map(ssl.DER_cert_to_PEM_cert, known)) + Path(certificate).read_text())
    return bundle


def github_at(address: str) -> type[GitHubTokenVerifier]:
    """Give FastMCP's verifier of GitHub's tokens with another address in its code, which is a constant there."""
    original = GitHubTokenVerifier.verify_token
    code = original.__code__
    constants = [text.replace(GITHUB, address) if isinstance(text, str) else text for text in code.co_consts]
    moved = type(original)(code.replace(co_consts=tuple(constants)), original.__globals__)
    return type("GitHubTokenVerifier", (GitHubTokenVerifier,), {"verify_token": moved})


async def proxied(proxy: OAuthProxy, upstream: str) -> str:
    """Store a session, as a login at the identity provider does, and give the proxy's token for it."""
    now = time.time()
    proxy.set_mcp_path("/mcp")
    session = {
        "upstream_token_id": SESSION,
        "access_token": upstream,
        "refresh_token": "a-refresh-token",
        "refresh_token_expires_at": None,
        "expires_at": now + 3600,
        "token_type": "Bearer",
        "scope": "read",
        "client_id": "app",
        "created_at": now,
        "raw_token_data": {"access_token": upstream, "token_type": "Bearer", "scope": "read", "expires_in": 3600},
    }
    # From the inside: a login would need a browser.
    store, mappings = vars(proxy)["_upstream_token_store"], vars(proxy)["_jti_mapping_store"]
    await store.put(key=SESSION, value=UpstreamTokenSet(**session), ttl=3600)
    mapping = JTIMapping(jti="a-jti", upstream_token_id=SESSION, created_at=now)
    await mappings.put(key="a-jti", value=mapping, ttl=3600)
    return proxy.jwt_issuer.issue_access_token("app", ["read"], "a-jti", expires_in=3600)


def oauth_proxy(verifier: Verifier, storage: Storage) -> OAuthProxy:
    """Make a proxy in front of an identity provider."""
    return OAuthProxy(
        upstream_authorization_endpoint="https://issuer.example/authorize",
        upstream_token_endpoint="https://issuer.example/token",  # noqa: S106 - it is an address
        upstream_client_id="app",
        upstream_client_secret="the secret of a client at its provider",  # noqa: S106 - no provider has it
        jwt_signing_key=b"the secret with which the proxy signs its own tokens",
        token_verifier=verifier,
        base_url="https://server.example",
        client_storage=storage,
    )


def jwt_ways() -> list[Way]:
    """Make the ways whose tokens are JWTs, and that ask no server."""
    pairs = [KeyPair.generate("RS256") for _ in range(3)]

    def verifiers(verifier: Verifier) -> list[Verifier]:
        return [
            verifier(public_key=pair.public_key, issuer=f"https://{number}.example", audience=AUDIENCE)
            for number, pair in enumerate(pairs)
        ]

    tokens = [
        pair.create_token("alice", f"https://{number}.example", AUDIENCE, ["read"]) for number, pair in enumerate(pairs)
    ]
    theirs, ours = verifiers(FastMCPVerifier), verifiers(JWTVerifier)
    return [
        Way("JWTVerifier", tokens[0], theirs[0].verify_token, ours[0].verify_token),
        Way(
            "MultiAuth of three issuers, token of the third",
            tokens[2],
            MultiAuth(verifiers=theirs).verify_token,
            MultiAuth(verifiers=ours).verify_token,
        ),
    ]


async def proxy_ways(folder: Path) -> list[Way]:
    """Make the ways of `OAuthProxy` with JWTs of its identity provider."""
    pair = KeyPair.generate("RS256")
    options = {"public_key": pair.public_key, "issuer": "https://issuer.example", "audience": AUDIENCE}
    upstream = pair.create_token("alice", options["issuer"], AUDIENCE, ["read"])
    ways = []
    for kind, storage in {"default storage (files)": lambda: None, "storage in memory": MemoryStore}.items():
        proxies = []
        for name, verifier in (("theirs", FastMCPVerifier), ("ours", JWTVerifier)):
            fastmcp.settings.home = folder / kind.partition(" ")[0] / name
            proxies.append(oauth_proxy(verifier(**options), storage()))
        theirs, ours = proxies
        token = await proxied(theirs, upstream)
        # Both sign with the same key.
        await proxied(ours, upstream)
        ways.append(Way(f"OAuthProxy, {kind}", token, theirs.verify_token, ours.verify_token, is_inside=True))
    return ways


async def asking_ways(folder: Path, introspection: str, quick: str, slow: str) -> list[Way]:
    """Make the ways in which a server is asked about each token."""
    client = {"client_id": "server", "client_secret": "the secret of this server"}
    options = {"introspection_url": f"{introspection}/introspect", **client, "required_scopes": ["read"]}
    native = OAuthProvider(
        client["client_id"],
        client["client_secret"],
        f"{introspection}/token",
        ["read"],
        introspection_url=options["introspection_url"],
    )
    as_it_comes = IntrospectionTokenVerifier(**options)
    with_client = IntrospectionTokenVerifier(**options, http_client=httpx2.AsyncClient())
    ways = [
        Way("IntrospectionTokenVerifier", GOOD, as_it_comes.verify_token, native.verify_token, calls=60),
        Way(
            "IntrospectionTokenVerifier with http_client=",
            GOOD,
            with_client.verify_token,
            native.verify_token,
            calls=60,
        ),
    ]
    for delay, address in {"at once": quick, "after 50 ms": slow}.items():
        more: dict[str, Any] = {"calls": 5, "waits": address == slow}
        verifier = github_at(address)(required_scopes=["read"])
        ways.append(Way(f"GitHubTokenVerifier, GitHub answers {delay}", GOOD, verifier.verify_token, **more))
        fastmcp.settings.home = folder / "github" / delay
        provider = GitHubProvider(**client, base_url="https://server.example", jwt_signing_key=b"a key" * 8)
        vars(provider)["_token_validator"] = verifier
        token = await proxied(provider, GOOD)
        ways.append(Way(f"GitHubProvider, GitHub answers {delay}", token, provider.verify_token, **more))
    return ways


def switch(*, on: bool) -> None:
    """Put `install()` to use, or take it back."""
    if on:
        fastmcp_rs.install()
    else:
        fastmcp_rs.uninstall()


def fields(answer: Answer) -> tuple[Any, ...]:
    """Give what has to be the same in every answer."""
    return answer.client_id, sorted(answer.scopes), answer.token


async def check(way: Way) -> None:
    """Compare the answers to the good token and to a bad one."""
    first = None
    for name, (ask, installed) in way.contenders().items():
        switch(on=installed)
        for _ in range(3):
            answer = await ask(way.token)
            if answer is None:
                raise SystemExit(f"{way.name}: {name} refuses the token")
            first = first or fields(answer)
            if fields(answer) != first:
                raise SystemExit(f"{way.name}: {name} answers {fields(answer)}, not {first}")
        if await ask(f"{way.token[:-9]}{way.token[:-9][-9:]}") is not None:
            raise SystemExit(f"{way.name}: {name} accepts a bad token")


async def idle() -> None:
    """Wait until nothing in this process works by itself.

    On Linux a thread that FastMCP's file store started goes on polling for a while after its last read, and the CPU
    time of the process has that of the thread in it.
    """
    while True:
        cpu, elapsed = time.process_time_ns(), time.perf_counter_ns()
        await asyncio.sleep(0.05)
        if time.process_time_ns() - cpu < IDLE_SHARE * (time.perf_counter_ns() - elapsed):
            return


async def run_turn(way: Way, name: str, calls: int) -> None:
    """Ask one of the contenders of a way, and note CPU time and elapsed time of one question in microseconds."""
    ask, installed = way.contenders()[name]
    switch(on=installed)
    # The garbage of another is not collected at this one's cost.
    gc.collect()
    # What is found out once for each key and each event loop is no part of a request.
    for _ in range(3):
        await ask(way.token)
    await idle()
    cpu, elapsed = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(calls):
        await ask(way.token)
    spent = time.process_time_ns() - cpu, time.perf_counter_ns() - elapsed
    way.costs[name].append((spent[0] / calls / 1000, spent[1] / calls / 1000))


async def measure(folder: Path, addresses: tuple[str, str, str], rounds: int, calls: int | None) -> list[Way]:
    """Make all ways, check them, and measure them by turns."""
    ways = [*await proxy_ways(folder), *await asking_ways(folder, *addresses), *jwt_ways()]
    await asyncio.sleep(SETTLED_SECONDS)
    for way in ways:
        await check(way)
        way.costs = {name: [] for name in way.contenders()}
    turns = [(way, name) for way in ways for name in way.costs]
    for _ in range(rounds):
        for way, name in random.sample(turns, len(turns)):
            await run_turn(way, name, calls or way.calls)
    return ways


def summary(way: Way) -> dict[str, Any]:
    """Give the medians, and the median of what each round says how many times FastMCP's cost they are."""
    by_case: dict[str, Any] = {}
    for name, costs in way.costs.items():
        cpu, elapsed = zip(*costs, strict=True)
        times = [theirs[0] / ours[0] for theirs, ours in zip(way.costs[FASTMCP], costs, strict=True)]
        by_case[name] = {
            "cpu_us": round(statistics.median(cpu), 1),
            "elapsed_us": round(statistics.median(elapsed), 1),
            "times": round(statistics.median(times), 1),
        }
    return {"waits": way.waits, "costs": by_case}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="rounds of all ways (default: %(default)s)")
    parser.add_argument("--calls", type=int, help="questions of each in a round (default: by way)")
    options = parser.parse_args()
    quiet()
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as name, endpoints(Path(name)) as addresses:
        ways = asyncio.run(measure(Path(name), addresses, options.rounds, options.calls))
    fastmcp_rs.uninstall()
    by_way = {way.name: summary(way) for way in ways}
    for way, columns in by_way.items():
        print(way)
        for name, numbers in columns["costs"].items():
            print(f"  {name:<12}{numbers['cpu_us']:>9} us of CPU {numbers['elapsed_us']:>11} us   1/{numbers['times']}")
    write("ways", {**environment(), "load": load, "rounds": options.rounds, "ways": by_way})


if __name__ == "__main__":
    main()
