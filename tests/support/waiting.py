"""Fixtures that wait for a condition, and never for a time that has to be long enough."""

import asyncio
import time

import pytest


@pytest.fixture(scope="session")
def eventually():
    def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)

    return waits


@pytest.fixture(scope="session")
def until():
    """Let the running event loop work until a condition holds: ``await until(lambda: client.asked)``."""

    async def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            await asyncio.sleep(0.001)

    return waits
