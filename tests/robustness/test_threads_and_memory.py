"""Threads that construct, verify, change and drop verifiers at once, and what many verifications leave behind."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

PAIRS = {algorithm: KeyPair.generate(algorithm) for algorithm in ("HS256", "ES256", "EdDSA")}
GOOD = {name: pair.create_token("alice", "good", "server") for name, pair in PAIRS.items()}
EVIL = {name: KeyPair.generate(name).create_token("alice", "good", "server") for name in PAIRS}
ROUNDS = 150
SOAK = Path(__file__).parents[2] / "scripts" / "soak.py"


def verifier_of(algorithm: str, **more) -> JWTVerifier:
    return JWTVerifier(public_key=PAIRS[algorithm].public_key, algorithm=algorithm, audience="server", **more)


def test_threads_construct_use_and_drop_verifiers_at_once(run_in_threads):
    def work(choice: random.Random) -> None:
        for _ in range(ROUNDS):
            algorithm = choice.choice(list(PAIRS))
            verifier = verifier_of(algorithm, cache_size=choice.choice([0, 1, 100]))
            for token, accepted in ((GOOD, True), (EVIL, False), (GOOD, True)):
                assert (asyncio.run(verifier.verify_token(token[algorithm])) is not None) is accepted
            del verifier

    assert run_in_threads(work) == []


@pytest.mark.parametrize("cache_size", [0, 2, 1000])
def test_a_policy_changed_by_other_threads_is_always_a_whole_one(cache_size, run_in_threads):
    verifier = verifier_of("ES256", cache_size=cache_size, issuer="good")

    def work(choice: random.Random) -> None:
        for _ in range(ROUNDS):
            action = choice.randrange(4)
            if action == 0:
                verifier.issuer = choice.choice(["good", ["good", "better"]])
            elif action == 1:
                with pytest.raises((TypeError, ValueError)):
                    verifier.issuer = choice.choice(["", [], 5])
            else:
                good = asyncio.run(verifier.verify_token(GOOD["ES256"]))
                assert good.claims["iss"] == "good"
                assert asyncio.run(verifier.verify_token(EVIL["ES256"])) is None

    assert run_in_threads(work) == []


def test_static_tokens_are_asked_about_from_many_threads(run_in_threads):
    tokens = {f"token-of-user-{number}": {"client_id": f"user-{number}", "scopes": []} for number in range(50)}
    verifier = StaticTokenVerifier(tokens)

    def work(choice: random.Random) -> None:
        for _ in range(ROUNDS):
            name = choice.choice(list(tokens))
            found = asyncio.run(verifier.verify_token(name))
            assert found.client_id == tokens[name]["client_id"]
            found.scopes.append("admin")
            assert asyncio.run(verifier.verify_token(name + "x")) is None

    assert run_in_threads(work) == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell how much memory is used")
def test_a_hundred_thousand_verifications_leave_no_memory_behind():
    # In a process of its own, where no test keeps log records.
    done = subprocess.run([sys.executable, SOAK, "--count", "100000"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("100,000 verifications, 33,500 accepted")
