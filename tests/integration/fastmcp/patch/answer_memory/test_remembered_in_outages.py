"""``stale_if_error_seconds`` and ``cache_store`` of ``install()``: outages, and a store that workers share."""

import asyncio
import contextlib
import json
import logging
import time

import pytest
from fastmcp.server.auth.providers.github import GitHubTokenVerifier
from network_verifiers import SHARED, Store, ask, asked_of, made, parts

import fastmcp_rs
from fastmcp_rs import _compat


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.auth"]


@pytest.mark.parametrize("outage", [503, 429, None])
def test_while_the_service_is_out_of_reach_an_old_answer_is_used(outage, service, reply, remember, log, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=0.05, stale_if_error_seconds=60)
    good = service.answer
    assert all(ask(verifier))
    time.sleep(0.06)
    service.answer = (lambda *_: None) if outage is None else reply(outage, "{}")
    asked = len(service.requests)
    assert [token.token for token in ask(verifier, "alice", "alice")] == ["alice"] * 2
    assert len(service.requests) > asked
    with contextlib.suppress(*filter(None, [_compat.unavailable_error()])):
        assert ask(verifier, "unknown") == [None]
    service.answer = good
    assert all(ask(verifier, "other"))
    begin, end = log()
    assert begin.startswith(f"{cls.__name__}: the endpoint is out of reach")
    assert end.startswith(f"{cls.__name__}: the endpoint answers again")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_no_outage(status, service, reply, remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=0.05, stale_if_error_seconds=60)
    assert all(ask(verifier))
    time.sleep(0.06)
    service.answer = reply(status, "{}")
    assert ask(verifier, "alice", "alice") == [None, None]


def test_workers_share_answers(service, reply, remember, cls):
    store = Store()
    one, other = made(cls), made(cls)
    once = asked_of(service, one)
    (without,) = ask(one)
    service.requests.clear()
    remember(**SHARED, cache_store=store)
    assert all(ask(one))
    found = ask(other, "alice", "alice")
    assert (len(service.requests), store.reads) == (once, 2)
    for token in found:
        assert parts(token) == parts(without)
    assert "alice" not in json.dumps([*map(str, store.kept), *store.kept.values()])
    changed = made(cls, timeout_seconds=7)
    assert all(ask(changed))
    assert len(service.requests) == 2 * once, "an attribute is another"
    service.answer = reply(401, "{}")
    asyncio.run(fastmcp_rs.invalidate("alice"))
    assert ask(made(cls)) == [None]
    assert ask(other) == [None]


def test_an_answer_that_json_cannot_hold_is_not_shared(service, remember, monkeypatch):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    store = Store()
    remember(**SHARED, cache_store=store)
    monkeypatch.setattr("fastmcp_rs.patch.answer_memory._is_same", lambda *_: False)
    assert all(ask(verifier, "alice", "alice"))
    assert (store.kept, len(service.requests)) == ({}, once)
