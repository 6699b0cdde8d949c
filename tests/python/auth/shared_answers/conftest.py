"""Workers of one server, which share answers through Redis."""

import os
import shutil
import signal

import pytest
from redis_workers import SECRET, RedisServer

from fastmcp_rs.auth import shared_store


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


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Wait for the store as long as a machine may take that runs all tests at once."""
    monkeypatch.setattr(shared_store, "_WAIT_SECONDS", 5.0)
