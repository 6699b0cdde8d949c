"""Keys rotate while requests run: no good token is refused, and the old key ends when it is withdrawn."""

import asyncio
import random
import threading
import time

import pytest

ROTATIONS = 4
SECONDS_EACH = 0.4
THREADS = 2
TASKS_EACH = 4


class Load:
    """Threads, each with an event loop of its own, that ask one verifier about good tokens all the time."""

    def __init__(self, verifier) -> None:
        self._verifier = verifier
        self._ends = False
        self._threads = [threading.Thread(target=lambda: asyncio.run(self._all())) for _ in range(THREADS)]
        # Replaced as a whole, never changed in place, since every thread reads it.
        self.good = ()
        self.accepted = set()
        self.refused = []
        self.asked = 0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends = True
        for thread in self._threads:
            thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._ask() for _ in range(TASKS_EACH)))

    async def _ask(self) -> None:
        while not self._ends:
            token = random.choice(self.good)  # noqa: S311 - any of them will do
            try:
                accepted = await self._verifier.verify_token(token) is not None
            except RuntimeError as error:
                accepted = error
            self.asked += 1
            if accepted is True:
                self.accepted.add(token)
            # One that was withdrawn between the question and the answer was good or not.
            elif token in self.good:
                self.refused.append((token, accepted))
            # Without a pause the two cores of a small machine would have no time for the provider.
            await asyncio.sleep(0.001)


def test_no_good_token_is_refused(own_provider, verifier_of, key_id):
    # Each of the rotations forces a refresh, and they follow each other faster than the default interval.
    verifier = verifier_of(own_provider, jwks_refresh_interval=0)
    asyncio.run(verifier.warm_up())
    load = Load(verifier)
    load.good = (own_provider.token(),)
    seen = set(load.good)
    with load:
        for _ in range(ROTATIONS):
            new_key = own_provider.rotate()
            token = own_provider.token()
            assert key_id(token) == new_key
            load.good = (*load.good, token)
            seen.add(token)
            time.sleep(SECONDS_EACH)
            # The older tokens end with their keys.
            load.good = (token,)
            own_provider.withdraw()

    assert load.refused == []
    assert load.accepted == seen, "each was asked about"
    assert load.asked > 200
    # Each rotation needs one more than the first fetch, and a caller that comes just as that ends may fetch once more.
    assert ROTATIONS < own_provider.fetches() <= 1 + 2 * ROTATIONS
    assert verifier.keys()["failures"] == 0


def test_a_new_key_is_found_at_once_with_the_default_interval(own_provider, verifier_of, verify):
    verifier = verifier_of(own_provider)
    old = own_provider.token()
    assert verify(verifier, old)
    own_provider.rotate()
    assert verify(verifier, own_provider.token())
    assert verify(verifier, old), "its key is still published"
    assert own_provider.fetches() == 2


def test_a_new_key_is_found_by_callers_that_come_as_the_fetch_ends(own_provider, verifier_of, reasons):
    async def arriving(verifier, token):
        tasks = []
        # Requests go on arriving until one of them has waited for the key and got through.
        while not any(task.done() for task in tasks):
            tasks.append(asyncio.create_task(verifier.verify_token(token)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    def rotate_once():
        # With this verifier its endpoint goes too, so that the next one has a first forced refresh to be had again.
        verifier = verifier_of(own_provider)
        asyncio.run(verifier.warm_up())
        own_provider.rotate()
        asyncio.run(arriving(verifier, own_provider.token()))
        own_provider.withdraw()
        return verifier.keys()["fetches"]

    # The moment between the end of a fetch and its effect is short, so that one rotation may well miss it.
    assert [rotate_once() for _ in range(10)] == [2] * 10
    assert reasons() == []


@pytest.mark.parametrize("cause", ["a newer key", "an unknown key"])
def test_a_withdrawn_key_ends_with_the_next_fetch(
    own_provider, verifier_of, verify, reasons, token_of_unknown_key, cause
):
    verifier = verifier_of(own_provider, jwks_refresh_interval=0)
    old = own_provider.token()
    own_provider.rotate()
    assert verify(verifier, old)
    assert verify(verifier, own_provider.token())

    own_provider.withdraw()
    assert verify(verifier, old), "no verifier has asked the provider since"
    if cause == "a newer key":
        own_provider.rotate()
        assert verify(verifier, own_provider.token())
    else:
        assert verify(verifier, token_of_unknown_key(own_provider)) is None

    before = len(reasons())
    assert verify(verifier, old) is None
    assert reasons()[before:] == ["unknown_key"]
    assert verify(verifier, own_provider.token())
