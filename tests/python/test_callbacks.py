"""Waiting in an event loop for what ends on another thread."""

import asyncio
import queue
import threading

import pytest
from ports import refusing_port

from fastmcp_rs._callbacks import await_callback, wait_for_callback
from fastmcp_rs.auth import RemoteAuthProvider

LONGEST_SECONDS = 30


@pytest.fixture(autouse=True)
def _nothing_goes_wrong_unseen(caplog):
    """An event loop logs what its callbacks raise, and goes on."""
    yield
    assert caplog.get_records("call") == []


def elsewhere(done):
    threading.Thread(target=done, args=("elsewhere",)).start()


def test_an_outcome_arrives_from_any_thread_and_from_the_same_one():
    async def both():
        return await await_callback(elsewhere, LONGEST_SECONDS), await await_callback(
            lambda done: done("here"), LONGEST_SECONDS
        )

    assert asyncio.run(both()) == ("elsewhere", "here")


def test_a_second_outcome_changes_nothing():
    def twice(done):
        done(1)
        done(2)

    async def goes_on():
        first = await await_callback(twice, LONGEST_SECONDS)
        await asyncio.sleep(0)
        return first

    assert asyncio.run(goes_on()) == 1


def test_a_waiter_stops_at_its_timeout_and_a_late_outcome_is_dropped():
    started = []

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await await_callback(started.append, 0.01)
        started[0]("late")
        await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(gives_up()) == "went on"


def test_a_waiter_that_is_cancelled_cancels_nothing():
    started = []

    async def cancelled():
        waiter = asyncio.ensure_future(await_callback(started.append, LONGEST_SECONDS))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        started[0]("late")
        await asyncio.sleep(0)

    asyncio.run(cancelled())
    started[0]("after the loop was closed")
    assert len(started) == 1


def test_a_cancellation_that_comes_together_with_the_outcome_is_not_swallowed():
    started = []

    async def both_at_once():
        waiter = asyncio.ensure_future(await_callback(started.append, LONGEST_SECONDS))
        await asyncio.sleep(0)
        started[0]("there")
        asyncio.get_running_loop().call_soon(waiter.cancel)
        await asyncio.wait([waiter])
        return waiter.cancelled()

    assert asyncio.run(both_at_once()) is True


def test_without_an_event_loop_an_outcome_is_waited_for_as_well():
    assert wait_for_callback(elsewhere, LONGEST_SECONDS) == "elsewhere"
    assert wait_for_callback(lambda done: done("here"), LONGEST_SECONDS) == "here"
    with pytest.raises(TimeoutError):
        wait_for_callback(lambda _: None, 0.01)


def test_the_python_state_of_a_native_thread_is_made_once():
    kept, outcomes = threading.local(), queue.SimpleQueue()

    def done(decision):
        kept.calls = getattr(kept, "calls", 0) + 1
        outcomes.put((decision.code, threading.get_ident(), kept.calls))

    with refusing_port() as port:
        native = vars(RemoteAuthProvider(f"http://127.0.0.1:{port}/verify", audience="server"))["_native"]
        received = []
        for number in (1, 2):
            native.decide_later(f"token-{number}", done)
            received.append(outcomes.get(timeout=LONGEST_SECONDS))
    thread = received[0][1]
    assert thread != threading.get_ident()
    assert received == [(received[0][0], thread, 1), (received[0][0], thread, 2)]
