"""The limit on the rate of equal log records, by a clock that the test sets."""

import asyncio

import pytest

from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs.auth import StaticTokenVerifier


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_records_beyond_the_rate_are_counted_in_the_next_one(clock):
    limiter = LogRateLimiter(3, clock)
    assert [limiter.admit("a") for _ in range(5)] == [0, 0, 0, None, None]
    assert limiter.admit("b") == 0, "another kind has its own count"
    clock.now += 1
    assert [limiter.admit("a") for _ in range(4)] == [2, 0, 0, None]
    clock.now += 60
    assert limiter.admit("a") == 1


def test_a_record_may_count_for_several(clock):
    limiter = LogRateLimiter(3, clock)
    assert [limiter.admit("a", weight=3) for _ in range(2)] == [0, None]
    clock.now += 1
    assert [limiter.admit("a", weight=2) for _ in range(3)] == [1, 0, None]


def test_the_rate_is_per_second_of_the_clock(clock):
    limiter = LogRateLimiter(1, clock)
    assert limiter.admit("a") == 0
    clock.now += 0.9
    assert limiter.admit("a") is None
    clock.now += 0.1
    assert limiter.admit("a") == 1


def test_a_flood_of_one_reason_is_logged_in_part_and_counted(clock, monkeypatch, records):
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter(10, clock))
    verifier = StaticTokenVerifier(["t"])

    async def refuse(count):
        for number in range(count):
            assert await verifier.verify_token(f"bad-{number}") is None

    asyncio.run(refuse(1000))
    assert len(records()) == 10
    clock.now += 1
    asyncio.run(refuse(1))
    assert records()[-1].omitted == 990
    assert records()[-1].getMessage().endswith("(990 more of this reason were not written)")
