"""Workers share answers through Redis, which may read, forge, forget and fail as it likes."""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from ports import free_port

from fastmcp_rs.auth import RemoteAuthProvider, shared_store
from fastmcp_rs.auth.protected_resource import ResourceURLs, served

TOKEN = "an.opaque~token+/-_=="
SECRET = "a secret that all workers of a server share"


class RedisServer:
    """Debian's redis-server, on a port of its own."""

    def __init__(self, folder):
        self.port = free_port()
        self._folder = folder
        self.process = None
        self.start()

    def start(self):
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < end, "redis-server does not start"
            time.sleep(0.02)

    def _listens(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(10)

    def store(self):
        from key_value.aio.stores.redis import RedisStore  # noqa: PLC0415 - not every environment has it

        return RedisStore(url=f"redis://127.0.0.1:{self.port}")

    def client(self):
        import redis  # noqa: PLC0415 - as above

        return redis.Redis(port=self.port, decode_responses=True)

    def calls(self):
        """How many commands of each kind there were."""
        stats = self.client().info("commandstats")
        return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    made = RedisServer(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture
def server(lasting_server):
    if lasting_server.process.poll() is not None:
        lasting_server.start()
    lasting_server.client().flushall()
    yield lasting_server
    if lasting_server.process.poll() is None:
        os.kill(lasting_server.process.pid, signal.SIGCONT)


@pytest.fixture
def worker(service, asker, server):
    """Make another worker's provider."""

    def made(**options):
        shared = {"cache_ttl_seconds": 60, "cache_store": server.store(), "cache_secret": SECRET}
        return asker.make(service.url, **{**shared, **options})

    return made


@pytest.fixture
def patient(monkeypatch):
    """Wait for the store as long as a machine may take that runs all tests at once."""
    monkeypatch.setattr(shared_store, "_PATIENCE_SECONDS", 5.0)


pytestmark = pytest.mark.usefixtures("patient")


def says(provider, token=TOKEN):
    request = {"headers": [(b"authorization", b"Bearer " + token.encode())]}
    return asyncio.run(provider.authenticate(request)) is not None


def count(provider, name):
    return provider.stats()["answers"][name]


NO = '{"active":false}'


def test_a_cold_worker_takes_one_round_trip_and_no_question(service, reply, worker, server):
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


def test_what_is_in_the_store_tells_nothing(service, reply, worker, server):
    service.answer = reply(200, json.dumps({**json.loads(service.answer.split(b"\r\n\r\n")[1]), "sub": "alice"}))
    provider = worker()
    assert says(provider)
    asyncio.run(provider.invalidate("another"))
    asyncio.run(provider.invalidate())
    client = server.client()
    stored = {name: client.get(name) for name in client.keys("*") if client.type(name) == "string"}
    assert len(stored) == 3
    assert all(0 < client.ttl(name) <= 400 for name in stored)
    text = json.dumps(stored)
    assert not any(word in text for word in (TOKEN, "alice", "another", SECRET, "active", "127.0.0.1"))


def entries(server):
    client = server.client()
    return {name: client.get(name) for name in client.keys("*") if client.type(name) == "string"}


def test_a_forged_entry_is_none(service, reply, worker, server):
    assert says(worker())
    ((name, value),) = entries(server).items()
    service.answer = reply(200, NO)
    sealed = json.loads(value)["value"]["sealed"]
    flipped = ("B" if sealed[40] == "A" else "A").join((sealed[:40], sealed[41:]))
    for forged in (flipped, sealed[:-8], "", "no base64!", "QUJD"):
        changed = json.loads(value)
        changed["value"]["sealed"] = forged
        server.client().set(name, json.dumps(changed))
        assert not says(worker())
    for garbage in ("garbage", "{}", '{"value": {"sealed": 5}}', '{"value": []}', '{"value": {}}'):
        server.client().set(name, garbage)
        assert not says(worker())
    server.client().set(name, value)
    assert says(worker())


def test_a_swapped_entry_is_none(service, reply, worker, server):
    assert says(worker(), "alice")
    alices = entries(server)
    assert says(worker(), "bob")
    (bobs,) = entries(server).keys() - alices.keys()
    service.answer = reply(200, NO)
    server.client().set(bobs, next(iter(alices.values())))
    assert not says(worker(), "bob")
    assert says(worker(), "alice")


def test_a_replayed_entry_is_none(service, reply, worker, server):
    provider = worker(cache_ttl_seconds=1)
    assert says(provider)
    ((name, value),) = entries(server).items()
    service.answer = reply(200, NO)
    asyncio.run(provider.invalidate(TOKEN))
    server.client().set(name, value)
    assert not says(worker(cache_ttl_seconds=1)), "it was invalidated"
    for other in set(entries(server)) - {name}:
        server.client().delete(other)
    time.sleep(1.1)
    server.client().set(name, value)
    assert not says(worker(cache_ttl_seconds=1)), "it is too old"


def test_another_secret_and_another_endpoint_are_others(service, worker, new_endpoint, reply, asker, server):
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
def test_what_one_worker_invalidates_no_other_accepts(token, service, reply, worker):
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
    assert entries(server) == {}


def test_a_thousand_requests_of_a_cold_token_are_one_question_and_one_round_trip(service, worker, server):
    provider = worker()
    before = server.calls().get("mget", 0)

    async def asked():
        return await asyncio.gather(*(provider.verify_token(TOKEN) for _ in range(1000)))

    tokens = asyncio.run(asked())
    assert len({id(token.claims) for token in tokens}) == 1000
    assert (len(service.requests), server.calls()["mget"] - before) == (1, 1)


def test_two_users_are_never_mixed_among_workers(service, reply, worker, yes):
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


def test_requests_that_share_a_question_are_each_held_against_their_own_policy(service, reply, worker, server, yes):
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
        assert entries(server)


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


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    return lambda: [record.getMessage() for record in caplog.records if "cache_store" in record.getMessage()]


def test_while_redis_is_gone_each_worker_asks_for_itself(service, worker, server, log, monkeypatch):
    monkeypatch.setattr(shared_store, "_PATIENCE_SECONDS", 0.3)
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
    monkeypatch.setattr(shared_store, "_PATIENCE_SECONDS", 5.0)
    monkeypatch.setattr(shared_store.time, "monotonic", lambda: time.time() + 1e9)
    assert says(provider, "after")
    assert len(entries(server)) == 1


def test_a_slow_redis_is_waited_for_50_ms(service, worker, server, log, monkeypatch):
    monkeypatch.setattr(shared_store, "_PATIENCE_SECONDS", 0.05)
    provider = worker()
    os.kill(server.process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert says(provider)
    assert time.monotonic() - start < 3, "and none of Redis's"
    assert len(service.requests) == 1
    assert log() == ["cache_store took too long: for 5 s, answers about tokens are neither read nor stored there"]


def test_who_invalidates_hears_that_others_could_not_be_told(service, reply, worker, server):
    provider = worker()
    assert says(provider)
    server.stop()
    service.answer = reply(200, NO)
    with pytest.raises(ConnectionError, match="cache_store could not be told"):
        asyncio.run(provider.invalidate(TOKEN))
    assert not says(provider), "but this worker has forgotten"


def test_an_old_answer_of_another_worker_serves_while_the_endpoint_is_out_of_reach(service, reply, worker):
    options = {"cache_ttl_seconds": 0.1, "stale_if_error_seconds": 60}
    assert says(worker(**options))
    time.sleep(0.12)
    service.answer = reply(503)
    cold = worker(**options)
    assert says(cold)
    assert (count(cold, "stale"), len(service.requests)) == (1, 2)
    assert not says(worker(cache_ttl_seconds=0.1))


def test_an_answer_from_before_the_invalidation_is_not_taken_from_the_store(service, reply, worker, eventually):
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
def test_what_cannot_work_is_an_error(options, error):
    shared = {"cache_ttl_seconds": 60, "cache_store": lambda: None, "cache_secret": SECRET}
    with pytest.raises(ValueError, match=error):
        RemoteAuthProvider("https://service.example/verify", **{**shared, **options})


def test_the_worst_store_refuses_no_token(service, asker):
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
