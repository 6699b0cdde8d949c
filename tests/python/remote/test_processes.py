"""Forks, exits and signals, with a fetch that is over, under way or still to come."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
import uvloop

VERIFIER = """
import asyncio, sys
from fastmcp_rs.auth import JWTVerifier
verifier = JWTVerifier(jwks_uri=sys.argv[1], algorithm="ES256", audience="https://server.example/mcp")
request = {"type": "http", "headers": [(b"authorization", b"Bearer " + sys.argv[2].encode())]}
"""

CHILD_SECONDS = 10


def hangs(endpoint, _connection, _request):
    endpoint.closing.wait(15)


def in_child(work):
    """Run in a forked child; its exit status, or a failure if it does not end."""
    with warnings.catch_warnings():
        # Python 3.12 warns of forks where there are threads: that they are safe here is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    end = time.monotonic() + CHILD_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child is stuck")
    return None


def test_k18_a_child_goes_on_with_what_its_parent_fetched(endpoint, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is True
    assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
    assert len(endpoint.requests) == 1


def test_k18_a_child_refreshes_by_itself(endpoint, other, verifier_of, verdict, good, unknown):
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is True
    endpoint.publish({"b": other})
    assert in_child(lambda: asyncio.run(verdict(verifier, unknown)) is True) == 0
    assert asyncio.run(verdict(verifier, good)) is True, "the child's set is the child's"
    assert len(endpoint.requests) == 2


def test_k18_workers_that_are_forked_ahead_fetch_their_own(endpoint, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    for workers in (1, 2, 3):
        assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
        assert len(endpoint.requests) == workers
    assert asyncio.run(verdict(verifier, good)) is True


@pytest.mark.parametrize("warm", [False, True])
def test_k18_a_child_does_not_wait_for_its_parents_fetch(
    warm, endpoint, verifier_of, verdict, good, unknown, other, pair, eventually
):
    verifier = verifier_of(endpoint)
    if warm:
        assert asyncio.run(verdict(verifier, good)) is True
    endpoint.answer = hangs
    before = len(endpoint.requests)
    thread = threading.Thread(target=lambda: asyncio.run(verdict(verifier, unknown if warm else good)))
    thread.start()
    eventually(lambda: len(endpoint.requests) == before + 1)
    endpoint.publish({"a": pair, "b": other})
    assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
    endpoint.closing.set()
    thread.join(5)
    assert not thread.is_alive()


def test_k18_many_forks_while_sets_are_swapped(endpoint, other, verifier_of, verdict, good):
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)
    assert asyncio.run(verdict(verifier, good)) is True
    over = threading.Event()

    def swap():
        number = 0
        while not over.is_set():
            number += 1
            asyncio.run(verdict(verifier, other.create_token(kid=f"made-up-{number}")))

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(20):
            assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
    finally:
        over.set()
        thread.join(5)


def test_k18_a_child_tells_why_its_parent_failed(endpoint, reply, verifier_of, verdict, good):
    endpoint.answer = reply(503)
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is None
    assert in_child(lambda: "503" in verifier.keys()["last_error"]) == 0


def test_an_interpreter_ends_during_a_fetch(endpoint, good, run_program, eventually):
    endpoint.answer = hangs
    start = time.monotonic()
    answer = run_program(
        VERIFIER
        + """
async def main():
    try:
        await asyncio.wait_for(verifier.authenticate(request), 0.3)
    except asyncio.TimeoutError:
        print("timed out")
asyncio.run(main())
""",
        endpoint.url,
        good,
    )
    assert answer == "timed out"
    assert time.monotonic() - start < 3 + 3, "starting takes its time, ending must not"
    eventually(lambda: len(endpoint.requests) == 1)


def test_ctrl_c_ends_who_waits_for_a_fetch(endpoint, good, eventually):
    endpoint.answer = hangs
    # A shell's background jobs, such as this suite may be one, and their children begin deaf to it.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = listen + VERIFIER + "asyncio.run(verifier.authenticate(request))"
    with subprocess.Popen([sys.executable, "-c", program, endpoint.url, good], stderr=subprocess.PIPE) as process:
        try:
            eventually(lambda: endpoint.requests, 10)
            time.sleep(0.1)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=5)
        finally:
            process.kill()
    assert time.monotonic() - start < 3
    assert b"KeyboardInterrupt" in error
    assert process.returncode in (-signal.SIGINT, 130, 1)


@pytest.mark.parametrize("_run", range(3))
def test_an_interpreter_ends_as_a_fetch_does(_run, endpoint, good, run_program):
    # The fetcher's thread is still inside Python, where it woke who waited: often enough to be seen in three runs.
    run_program(VERIFIER + "asyncio.run(verifier.warm_up())", endpoint.url, good)


def test_a_log_handler_that_hangs_does_not_keep_the_process(endpoint, reply, good, run_program):
    endpoint.answer = reply(503)
    program = """
import logging, threading
class Hangs(logging.Handler):
    def emit(self, record):
        started.set()
        threading.Event().wait()
started = threading.Event()
logging.getLogger("fastmcp_rs.keys").addHandler(Hangs())
verifier._remote.request()
assert started.wait(5)
# What logging does at exit waits for its handlers, whoever they hang for.
logging.shutdown = lambda *_: None
import atexit; atexit.unregister(logging.shutdown); logging._handlerList.clear()
"""
    run_program(VERIFIER + program, endpoint.url, good)


def test_k18_under_uvloop(endpoint, verifier_of, verdict, good, unknown):
    verifier = verifier_of(endpoint)

    async def running():
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        return await verdict(verifier, good), await verdict(verifier, unknown)

    assert [uvloop.run(running()) for _ in range(2)] == [(True, False)] * 2
    assert len(endpoint.requests) == 2
    assert asyncio.run(verdict(verifier, good)) is True, "and what it fetched serves other loops"


def test_k18_a_loop_of_uvloop_may_close_while_its_fetch_is_on_its_way(
    endpoint, gate, verifier_of, verdict, good, eventually
):
    verifier = verifier_of(endpoint)

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verdict(verifier, good), 0.1)

    uvloop.run(gives_up())
    gate.set()
    eventually(lambda: verifier.keys()["age"] is not None)
    assert uvloop.run(verdict(verifier, good)) is True
    assert len(endpoint.requests) == 1
