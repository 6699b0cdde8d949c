"""Threads, event loops and verifiers share one fetch, which goes on when any of them ends."""

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastmcp_rs.auth import remote_keys as waiting
from fastmcp_rs.errors import KeysUnavailableError


def test_a_hundred_cold_callers_in_four_threads_make_one_request(endpoint, may_answer, verifier_of, verdict, good):
    asked = threading.Barrier(5, timeout=10)

    async def callers():
        tasks = [asyncio.create_task(verdict(verifier_of(endpoint), good)) for _ in range(25)]
        # Each task runs up to where it waits for the keys.
        await asyncio.sleep(0)
        asked.wait()
        return await asyncio.gather(*tasks)

    with ThreadPoolExecutor(4) as threads:
        loops = [threads.submit(asyncio.run, callers()) for _ in range(4)]
        asked.wait()
        may_answer.set()
        answers = [answer for loop in loops for answer in loop.result(10)]
    assert answers == [True] * 100
    assert len(endpoint.requests) == endpoint.connections == 1


def test_a_fetch_goes_on_when_its_callers_are_cancelled(endpoint, may_answer, verifier_of, verdict, good, until):
    verifier = verifier_of(endpoint)

    async def checks():
        callers = [asyncio.create_task(verdict(verifier, good)) for _ in range(10)]
        await until(lambda: endpoint.requests)
        callers[0].cancel()
        await until(callers[0].done)
        assert not any(caller.done() for caller in callers[1:])
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert all(caller.cancelled() for caller in callers)
        later = asyncio.create_task(verdict(verifier, good))
        await asyncio.sleep(0)
        may_answer.set()
        assert await later is True
        assert await verdict(verifier, good) is True

    asyncio.run(checks())
    assert len(endpoint.requests) == 1


def test_a_callers_timeout_does_not_end_the_fetch(endpoint, may_answer, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)

    async def impatient():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verdict(verifier, good), 0.1)

    asyncio.run(impatient())
    may_answer.set()
    assert asyncio.run(verdict(verifier, good)) is True
    assert len(endpoint.requests) == 1


def test_a_second_run_uses_what_the_first_fetched(endpoint, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    assert [asyncio.run(verdict(verifier, good)) for _ in range(3)] == [True] * 3
    assert len(endpoint.requests) == 1


def test_an_event_loop_may_close_during_a_fetch(endpoint, may_answer, verifier_of, verdict, good, eventually, until):
    verifier = verifier_of(endpoint)
    loop = asyncio.new_event_loop()
    caller = loop.create_task(verdict(verifier, good))
    loop.run_until_complete(until(lambda: endpoint.requests))
    # What a loop that is closed with work left says of it is its own.
    caller._log_destroy_pending = False  # noqa: SLF001
    loop.close()
    may_answer.set()
    eventually(lambda: verifier.keys()["age"] is not None)
    assert asyncio.run(verdict(verifier, good)) is True
    assert len(endpoint.requests) == 1


def test_known_keys_need_no_event_loop(endpoint, verifier_of, good, request_with):
    verifier = verifier_of(endpoint)
    asyncio.run(verifier.warm_up())
    face = verifier.authenticate(request_with(good))
    with pytest.raises(StopIteration) as ended:
        face.send(None)
    assert ended.value.value.token == good


def test_no_caller_waits_for_ever_for_a_fetch_whose_end_is_lost(
    endpoint, may_answer, verifier_of, verdict, good, monkeypatch
):
    monkeypatch.setattr(waiting, "_LONGEST_WAIT_SECONDS", 0.2)
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is None
    assert not may_answer.is_set()


def test_verifiers_share_fetches_by_url(endpoint, new_endpoint, pair, verifier_of, verdict, good):
    other_url = new_endpoint()
    other_url.publish({"a": pair})
    verifiers = [verifier_of(endpoint), verifier_of(endpoint, jwks_max_stale=0), verifier_of(other_url)]
    assert [asyncio.run(verdict(verifier, good)) for verifier in verifiers] == [True] * 3
    assert (len(endpoint.requests), len(other_url.requests)) == (1, 1)
    assert verifiers[0].keys()["fetches"] == verifiers[1].keys()["fetches"] == 1


def test_a_shared_set_is_dropped_with_its_last_verifier(endpoint, verifier_of, verdict, good):
    # The thread that brought the keys may hold them for a moment longer than the caller.
    give_up = time.monotonic() + 10
    while len(endpoint.requests) < 2 and time.monotonic() < give_up:
        assert asyncio.run(verdict(verifier_of(endpoint), good)) is True
    assert len(endpoint.requests) == 2


def test_h3_rotation_is_noticed_at_once_and_random_kids_cause_two_fetches_at_most(
    endpoint, pair, other, verifier_of, verdict, good, unknown
):
    verifier = verifier_of(endpoint)

    async def checks():
        assert await verdict(verifier, good) is True
        endpoint.publish({"b": other})
        assert await verdict(verifier, unknown) is True
        assert await verdict(verifier, good) is False, "a withdrawn key has stopped"
        made_up = [pair.create_token(kid=f"made-up-{number}") for number in range(1000)]
        answers = await asyncio.gather(*(verdict(verifier, token) for token in made_up))
        assert not any(answers)

    asyncio.run(checks())
    # The first, that for the rotated key, and one for those that were made up after it.
    assert len(endpoint.requests) == 3


def test_h3_cve_2026_101917_simultaneous_random_kids_cause_two_fetches_at_most(
    endpoint, other, verifier_of, verdict, good
):
    verifier = verifier_of(endpoint)

    async def checks():
        await verifier.warm_up()
        made_up = [other.create_token(kid=f"made-up-{number}") for number in range(1000)]
        answers = await asyncio.gather(verdict(verifier, good), *(verdict(verifier, token) for token in made_up))
        assert answers[0] is True
        assert not any(answers[1:]), "unknown, or unavailable where it was named after the last fetch began"

    asyncio.run(checks())
    # The first, that which the first of them forces, and one for those that came after it had begun.
    assert len(endpoint.requests) == 3


def test_a_rotated_key_works_at_once_after_a_random_kid(endpoint, pair, other, verifier_of, verdict, good, unknown):
    verifier = verifier_of(endpoint)

    async def checks():
        assert await verdict(verifier, good) is True
        assert await verdict(verifier, pair.create_token(kid="made-up")) is False
        endpoint.publish({"a": pair, "b": other})
        assert await verdict(verifier, unknown) is True

    asyncio.run(checks())
    assert len(endpoint.requests) == 3


def test_a_key_that_may_be_newer_than_the_set_is_unavailable_and_never_unknown(
    endpoint, pair, other, verifier_of, verdict, good, unknown
):
    verifier = verifier_of(endpoint)

    async def checks():
        assert await verdict(verifier, good) is True
        for number in range(2):
            assert await verdict(verifier, pair.create_token(kid=f"made-up-{number}")) is False
        endpoint.publish({"a": pair, "b": other})
        assert await verdict(verifier, unknown) is None, "both refreshes of the interval are spent"
        assert await verdict(verifier, pair.create_token(kid="made-up-0")) is False, "a later set did not have it"
        assert (await verifier.explain(unknown)).code == "keys_unavailable"

    asyncio.run(checks())
    assert len(endpoint.requests) == 3


def test_remembered_tokens_stay_remembered_while_their_key_is_published(
    endpoint, pair, other, verifier_of, verdict, good
):
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)

    async def checks():
        assert await verdict(verifier, good) is True
        for number in range(3):
            assert await verdict(verifier, pair.create_token(kid=f"made-up-{number}")) is False
            assert await verdict(verifier, good) is True
        endpoint.publish({"b": other, "a": pair})
        assert await verdict(verifier, pair.create_token(kid="made-up")) is False
        assert await verdict(verifier, good) is True
        assert verifier.stats()["cache"]["hits"] == 4
        endpoint.publish({"b": other, "a": other})
        assert await verdict(verifier, pair.create_token(kid="another")) is False
        assert await verdict(verifier, good) is False, "another key has its name"

    asyncio.run(checks())


def test_a_changed_key_under_one_kid_is_found(endpoint, other, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    token = other.create_token(audience="https://server.example/mcp", kid="a")

    async def checks():
        assert await verdict(verifier, good) is True
        endpoint.publish({"a": other})
        assert await verdict(verifier, token) is True
        assert await verdict(verifier, good) is False

    asyncio.run(checks())
    assert len(endpoint.requests) == 2


def test_a_304_renews_the_set(endpoint, pair, reply, verifier_of, verdict, good, unknown):
    def conditional(_endpoint, connection, request):
        known = request.headers.get("if-none-match") == '"v1"'
        connection.sendall(reply(304) if known else first)

    endpoint.publish({"a": pair}, etag='"v1"', cache_control="max-age=60")
    first, endpoint.answer = endpoint.answer, conditional
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)

    async def checks():
        await verifier.warm_up()
        assert 40 < verifier.keys()["next_refresh"] < 60
        assert await verdict(verifier, unknown) is False
        assert await verdict(verifier, good) is True

    asyncio.run(checks())
    assert [request.headers.get("if-none-match") for request in endpoint.requests] == [None, '"v1"']
    assert verifier.keys()["last_error"] is None


def test_warm_up_fetches_or_raises_with_the_reason(endpoint, pair, reply, verifier_of, verdict, good):
    async def fails():
        endpoint.answer = reply(503)
        verifier = verifier_of(endpoint)
        for _ in range(2):
            with pytest.raises(KeysUnavailableError, match="status 503"):
                await verifier.warm_up()
        endpoint.publish({"a": pair})
        give_up = time.monotonic() + 5
        while not verifier.keys()["keys"]:
            assert time.monotonic() < give_up, "no keys were fetched"
            # After a failed fetch there is none for a second.
            with contextlib.suppress(KeysUnavailableError):
                await verifier.warm_up()
        await verifier.warm_up()
        assert await verdict(verifier, good) is True

    asyncio.run(fails())
    assert len(endpoint.requests) == 2


def test_keys_describes_the_set_and_shows_no_key(endpoint, pair, verifier_of):
    verifier = verifier_of(endpoint)
    nothing = {
        "keys": [],
        "skipped": [],
        "age": None,
        "next_refresh": None,
        "last_error": None,
        "fetches": 0,
        "failures": 0,
    }
    nothing["source"] = endpoint.url
    assert verifier.keys() == nothing
    asyncio.run(verifier.warm_up())
    held = verifier.keys()
    assert held.keys() == nothing.keys()
    assert held["keys"] == [{"kid": "a", "kty": "EC", "alg": "ES256"}]
    assert 0 <= held["age"] < 5
    assert 470 < held["next_refresh"] <= 541
    assert (held["last_error"], held["fetches"], held["failures"]) == (None, 1, 0)
    for text in (str(held), repr(verifier), repr(verifier._remote)):  # noqa: SLF001
        assert pair.jwk()["x"] not in text
        assert pair.jwk()["y"] not in text
