"""Compares verifiers on the same tokens, in turns, so that a busy moment of the machine affects all of them."""

import base64
import random
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastmcp_rs.cli.bench.contenders import Demands, Verify, contenders, signature_alone
from fastmcp_rs.testing import KeyPair
from fastmcp_rs.types import SigningAlgorithm

__all__ = [
    "CASES",
    "SIGNATURE_ALONE",
    "WARM_UP_ROUNDS",
    "Case",
    "Timer",
    "Timings",
    "compare",
    "demands_of",
    "timer",
    "timers_of",
    "typical",
]

ISSUER = "https://issuer.example"
AUDIENCE = "https://server.example/mcp"
SCOPE = "read"
# Not timed. A token that comes again was then seen so often that all that is ever remembered of it is.
WARM_UP_ROUNDS = 3
SIGNATURE_ALONE = "the signature alone (cryptography)"

# Gives the time of one token, in microseconds.
Timer = Callable[[Sequence[str], bool], Awaitable[float]]


@dataclass(frozen=True)
class Case:
    """A kind of token, made anew for each round."""

    name: str
    accepted: bool
    make: Callable[[Demands], str]
    # Whether each round has the tokens of the first.
    seen_before: bool = False


@dataclass(frozen=True)
class Timings:
    """Microseconds for one token, of each contender in each round."""

    rounds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """The median of a contender, in microseconds."""
        return statistics.median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        """How many times as long a contender takes as another: the median over the rounds."""
        pairs = zip(self.rounds[name], self.rounds[to], strict=True)
        return statistics.median(one / other for one, other in pairs)


def typical(demands: Demands, more: Mapping[str, object] | None = None, *, expires_in_seconds: int = 3600) -> str:
    """An access token with ten claims, unlike any other."""
    claims = {
        "jti": str(uuid.uuid4()),
        "client_id": "desktop-client",
        "email": "alice@example.com",
        "nbf": 1_700_000_000,
    }
    return demands.keys.create_token(
        "auth0|63f1a2b3c4d5e6f708192a3b",
        demands.issuer,
        demands.audience,
        [SCOPE, "write"],
        expires_in_seconds,
        {**claims, **(more or {})},
        kid="2027-01",
    )


def _large(demands: Demands) -> str:
    value = "a value of forty characters or thereabouts"
    return typical(demands, {f"https://issuer.example/{number}": value for number in range(50)})


def _scoped(demands: Demands) -> str:
    return typical(demands, {"scope": " ".join([SCOPE, *(f"resource-{number}:write" for number in range(199))])})


def _forged(demands: Demands) -> str:
    genuine, other = typical(demands), typical(demands)
    return f"{genuine.rpartition('.')[0]}.{other.rpartition('.')[2]}"


def _other_algorithm(demands: Demands) -> str:
    other: SigningAlgorithm = "ES256" if demands.algorithm != "ES256" else "RS256"
    return typical(Demands(_OTHER_KEYS[other], demands.issuer, demands.audience, demands.scope))


class _LazyKeys(dict[SigningAlgorithm, KeyPair]):
    def __missing__(self, algorithm: SigningAlgorithm) -> KeyPair:
        self[algorithm] = KeyPair.generate(algorithm)
        return self[algorithm]


_OTHER_KEYS = _LazyKeys()

CASES = (
    Case("accepted, new", accepted=True, make=typical),
    Case("accepted, seen before", accepted=True, make=typical, seen_before=True),
    Case("accepted, 60 claims", accepted=True, make=_large),
    Case("accepted, 200 scopes", accepted=True, make=_scoped),
    Case("refused: garbage", accepted=False, make=lambda _: "garbage"),
    Case("refused: other algorithm", accepted=False, make=_other_algorithm),
    Case("refused: bad signature", accepted=False, make=_forged),
    Case("refused: expired", accepted=False, make=partial(typical, expires_in_seconds=-60)),
)


def demands_of(algorithm: SigningAlgorithm) -> Demands:
    """The demands on tokens, with a new key."""
    return Demands(KeyPair.generate(algorithm), ISSUER, AUDIENCE, SCOPE)


def timers_of(demands: Demands) -> dict[str, Timer]:
    """A timer of each contender, and of a signature alone where ``cryptography`` is installed."""
    timers: dict[str, Timer] = {name: timer(verify) for name, verify in contenders(demands).items()}
    check = signature_alone(demands)
    if check is not None:
        timers[SIGNATURE_ALONE] = _timer_of_signatures(check)
    return timers


def timer(verify: Verify) -> Timer:
    """A timer of a verifier."""

    async def timed(tokens: Sequence[str], accepted: bool) -> float:  # noqa: FBT001 - a kind of token
        right = 0
        start = time.perf_counter_ns()
        for token in tokens:
            # Results are dropped, as in a server; keeping them would allocate new memory for each.
            if ((await verify(token)) is not None) is accepted:
                right += 1
        elapsed = time.perf_counter_ns() - start
        if right != len(tokens):
            raise RuntimeError("a verifier gave the wrong answer")
        return elapsed / len(tokens) / 1000

    return timed


def _timer_of_signatures(check: Callable[[bytes, bytes], object]) -> Timer:
    async def timed(tokens: Sequence[str], _accepted: bool) -> float:  # noqa: FBT001 - as above
        parts = [token.rpartition(".") for token in tokens]
        signed = [(message.encode(), base64.urlsafe_b64decode(f"{signature}==")) for message, _, signature in parts]
        start = time.perf_counter_ns()
        for message, signature in signed:
            check(message, signature)
        return (time.perf_counter_ns() - start) / len(tokens) / 1000

    return timed


async def compare(case: Case, demands: Demands, timers: Mapping[str, Timer], rounds: int, tokens: int) -> Timings:
    """Time rounds of tokens, after some that are not timed.

    Raises:
        RuntimeError: A verifier gave the wrong answer.
    """
    names = [name for name in timers if case.accepted or name != SIGNATURE_ALONE]
    timed: dict[str, list[float]] = {name: [] for name in names}
    batch = [case.make(demands) for _ in range(tokens)]
    for name in names * WARM_UP_ROUNDS:
        await timers[name](batch, case.accepted)
    shuffle = random.Random(case.name)  # noqa: S311 - nothing is secret here
    for _ in range(rounds):
        if not case.seen_before:
            batch = [case.make(demands) for _ in range(tokens)]
        # In random order, since each verifier finds the processor's caches as the one before has left them.
        shuffle.shuffle(names)
        for name in names:
            timed[name].append(await timers[name](batch, case.accepted))
    return Timings(timed)
