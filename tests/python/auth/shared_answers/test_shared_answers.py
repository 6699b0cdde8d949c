"""Workers share answers through Redis: one introspection request for all, and each with its own policy."""

import asyncio
import json
import time

import pytest
from redis_workers import NO, SECRET, TOKEN, count, says

from fastmcp_rs.auth import RemoteAuthProvider
from fastmcp_rs.auth.protected_resource import ResourceURLs, served


def test_a_new_worker_makes_one_round_trip_to_redis_and_no_introspection_request(service, reply, worker, server):
    assert says(worker())
    service.answer = reply(200, NO)
    cold = worker()
    before = server.calls()
    assert says(cold)
    after = server.calls()
    grown = {name: calls - before.get(name, 0) for name, calls in after.items()}
    assert [grown.get(name, 0) for name in ("mget", "get", "set", "setex")] == [1, 0, 0, 0]
    assert (len(service.requests), count(cold, "questions"), count(cold, "store_failures")) == (1, 0, 0)
    assert says(cold)
    assert server.calls()["mget"] == after["mget"], "for a while it keeps the answer itself"


def test_workers_with_another_secret_or_endpoint_share_nothing(service, worker, new_endpoint, reply, asker, server):
    assert says(worker())
    assert says(worker(cache_secret=SECRET.encode()))
    assert len(service.requests) == 1
    assert says(worker(cache_secret=SECRET[::-1]))
    assert len(service.requests) == 2
    other = new_endpoint()
    other.answer = reply(200, NO)
    shared = {"cache_ttl_seconds": 60, "cache_store": server.store(), "cache_secret": SECRET}
    assert not says(asker.make(other.url, **shared))
    assert len(other.requests) == 1


@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_token_that_one_worker_invalidates_is_refused_by_all(token, service, reply, worker):
    one, other, later = worker(), worker(cache_local_seconds=0), worker(cache_local_seconds=0.2)
    assert says(one)
    assert says(other)
    assert says(later)
    assert len(service.requests) == 1
    service.answer = reply(200, NO)
    asyncio.run(one.invalidate(token))
    assert not says(other), "at once"
    assert not says(worker())
    time.sleep(0.25)
    assert not says(later)


def test_the_policy_is_each_workers_own(service, worker):
    assert says(worker())
    strict = worker()
    strict.required_scopes = ["admin"]
    assert not says(strict)
    assert len(service.requests) == 2, "and who is refused is asked about"


def test_no_refusal_is_stored(service, reply, worker, server):
    service.answer = reply(200, NO)
    assert not says(worker())
    service.answer = reply(503)
    assert not says(worker())
    assert server.entries() == {}


def test_a_thousand_requests_with_a_new_token_cause_one_introspection_and_one_round_trip(service, worker, server):
    provider = worker()
    before = server.calls().get("mget", 0)

    async def asked():
        return await asyncio.gather(*(provider.verify_token(TOKEN) for _ in range(1000)))

    tokens = asyncio.run(asked())
    assert len({id(token.claims) for token in tokens}) == 1000
    assert (len(service.requests), server.calls()["mget"] - before) == (1, 1)


def test_responses_about_two_users_are_never_mixed_among_workers(service, reply, worker, yes):
    def answer(_endpoint, connection, request):
        name = next(name for name in ("alice", "bob") if name.encode() in request.body)
        connection.sendall(reply(200, json.dumps({**yes, "sub": name})))

    service.answer = answer
    # Which has to look into the store each time.
    workers = [worker(cache_local_seconds=0) for _ in range(2)]
    names = ["alice", "bob"] * 100

    async def asked():
        for _ in range(3):
            got = await asyncio.gather(*(workers[at // 2 % 2].verify_token(name) for at, name in enumerate(names)))
            assert [(token.token, token.subject) for token in got] == [(name, name) for name in names]

    asyncio.run(asked())


def test_requests_that_share_a_response_are_each_checked_by_their_own_policy(service, reply, worker, server, yes):
    mine, other = "https://server.example/mine", "https://server.example/other"
    resources = ResourceURLs()
    service.answer = reply(200, json.dumps({**yes, "aud": mine}))

    async def asked(resource):
        served.set([resource])
        return await provider.verify_token(TOKEN) is not None

    async def together():
        return await asyncio.gather(*map(asked, [other, mine] * 3))

    for cold in (True, False):
        provider = worker()
        # As of a provider with authorization_servers.
        provider.audience = resources
        assert asyncio.run(together()) == [False, True] * 3, cold
        assert server.entries()


def test_each_event_loop_has_a_client_of_its_own(worker, run_in_threads, service):
    assert says(worker())
    provider = worker(cache_local_seconds=0)
    assert run_in_threads(lambda _: [says(provider) for _ in range(5)] == [True] * 5 or pytest.fail("refused")) == []
    assert (count(provider, "store_failures"), len(service.requests)) == (0, 1)


def test_a_function_makes_a_store_for_each_event_loop(worker, server, service):
    made = []

    def make():
        made.append(server.store())
        return made[-1]

    provider = worker(cache_store=make, cache_local_seconds=0)
    assert [says(provider) for _ in range(3)] == [True] * 3
    assert (len(made), len(service.requests)) == (3, 1)


def test_a_response_from_before_an_invalidation_is_not_taken_from_the_store(service, reply, worker, eventually):
    provider, other = worker(), worker(cache_local_seconds=0)
    may_answer = service.hold()

    async def asked():
        first = asyncio.ensure_future(provider.verify_token(TOKEN))
        await asyncio.to_thread(eventually, lambda: service.requests)
        await other.invalidate(TOKEN)
        may_answer.set()
        assert await first is not None, "which was asked before the token was invalidated"

    asyncio.run(asked())
    service.answer = reply(200, NO)
    assert not says(other)
    assert not says(worker())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cache_secret": None}, "cache_store and cache_secret go together"),
        ({"cache_store": None}, "cache_store and cache_secret go together"),
        ({"cache_secret": "short"}, "cache_secret must have 32 bytes or more"),
        ({"cache_store": object()}, "cache_store must be a store of py-key-value-aio"),
        ({"cache_ttl_seconds": 0}, "cache_store is for answers that are remembered"),
        ({"cache_local_seconds": -1}, "cache_local_seconds must be a number of seconds"),
    ],
)
def test_a_configuration_that_cannot_work_is_an_error(options, error):
    shared = {"cache_ttl_seconds": 60, "cache_store": lambda: None, "cache_secret": SECRET}
    with pytest.raises(ValueError, match=error):
        RemoteAuthProvider("https://service.example/verify", **{**shared, **options})
