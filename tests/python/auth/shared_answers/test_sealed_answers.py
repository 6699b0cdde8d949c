"""Redis may read, forge, swap and replay what is stored there: it learns nothing, and no token is accepted by it."""

import asyncio
import json
import time

from redis_workers import NO, SECRET, TOKEN, says


def test_the_store_holds_no_token_no_claim_and_no_secret(service, reply, worker, server):
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


def test_a_forged_entry_is_ignored(service, reply, worker, server):
    assert says(worker())
    ((name, value),) = server.entries().items()
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


def test_an_entry_under_another_name_is_ignored(service, reply, worker, server):
    assert says(worker(), "alice")
    alices = server.entries()
    assert says(worker(), "bob")
    (bobs,) = server.entries().keys() - alices.keys()
    service.answer = reply(200, NO)
    server.client().set(bobs, next(iter(alices.values())))
    assert not says(worker(), "bob")
    assert says(worker(), "alice")


def test_a_replayed_entry_is_ignored(service, reply, worker, server):
    provider = worker(cache_ttl_seconds=1)
    assert says(provider)
    ((name, value),) = server.entries().items()
    service.answer = reply(200, NO)
    asyncio.run(provider.invalidate(TOKEN))
    server.client().set(name, value)
    assert not says(worker(cache_ttl_seconds=1)), "it was invalidated"
    for other in set(server.entries()) - {name}:
        server.client().delete(other)
    time.sleep(1.1)
    server.client().set(name, value)
    assert not says(worker(cache_ttl_seconds=1)), "it is too old"
