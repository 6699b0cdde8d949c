"""Whether two threads verify twice as many tokens as one: which algorithms let others have the interpreter meanwhile.

Each thread has an event loop and verifies tokens with the cache off; runs of one thread and of two alternate. Beside it
stands what waiting for the interpreter costs a verifier while another thread computes in Python without a pause.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import threading
import time
from typing import Any

from results import environment, write

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.cli.bench.comparison import demands_of, typical
from fastmcp_rs.cli.parser import TIMED_ALGORITHMS


def verifier_and_token(algorithm: str) -> tuple[JWTVerifier, str]:
    """Make a verifier without a cache, and a token that it accepts."""
    demands = demands_of(algorithm)
    verifier = JWTVerifier(
        public_key=demands.keys.public_key,
        algorithm=algorithm,
        issuer=demands.issuer,
        audience=demands.audience,
        required_scopes=[demands.scope],
        cache_size=0,
    )
    return verifier, typical(demands)


def run(verifier: JWTVerifier, token: str, threads: int, seconds: float) -> tuple[float, float]:
    """Verify in so many threads for so long, and give the tokens a second and the processors that were in use."""
    counts = [0] * threads
    barrier = threading.Barrier(threads)

    async def loop(number: int) -> None:
        # The system may take a while to see that there is another processor, and a run is short.
        if hasattr(os, "sched_setaffinity"):
            processors = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(threading.get_native_id(), {processors[number % len(processors)]})
        barrier.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for _ in range(20):
                if await verifier.verify_token(token) is None:
                    raise SystemExit("a good token was refused")
            counts[number] += 20

    workers = [threading.Thread(target=lambda n=n: asyncio.run(loop(n))) for n in range(threads)]
    start, start_of_cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - start
    return sum(counts) / elapsed, (time.process_time() - start_of_cpu) / elapsed


def latency_beside_work(verifier: JWTVerifier, token: str, tokens: int) -> float:
    """Give the mean time of a token, in microseconds, while another thread computes in Python."""
    stop = threading.Event()

    def compute() -> None:
        number = 0
        while not stop.is_set():
            number = (number * 31 + 7) % 1_000_003

    async def asking() -> float:
        start = time.perf_counter()
        for _ in range(tokens):
            if await verifier.verify_token(token) is None:
                raise SystemExit("a good token was refused")
        return (time.perf_counter() - start) / tokens

    worker = threading.Thread(target=compute)
    worker.start()
    try:
        return asyncio.run(asking()) * 1e6
    finally:
        stop.set()
        worker.join()


def measure(algorithm: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure one algorithm."""
    verifier, token = verifier_and_token(algorithm)
    run(verifier, token, 2, seconds)
    one, two, processors = [], [], []
    for _ in range(rounds):
        one.append(run(verifier, token, 1, seconds)[0])
        rate, used = run(verifier, token, 2, seconds)
        two.append(rate)
        processors.append(used)
    return {
        "one_thread_per_second": round(statistics.median(one)),
        "two_threads_per_second": round(statistics.median(two)),
        "two_to_one": round(statistics.median(b / a for a, b in zip(one, two, strict=True)), 2),
        "processors_of_two": round(statistics.median(processors), 2),
        "beside_work_us": round(latency_beside_work(verifier, token, 200), 1),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="runs of each kind (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.2, help="how long a run is (default: %(default)s)")
    options = parser.parse_args()
    measured = {algorithm: measure(algorithm, options.rounds, options.seconds) for algorithm in TIMED_ALGORITHMS}
    print(json.dumps(measured, indent=1))
    switch = {"switch_interval_us": round(sys.getswitchinterval() * 1e6)}
    write("threads", {**environment(), **switch, "algorithms": measured})


if __name__ == "__main__":
    main()
