"""Forks and event loops, with a fetch that is over, under way or still to come."""

import asyncio
import threading

import pytest
import uvloop
from faults import hangs
from forks import in_child


def test_a_child_uses_the_keys_that_its_parent_fetched(endpoint, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is True
    assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
    assert len(endpoint.requests) == 1


def test_a_child_refreshes_by_itself(endpoint, other, verifier_of, verdict, good, unknown):
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is True
    endpoint.publish({"b": other})
    assert in_child(lambda: asyncio.run(verdict(verifier, unknown)) is True) == 0
    assert asyncio.run(verdict(verifier, good)) is True, "the child's set is the child's"
    assert len(endpoint.requests) == 2


def test_workers_that_are_forked_ahead_fetch_their_own(endpoint, verifier_of, verdict, good):
    verifier = verifier_of(endpoint)
    for workers in (1, 2, 3):
        assert in_child(lambda: asyncio.run(verdict(verifier, good)) is True) == 0
        assert len(endpoint.requests) == workers
    assert asyncio.run(verdict(verifier, good)) is True


@pytest.mark.parametrize("warm", [False, True])
def test_a_child_does_not_wait_for_its_parents_fetch(
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


def test_many_forks_while_sets_are_swapped(endpoint, other, verifier_of, verdict, good):
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


def test_a_child_has_the_last_error_of_its_parent(endpoint, reply, verifier_of, verdict, good):
    endpoint.answer = reply(503)
    verifier = verifier_of(endpoint)
    assert asyncio.run(verdict(verifier, good)) is None
    assert in_child(lambda: "503" in verifier.keys()["last_error"]) == 0


WORKERS = """
import asyncio, os, signal, sys, threading, urllib.request, warnings
sys.modules["fastmcp"] = sys.modules["mcp"] = None
from fastmcp_rs.auth import JWTVerifier
# Python 3.12 warns of forks where there are threads: that they are safe here is what is tested.
warnings.simplefilter("ignore", DeprecationWarning)
url, token = sys.argv[1:3]
verifier = JWTVerifier(jwks_uri=url, algorithm="ES256", audience="https://server.example/mcp")
request = {"type": "http", "headers": [(b"authorization", b"Bearer " + token.encode())]}

def accepts():
    return asyncio.run(verifier.authenticate(request)) is not None

def get(path):
    urllib.request.urlopen(url.replace("/jwks", path)).read()

accepted = []
waiting = threading.Thread(target=lambda: accepted.append(accepts()))
waiting.start()
get("/when-asked")
workers, ready = [], os.pipe()
for number in range(3):
    workers.append(os.fork())
    if workers[-1] == 0:
        assert accepts()
        if number < 2:
            sys.exit(0)
        # The last one serves until it gets a signal, as a server's workers do.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        os.write(ready[1], b"x")
        while accepts():
            pass
        os._exit(1)
os.read(ready[0], 1)
os.kill(workers[-1], signal.SIGTERM)
print([os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers])
get("/go")
waiting.join()
print(accepted)
"""


def test_workers_that_are_forked_during_a_fetch_verify_and_end_as_any_process(endpoint, reply, good, run_program):
    answer, asked, go = endpoint.answer, threading.Event(), threading.Event()

    def first_waits(_endpoint, connection, _request):
        if not asked.is_set():
            asked.set()
            go.wait(60)
        connection.sendall(answer)

    def waits_for(event):
        return lambda _endpoint, connection, _request: connection.sendall(reply(200 if event.wait(60) else 500))

    def goes(_endpoint, connection, _request):
        go.set()
        connection.sendall(reply(200))

    endpoint.answer = first_waits
    endpoint.routes |= {"/when-asked": waits_for(asked), "/go": goes}
    said = run_program(WORKERS, endpoint.url, good, seconds=60)
    assert said.splitlines() == ["[0, 0, 0]", "[True]"]
    assert [request.target for request in endpoint.requests].count("/jwks") == 4


def test_keys_are_fetched_under_uvloop(endpoint, verifier_of, verdict, good, unknown):
    verifier = verifier_of(endpoint)

    async def running():
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        return await verdict(verifier, good), await verdict(verifier, unknown)

    assert [uvloop.run(running()) for _ in range(2)] == [(True, False)] * 2
    assert len(endpoint.requests) == 2
    assert asyncio.run(verdict(verifier, good)) is True, "and what it fetched serves other loops"


def test_an_event_loop_of_uvloop_may_close_during_a_fetch(endpoint, may_answer, verifier_of, verdict, good, eventually):
    verifier = verifier_of(endpoint)

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verdict(verifier, good), 0.1)

    uvloop.run(gives_up())
    may_answer.set()
    eventually(lambda: verifier.keys()["age"] is not None)
    assert uvloop.run(verdict(verifier, good)) is True
    assert len(endpoint.requests) == 1
