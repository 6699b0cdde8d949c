"""Compare claims with claims: a decision of ours, with and without its dict, beside JWT libraries that return claims.

Each is called as it is, on one thread and without an event loop, with a key that is prepared once, for the same issuer,
audience and expiry. Ours checks the scope as well. Some libraries need a newer Python than FastMCP does, so this
program runs by itself, under an interpreter that all of them have wheels for; it prints which that is, and what it
measured. What a library returns as JSON text is parsed, and what it does not check is checked, as the others do.
"""

import argparse
import base64
import gc
import json
import platform
import random
import statistics
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.comparison import demands_of, typical
from fastmcp_rs.cli.bench.contenders import Demands, libraries
from fastmcp_rs.cli.parser import TIMED_ALGORITHMS

DECISION = "fastmcp-rs: decision"
SEEN = "fastmcp-rs: decision, seen before"
CLAIMS = "fastmcp-rs: decision and claims"
UNCACHED = "fastmcp-rs: decision and claims, cache off"
PEERS = ("ryjwt", "oxyjwt", "webtoken", "PyJWT", "joserfc", "pyjosers")

DRAWN = random.Random(20)  # noqa: S311 - nothing secret is drawn
# Rounds before those that count: caches fill, and a key and claims that are used much are prepared for that.
WARMING_UP = 10

Decode = Callable[[str], object]


def ours(demands: Demands) -> dict[str, Decode]:
    """Make what of ours is compared."""
    options = demands.options
    # What the coroutines of a provider call.
    decide, seeing, deciding = (JWTVerifier(**options)._native.decide for _ in range(3))  # noqa: SLF001
    uncached = JWTVerifier(**options, cache_size=0)._native.decide  # noqa: SLF001
    return {
        DECISION: decide,
        SEEN: seeing,
        CLAIMS: lambda token: deciding(token).claims(),
        UNCACHED: lambda token: uncached(token).claims(),
    }


def check(name: str, decode: Decode, token: str) -> None:
    """Assert that a contender gives the claims of a token, and refuses it when it is changed."""
    claims: Any = decode(token)
    if name in {DECISION, SEEN}:
        claims = claims.claims()
    if (claims["sub"], claims["scope"].split()) != (_subject_of(token), ["read", "write"]):
        raise SystemExit(f"{name} gives other claims")
    head, payload, signature = token.split(".")
    forged = f"{head}.{payload}.{signature[:-8]}{'A' * 8}"
    try:
        refused = decode(forged)
    except Exception:  # noqa: BLE001 - any error of a library refuses
        return
    if getattr(refused, "code", None) != "invalid_signature" and refused is not None:
        raise SystemExit(f"{name} accepts a forged token")


def _subject_of(token: str) -> str:
    """Give the subject of a token, as Python's own parser reads it."""
    payload = token.split(".")[1]
    subject: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    return subject


def varied(demands: Demands, more: dict[str, object] | None = None) -> str:
    """Make a token of its own user, with scopes and times of its own; with others it shares four of ten claims."""
    name = uuid.uuid4().hex
    claims = {
        "jti": str(uuid.uuid4()),
        "client_id": "desktop-client",
        "email": f"{name}@example.com",
        "nbf": 1_700_000_000,
    }
    scopes = [demands.scope, "write", *DRAWN.sample(("admin", "files", "mail", "notes"), DRAWN.randint(0, 3))]
    lifetime = DRAWN.randint(600, 3600)
    return demands.keys.create_token(
        f"auth0|{name}", demands.issuer, demands.audience, scopes, lifetime, {**claims, **(more or {})}, kid="2027-01"
    )


def mixed(demands: Demands) -> str:
    """Make such a token in one of three shapes, as three kinds of clients would have them."""
    extra: dict[str, object] = {"roles": ["a", "b"], "org": {"id": DRAWN.randint(1, 9)}}
    return varied(demands, dict(DRAWN.choice(([], [("azp", "web")], list(extra.items())))))


# What is measured beside the tokens of each algorithm, which have one user: how much alike tokens are counts for ours.
OTHER_TOKENS: dict[str, Callable[[Demands], str]] = {"HS256, many users": varied, "HS256, and three shapes": mixed}


def measure(
    algorithm: str, rounds: int, tokens: int, made: Callable[[Demands], str] = typical
) -> dict[str, dict[str, float]]:
    """Compare all in one algorithm, by turns in an order that is drawn anew for each round."""
    demands = demands_of(algorithm)
    contenders = {**ours(demands), **libraries(demands)}
    for name, decode in contenders.items():
        check(name, decode, typical(demands))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    seen = [made(demands) for _ in range(tokens)]
    names = list(contenders)
    # One would pay for what another left.
    gc.disable()
    for number in range(-WARMING_UP, rounds):
        new = [made(demands) for _ in range(tokens)]
        random.shuffle(names)
        for name in names:
            decode, given = contenders[name], seen if name == SEEN else new
            start = time.perf_counter_ns()
            for token in given:
                decode(token)
            elapsed = time.perf_counter_ns() - start
            if number >= 0:
                times[name].append(elapsed / tokens / 1000)
    fastest = times.get("ryjwt", times[CLAIMS])
    return {
        name: {
            "us": round(statistics.median(values), 2),
            "speed_to_ryjwt": round(statistics.median(b / a for a, b in zip(values, fastest, strict=True)), 2),
        }
        for name, values in sorted(times.items(), key=lambda item: statistics.median(item[1]))
    }


def main() -> None:
    """Measure, and print the numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="rounds (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=20, help="tokens in a round (default: %(default)s)")
    parser.add_argument("--algorithms", nargs="+", default=TIMED_ALGORITHMS, choices=TIMED_ALGORITHMS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    measured = {name: measure(name, options.rounds, options.tokens) for name in options.algorithms}
    for name, made in OTHER_TOKENS.items() if "HS256" in options.algorithms else ():
        measured[name] = measure("HS256", options.rounds, options.tokens, made)
    versions = {}
    for name in PEERS:
        with suppress(Exception):
            versions[name] = version(name)
    results = {
        "python": platform.python_version(),
        "rounds": options.rounds,
        "tokens": options.tokens,
        "versions": versions,
        "algorithms": measured,
    }
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
