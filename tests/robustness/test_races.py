"""Threads construct verifiers of one URL, verify, change policies and drop, while the set at the URL is swapped."""

import asyncio
import threading

import pytest

from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"
ROUNDS = 80

LASTING, EVIL = KeyPair.generate("ES256"), KeyPair.generate("ES256")
PASSING = {"b": KeyPair.generate("ES256"), "c": KeyPair.generate("EdDSA")}


def token(pair, kid, **claims):
    return pair.create_token("alice", audience=AUDIENCE, kid=kid, additional_claims={"iss": "good", **claims})


GOOD = [token(LASTING, "a", number=number) for number in range(5)]
# Under the name of a key that is always there, of one that comes and goes, and of none.
FORGED = [token(EVIL, kid) for kid in ("a", "b", "c", "d")]
COMING_AND_GOING = [token(pair, kid) for kid, pair in PASSING.items()]


@pytest.fixture
def swapped(endpoint):
    """Swap the set of the endpoint, between two that have one key in common, until the test is over."""
    over = threading.Event()
    answers = []
    for kid, pair in PASSING.items():
        endpoint.publish({"a": LASTING, kid: pair})
        answers.append(endpoint.answer)

    def swap():
        turn = 0
        while not over.wait(0.002):
            turn += 1
            endpoint.answer = answers[turn % 2]

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def verifier(endpoint, verifier_of):
    """Make a verifier of that set: ``verifier()``."""
    return lambda **options: verifier_of(
        endpoint, algorithm=None, algorithms=["ES256", "EdDSA"], issuer="good", **options
    )


async def changes(verifier, choice):
    """Do one of the things that others do to a verifier."""
    action = choice.randrange(4)
    if action == 0:
        await verifier.warm_up()
    elif action == 1:
        verifier.issuer = choice.choice(["good", ["good", "better"]])
    elif action == 2:
        with pytest.raises(ValueError, match="issuer"):
            verifier.issuer = ""


@pytest.mark.usefixtures("swapped")
def test_every_decision_is_right_while_others_change_keys_and_settings(verifier, verdict, run_in_threads):
    shared, seen = verifier(jwks_refresh_interval=0), set()

    async def rounds(choice):
        for _ in range(ROUNDS):
            own = verifier(jwks_refresh_interval=choice.choice([0, 30]), cache_size=choice.choice([0, 1, 1000]))
            for one in (own, shared):
                await changes(one, choice)
                tokens = choice.choice(GOOD), choice.choice(FORGED)
                assert await asyncio.gather(*(verdict(one, token) for token in tokens)) == [True, False]
                seen.add(await verdict(one, choice.choice(COMING_AND_GOING)))
                assert {key["kid"] for key in one.keys()["keys"]} in ({"a", "b"}, {"a", "c"})

    assert run_in_threads(lambda choice: asyncio.run(rounds(choice))) == []
    assert seen == {True, False}
    assert shared.keys()["fetches"] > ROUNDS
    assert shared.keys()["failures"] == 0


@pytest.mark.usefixtures("swapped")
def test_the_last_verifier_of_a_url_may_be_dropped_during_a_fetch(verifier, verdict, run_in_threads):
    async def rounds(choice):
        for _ in range(ROUNDS):
            waiting = asyncio.create_task(verdict(verifier(), GOOD[0]))
            await asyncio.sleep(choice.choice([0, 0.0005, 0.002]))
            waiting.cancel()
            del waiting

    assert run_in_threads(lambda choice: asyncio.run(rounds(choice))) == []
    assert asyncio.run(verdict(verifier(), GOOD[0])) is True
