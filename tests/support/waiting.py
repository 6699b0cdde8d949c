"""Fixtures that wait for a condition, and never for a time that has to be long enough."""

import asyncio
import time

import pytest


@pytest.fixture(scope="session")
def eventually():
    """Wait until a condition holds: ``eventually(lambda: endpoint.requests)``."""

    def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the condition did not become true"
            time.sleep(0.01)

    return waits


@pytest.fixture(scope="session")
def until():
    """Let the running event loop work until a condition holds: ``await until(lambda: client.asked)``."""

    async def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the condition did not become true"
            await asyncio.sleep(0.001)

    return waits
