"""What a bound token costs: one that was seen before, with a proof of possession (RFC 9449) that is new.

Every round has a client with a key of its own, whose proofs are signed before the clock runs, each with a ``jti``
of its own. All take the same proofs, by turns in an order that is drawn anew for each round: ``authenticate`` of ours
as a whole, which reads a request, decides about the token and then about the proof; the native part of that alone; and
of authplane-sdk what checks a proof and nothing else, since it takes the keys of tokens over the network only. Beside
them aws-lc checks the signatures alone, each under a key that is prepared for it. Each has remembered no other proof,
or many that are alive. Each answer is asserted, the timed ones too.

Times are elapsed ones, since no request waits for another. Of the requests of a turn the median counts: the first one
finds the processor's caches cold, and other work of the machine halts some. The CPU time beside it is a mean. This
program runs under an interpreter that authplane-sdk has a wheel for, and prints what it measured; `dpop.py` starts it.
"""

import argparse
import asyncio
import gc
import json
import platform
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from authplane.dpop import InMemoryDPoPReplayStore
from authplane.dpop_verification import verify_dpop_proof
from authplane.errors import AuthplaneError
from floor import floor
from results import quiet

from fastmcp_rs._native import Decision, DpopRequest
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

SERVER, ISSUER = "https://server.example", "https://issuer.example"
URL = f"{SERVER}/mcp"
OURS = "fastmcp-rs"
NATIVE = "fastmcp-rs, the native part"
PEER = "authplane-sdk, the proof alone"
FLOOR = "the signature alone (aws-lc), key not prepared"
ALONE = "accepted, no other proof alive"
BAD_PROOF, BAD_TOKEN = "refused: signature of the proof", "refused: signature of the token"
# So many of one key are remembered: ours has a bound.
PROOFS_OF_ONE_CLIENT = 100
LONG = 3600

Ask = Callable[["Request"], Awaitable[object]]


@dataclass(frozen=True)
class Request:
    """What a client sends: a token and a proof, in the scope of a request."""

    token: str
    proof: str
    jkt: str
    scope: dict[str, Any]


@dataclass
class Client:
    """A client with a key, and a token that is bound to it."""

    issuer: KeyPair

    def __post_init__(self) -> None:
        """Make the key and the token."""
        self.keys = KeyPair.generate("ES256")
        self.token = self.bound(self.issuer)

    def bound(self, issuer: KeyPair) -> str:
        """Sign a token for the key."""
        confirmed = {"cnf": {"jkt": self.keys.thumbprint()}}
        return issuer.create_token("alice", ISSUER, URL, ["read"], additional_claims=confirmed)

    def request(self, proof: str | None = None, token: str | None = None, issued_in_seconds: float = 0) -> Request:
        """Make a request, with a new proof where none is given."""
        token = token or self.token
        proof = proof or self.keys.create_dpop_proof("POST", URL, token, issued_in_seconds=issued_in_seconds)
        headers = {"host": "server.example", "authorization": f"DPoP {token}", "dpop": proof}
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "https",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        return Request(token, proof, self.keys.thumbprint(), scope)

    def forged(self) -> Request:
        """Make a request whose proof names the key and is signed with another."""
        key = {name: value for name, value in self.keys.jwk().items() if name not in {"alg", "use"}}
        other = KeyPair.generate("ES256")
        return self.request(other.create_dpop_proof("POST", URL, self.token, additional_header={"jwk": key}))

    def untrusted(self, other_issuer: KeyPair) -> Request:
        """Make a request with a good proof, for a token that another issuer signed."""
        return self.request(token=self.bound(other_issuer))


@dataclass
class Contenders:
    """Those who are asked, each with a memory of proofs of its own."""

    issuer: KeyPair

    def __post_init__(self) -> None:
        """Make them, without a proof."""
        options: dict[str, Any] = {
            "public_key": self.issuer.public_key,
            "algorithm": "RS256",
            "issuer": ISSUER,
            "audience": URL,
            "required_scopes": ["read"],
            "base_url": SERVER,
            "dpop": "required",
        }
        self.verifier, self.native, self.store = (
            JWTVerifier(**options),
            JWTVerifier(**options),
            InMemoryDPoPReplayStore(),
        )
        self.asked: dict[str, Ask] = {OURS: self.authenticate, NATIVE: self.decide, PEER: self.verify}

    async def authenticate(self, request: Request) -> object:
        """Ask ours."""
        return await self.verifier.authenticate(request.scope)

    async def decide(self, request: Request) -> object:
        """Ask the native part of ours, as ``authenticate`` does."""
        given = DpopRequest.of(request.scope, SERVER, None, False)  # noqa: FBT003 - as there
        if isinstance(given, Decision):
            return None
        decision = self.native._dpop.prove(self.native._native.decide(given.token), given)  # noqa: SLF001
        return decision if decision.is_accepted else None

    async def verify(self, request: Request) -> object:
        """Ask authplane-sdk about a proof, and not about the token."""
        try:
            return await verify_dpop_proof(
                request.proof,
                method="POST",
                url=URL,
                replay_store=self.store,
                access_token=request.token,
                expected_jkt=request.jkt,
            )
        except AuthplaneError:
            return None

    async def see(self, client: Client) -> None:
        """Let ours see a token: a further request has one that was seen before."""
        for ask in self.asked.values():
            await expect(accepted=True, asked=ask, requests=[client.request()])

    async def remember(self, live: int) -> None:
        """Fill the memories with proofs that stay alive while the rounds last."""
        for begin in range(0, live, PROOFS_OF_ONE_CLIENT):
            client = Client(self.issuer)
            for number in range(begin, min(begin + PROOFS_OF_ONE_CLIENT, live)):
                # As far ahead as is accepted, almost: it lives the longer.
                request = client.request(issued_in_seconds=250)
                for ask in (self.authenticate, self.decide):
                    await expect(accepted=True, asked=ask, requests=[request])
                await self.store.check_and_store(str(number), int(time.time()) + LONG)

    def remembered(self) -> int:
        """How many proofs ours remember at the least."""
        return min(verifier._dpop.remembered for verifier in (self.verifier, self.native))  # noqa: SLF001


async def expect(*, accepted: bool, asked: Ask, requests: Iterable[Request]) -> None:
    """Assert what becomes of requests."""
    for request in requests:
        if (await asked(request) is not None) != accepted:
            raise SystemExit(f"{asked.__qualname__} {'refuses' if accepted else 'accepts'} what it should not")


async def check(issuer: KeyPair) -> None:
    """Assert that each verifier takes a proof once, and no other than a good one for this method and token."""
    contenders, client, other_client = Contenders(issuer), Client(issuer), Client(issuer)
    for ask in contenders.asked.values():
        good = client.request()
        await expect(accepted=True, asked=ask, requests=[good])
        bad = [
            good,
            client.forged(),
            client.request(issued_in_seconds=-LONG),
            client.request(client.keys.create_dpop_proof("GET", URL, client.token)),
            client.request(client.keys.create_dpop_proof("POST", URL, other_client.token)),
            client.request(other_client.keys.create_dpop_proof("POST", URL, client.token)),
        ]
        await expect(accepted=False, asked=ask, requests=bad)
    # The token comes first: a proof beside a bad token is not checked.
    other = KeyPair.generate("RS256")
    for proof in (None, "nothing of a proof"):
        request = client.request(proof, token=client.bound(other))
        await expect(accepted=False, asked=contenders.authenticate, requests=[request])
    refused = contenders.verifier.stats()["rejected"]
    if (refused["invalid_signature"], refused["dpop_signature_invalid"], refused["dpop_proof_replayed"]) != (2, 1, 1):
        raise SystemExit("requests are refused for other reasons than those that they have")


@dataclass(frozen=True)
class Cost:
    """The microseconds of a request: elapsed, the median, and of the CPU, the mean, where that is known."""

    us: float
    cpu_us: float | None = None


async def timed(ask: Ask, requests: Sequence[Request], *, accepted: bool) -> Cost:
    """Time requests, and assert each answer."""
    answers, times = [], []
    began = time.process_time_ns()
    for request in requests:
        start = time.perf_counter_ns()
        answer = await ask(request)
        times.append(time.perf_counter_ns() - start)
        answers.append(answer)
    elapsed = time.process_time_ns() - began
    if any((answer is not None) != accepted for answer in answers):
        raise SystemExit(f"{ask.__qualname__} gives another answer when it is timed")
    return Cost(statistics.median(times) / 1000, elapsed / len(requests) / 1000)


def of_signatures(signature: Callable[[Sequence[str]], float], proofs: Sequence[str]) -> Cost:
    """Time the signatures alone, in small parts of which most meet no other work of the machine."""
    return Cost(statistics.median(signature(proofs[begin : begin + 10]) for begin in range(0, len(proofs), 10)))


async def round_of(
    case: str, contenders: Contenders, size: int, signature: Callable[[Sequence[str]], float]
) -> dict[str, Cost]:
    """Ask each about the same requests, in any order."""
    client = Client(contenders.issuer)
    await contenders.see(client)
    accepted, asked = case.startswith("accepted"), dict(contenders.asked)
    if case == BAD_TOKEN:
        other = KeyPair.generate("RS256")
        requests = [client.untrusted(other) for _ in range(size)]
        # It is given no token to decide about.
        del asked[PEER]
    elif accepted:
        requests = [client.request() for _ in range(size)]
    else:
        requests = [client.forged() for _ in range(size)]
    names = [*asked, *([FLOOR] if accepted else [])]
    random.shuffle(names)
    gc.collect()
    return {
        name: await timed(asked[name], requests, accepted=accepted)
        if name in asked
        else of_signatures(signature, [request.proof for request in requests])
        for name in names
    }


async def measure(rounds: int, size: int, live: int) -> dict[str, dict[str, Any]]:
    """Compare in each case."""
    issuer = KeyPair.generate("RS256")
    await check(issuer)
    full = Contenders(issuer)
    # Each round adds its own.
    await full.remember(max(live - rounds * size // 2, 0))
    among_others = f"accepted, about {live:,} proofs alive"
    costs: dict[str, list[dict[str, Cost]]] = {}
    # One would pay for what another left.
    gc.disable()
    with floor("ES256") as signature:
        for number in range(-1, rounds):
            # Where no other proof is alive, each is new in each round.
            cases = {name: Contenders(issuer) for name in (ALONE, BAD_PROOF, BAD_TOKEN)}
            for case, contenders in {ALONE: cases[ALONE], among_others: full, **cases}.items():
                found = await round_of(case, contenders, size, signature)
                # The first round warms up.
                if number >= 0:
                    costs.setdefault(case, []).append(found)
    if full.remembered() < live:
        raise SystemExit(f"fewer than {live} proofs were alive to the end: ask for fewer rounds")
    return {case: announced(found) for case, found in costs.items()}


def announced(rounds: Sequence[dict[str, Cost]]) -> dict[str, Any]:
    """Give medians: of the times, of those times ours, and of what is added to the floor."""

    def beside_ours(name: str) -> dict[str, float]:
        numbers = {
            "us": statistics.median(each[name].us for each in rounds),
            "times_ours": statistics.median(each[name].us / each[OURS].us for each in rounds),
            "times_native": statistics.median(each[name].us / each[NATIVE].us for each in rounds),
        }
        of_cpu = [each[name].cpu_us for each in rounds]
        if None not in of_cpu:
            numbers["cpu_us"] = statistics.median(of_cpu)
        if FLOOR in rounds[0]:
            numbers["over_signature_us"] = statistics.median(each[name].us - each[FLOOR].us for each in rounds)
        return {key: round(number, 2) for key, number in numbers.items()}

    return {name: beside_ours(name) for name in (OURS, NATIVE, PEER, FLOOR) if name in rounds[0]}


def main() -> None:
    """Measure, and print the numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds (default: %(default)s)")
    parser.add_argument("--proofs", type=int, default=100, help="proofs in a round (default: %(default)s)")
    parser.add_argument("--live", type=int, default=10_000, help="proofs alive halfway (default: %(default)s)")
    options = parser.parse_args()
    quiet()
    found = {
        "python": platform.python_version(),
        "rounds": options.rounds,
        "proofs": options.proofs,
        "live": options.live,
        "versions": {name: version(name) for name in ("fastmcp-rs", "authplane-sdk", "authlib", "cryptography")},
        "cases": asyncio.run(measure(options.rounds, options.proofs, options.live)),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
