"""Waiting in an event loop for what ends on another thread."""

import asyncio
import threading

import pytest

from fastmcp_rs.waiting import outcome

LONGEST_SECONDS = 30


def test_an_outcome_arrives_from_any_thread_and_from_the_same_one():
    def elsewhere(done):
        threading.Thread(target=done, args=("elsewhere",)).start()

    async def both():
        return await outcome(elsewhere, LONGEST_SECONDS), await outcome(lambda done: done("here"), LONGEST_SECONDS)

    assert asyncio.run(both()) == ("elsewhere", "here")


def test_a_second_outcome_changes_nothing():
    def twice(done):
        done(1)
        done(2)

    assert asyncio.run(outcome(twice, LONGEST_SECONDS)) == 1


def test_who_has_waited_long_enough_stops_and_a_late_outcome_is_dropped():
    started = []

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await outcome(started.append, 0.01)
        started[0]("late")
        await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(gives_up()) == "went on"


def test_a_waiter_that_is_cancelled_cancels_nothing():
    started = []

    async def cancelled():
        waiter = asyncio.ensure_future(outcome(started.append, LONGEST_SECONDS))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        started[0]("late")
        await asyncio.sleep(0)

    asyncio.run(cancelled())
    started[0]("after the loop was closed")
    assert len(started) == 1
