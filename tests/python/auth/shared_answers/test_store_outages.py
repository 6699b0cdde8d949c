"""Redis may be down, slow or wrong: each worker then asks the endpoint, and no good token is refused."""

import asyncio
import logging
import os
import signal
import time

import pytest
from redis_workers import NO, SECRET, TOKEN, count, says

from fastmcp_rs.auth import shared_store


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    return lambda: [record.getMessage() for record in caplog.records if "cache_store" in record.getMessage()]


def test_while_redis_is_down_each_worker_asks_the_endpoint(service, worker, server, log, monkeypatch):
    monkeypatch.setattr(shared_store, "_WAIT_SECONDS", 0.3)
    provider = worker(cache_local_seconds=60)
    assert says(provider, "before")
    server.stop()
    assert says(provider)
    assert says(worker())
    assert len(service.requests) == 3
    assert len(log()) >= 1
    assert all(
        text.endswith(": for 5 s, answers about tokens are neither read nor stored there")
        and text.startswith(("cache_store failed (ConnectionError)", "cache_store took too long"))
        for text in log()
    )
    failures = count(provider, "store_failures")
    assert failures >= 1
    assert [says(provider, f"t{number}") for number in range(5)] == [True] * 5
    assert count(provider, "store_failures") == failures, "it is left alone"
    assert says(provider, "before")
    assert len(service.requests) == 8, "what a worker knows itself it goes on with"
    server.start()
    monkeypatch.setattr(shared_store, "_WAIT_SECONDS", 5.0)
    monkeypatch.setattr(shared_store.time, "monotonic", lambda: time.time() + 1e9)
    assert says(provider, "after")
    assert len(server.entries()) == 1


def test_a_slow_redis_is_waited_for_50_ms(service, worker, server, log, monkeypatch):
    monkeypatch.setattr(shared_store, "_WAIT_SECONDS", 0.05)
    provider = worker()
    os.kill(server.process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert says(provider)
    assert time.monotonic() - start < 3, "and none of Redis's"
    assert len(service.requests) == 1
    assert log() == ["cache_store took too long: for 5 s, answers about tokens are neither read nor stored there"]


def test_invalidate_raises_where_other_workers_cannot_be_reached(service, reply, worker, server):
    provider = worker()
    assert says(provider)
    server.stop()
    service.answer = reply(200, NO)
    with pytest.raises(ConnectionError, match="cache_store is out of reach: this worker"):
        asyncio.run(provider.invalidate(TOKEN))
    assert not says(provider), "but this worker has forgotten"


def test_an_old_response_of_another_worker_is_used_while_the_endpoint_is_out_of_reach(service, reply, worker):
    options = {"cache_ttl_seconds": 0.1, "stale_if_error_seconds": 60}
    assert says(worker(**options))
    time.sleep(0.12)
    service.answer = reply(503)
    cold = worker(**options)
    assert says(cold)
    assert (count(cold, "stale"), len(service.requests)) == (1, 2)
    assert not says(worker(cache_ttl_seconds=0.1))


def test_a_store_that_fails_in_any_way_refuses_no_token(service, asker):
    class Worst:
        async def get_many(self, *_, **__):
            return answers.pop()

        async def put(self, *_, **__):
            raise RuntimeError("redis://user:hush-hush@host")

    answers = [None, [], [1, 2, 3], ["a", "b", "c"], [{}, {}, {}], [{"sealed": "AAAA"}] * 3, 7, [None] * 4]
    for _ in answers:
        provider = asker.make(
            service.url, cache_ttl_seconds=60, cache_store=Worst(), cache_secret=SECRET, cache_local_seconds=0
        )
        assert says(provider)
