"""Introspection requests: one for each token, within the timeout, with secrets for that server only."""

import asyncio
import json
import logging
import re
import ssl
import subprocess
import threading
import time
import traceback
from urllib.parse import quote_plus

import pytest
from faults import closes_at_once, hangs, speaks_no_http, trickles
from http_endpoints import read_head

from fastmcp_rs import _compat

TOKEN = "an-opaque-token"
SECRET = "hush-hush+key"


def breaks_off(_endpoint, connection, _request):
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"active":true')


@pytest.mark.parametrize("fault", [breaks_off, closes_at_once, speaks_no_http])
def test_a_broken_connection_is_no_refusal(fault, service, judgement, asker):
    service.answer = fault
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable


@pytest.mark.parametrize("fault", [hangs, trickles])
def test_the_timeout_bounds_the_whole_request(fault, service, judgement, asker):
    service.answer = fault
    start = time.monotonic()
    assert judgement(asker.make(service.url, timeout=0.3), TOKEN) == asker.unavailable
    assert time.monotonic() - start < 10, "and none of the hang's own"


@pytest.mark.parametrize("status", [400, 408, 429, 500, 502, 503, 504])
def test_h9_an_error_status_of_the_endpoint_is_no_refusal(status, service, reply, judgement, asker, yes):
    service.answer = reply(status, json.dumps(yes), retry_after="1")
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable


@pytest.mark.parametrize("body", ["", "<html>", "{", '{"valid":true}}', "nul", " " * (1024 * 1024 + 1)])
def test_bad_json_is_no_refusal(body, service, reply, judgement, asker):
    service.answer = reply(200, body)
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable


def test_a_refused_connection_is_no_refusal(service, judgement, asker):
    service.close()
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable


def test_an_untrusted_certificate_is_no_refusal(new_endpoint, tmp_path, judgement, asker):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    made = [*request, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = new_endpoint(context)
    assert judgement(asker.make(service.url), TOKEN) == asker.unavailable
    assert service.requests == [], "neither the token nor a header was sent"


def test_h9_no_failure_is_remembered(service, reply, judgement, asker):
    provider = asker.make(service.url)
    good, bad, no = service.answer, reply(503), reply(200, '{"active":false}')
    for answer, says in ((bad, asker.unavailable), (good, "accepted"), (no, "inactive_token")) * 2:
        service.answer = answer
        assert judgement(provider, TOKEN) == says


def test_h9_fastmcps_own_error_is_raised_where_there_is_one(service, reply, asker):
    service.answer = reply(503)
    with pytest.raises(_compat.unavailable_error(), match="status 503"):
        asyncio.run(asker.make(service.url).verify_token(TOKEN))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status, service, new_endpoint, reply, judgement, asker):
    target = new_endpoint()
    target.answer = service.answer
    service.answer = reply(status, location=target.url)
    assert judgement(asker.make(service.url, secret=SECRET), TOKEN) == asker.unavailable
    assert target.connections == 0


def test_callers_of_one_token_share_one_request(service, asker):
    may_answer = service.hold()
    provider = asker.make(service.url)
    answers = []
    asked = threading.Barrier(5, timeout=10)

    def ask():
        async def many():
            tasks = [asyncio.create_task(provider.verify_token(TOKEN)) for _ in range(25)]
            # Each task runs up to where it waits for the answer.
            await asyncio.sleep(0)
            asked.wait()
            return await asyncio.gather(*tasks)

        answers.extend(asyncio.run(many()))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    asked.wait()
    may_answer.set()
    for thread in threads:
        thread.join()
    assert [answer.subject for answer in answers] == ["alice"] * 100
    assert len(service.requests) == 1


def test_each_token_has_its_own_request_and_response(service, reply, asker, yes):
    def answers(_endpoint, connection, request):
        token = re.search(rb"(good|bad)-[0-9]+", request.body)[0].decode()
        answer = {**yes, "active": token.startswith("good"), "sub": f"user of {token}"}
        connection.sendall(reply(200, json.dumps(answer)))

    service.answer = answers
    provider = asker.make(service.url)
    tokens = [f"{kind}-{number}" for kind in ("good", "bad") for number in range(50)]

    async def many():
        return await asyncio.gather(*map(provider.verify_token, tokens))

    for token, answer in zip(tokens, asyncio.run(many()), strict=True):
        assert (answer and answer.subject) == (f"user of {token}" if token.startswith("good") else None)


def test_more_requests_than_the_limit_wait_for_their_turn(service, asker, eventually):
    may_answer = service.hold()
    provider = asker.make(service.url)

    async def many():
        asked = asyncio.gather(*(provider.verify_token(f"token-{number}") for number in range(100)))
        await asyncio.to_thread(eventually, lambda: len(service.requests) == 56)
        await asyncio.sleep(0.1)
        at_once = len(service.requests)
        may_answer.set()
        return at_once, await asked

    at_once, answers = asyncio.run(many())
    assert at_once == 56
    assert [answer.subject for answer in answers] == ["alice"] * 100


def test_a_cancelled_caller_cancels_no_shared_request(service, asker, until):
    may_answer = service.hold()
    provider = asker.make(service.url)

    async def cancelled():
        tasks = [asyncio.create_task(provider.verify_token(TOKEN)) for _ in range(10)]
        await until(lambda: service.requests)
        tasks[0].cancel()
        may_answer.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(cancelled())
    assert isinstance(first, asyncio.CancelledError)
    assert [answer.subject for answer in others] == ["alice"] * 9
    assert len(service.requests) == 1


def test_each_request_has_a_connection_of_its_own(service, reply, asker, yes):
    answer = reply(200, json.dumps(yes), connection="keep-alive")

    def keeps(_endpoint, connection, _request):
        for _ in range(19):
            connection.sendall(answer)
            connection.recv(65_536)
        connection.sendall(answer)

    service.answer = keeps
    provider = asker.make(service.url)
    for number in range(20):
        assert asyncio.run(provider.verify_token(f"token-{number}")) is not None
    assert service.connections == 20
    assert {request.headers["connection"] for request in service.requests} == {"close"}


FORKED = """
import asyncio, os, sys, warnings
from fastmcp_rs.auth import RemoteAuthProvider
# Python 3.12 warns of forks where there are threads: the tests show that they are safe here.
warnings.simplefilter("ignore", DeprecationWarning)
provider = RemoteAuthProvider(sys.argv[1])
assert asyncio.run(provider.verify_token("a-token"))
child = os.fork()
if child == 0:
    os._exit(0 if asyncio.run(provider.verify_token("a-token")) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_asks_for_itself(service, run_program):
    assert run_program(FORKED, service.url) == "0"
    assert len(service.requests) == 2


def test_neither_the_token_nor_a_secret_is_in_anything_that_is_shown(service, reply, caplog, asker):
    caplog.set_level(logging.DEBUG)
    provider = asker.make(service.url, secret=SECRET)
    shown = [repr(asker.make(f"{service.url}?key={SECRET}", secret=SECRET)), str(provider)]
    shown += [f"{value!r} {value}" for value in vars(provider).values()]
    no, echo = reply(200, '{"active":false}'), reply(500, f"{SECRET} {TOKEN}")
    for answer in (service.answer, no, echo, reply(401, SECRET), breaks_off):
        service.answer = answer
        try:
            shown.append(repr(asyncio.run(provider.authenticate({"headers": [("authorization", f"Bearer {TOKEN}")]}))))
            asyncio.run(provider.verify_token(TOKEN))
        except Exception:  # noqa: BLE001 - what is raised is what is looked at
            shown.append(traceback.format_exc())
    shown += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert len(shown) > 8
    assert len(service.requests) > 4
    secrets = (SECRET, quote_plus(SECRET), TOKEN)
    assert not [text for text in shown if any(secret in text for secret in secrets)]


def test_a_late_response_is_not_taken_for_the_response_to_the_next_request(service, judgement, asker):
    yes = json.dumps({"active": True, "sub": "mallory", "client_id": "c"})
    answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(yes)}\r\n\r\n{yes}".encode()
    no = b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"active":false}'

    def serve(_endpoint, connection):
        # On a connection that is kept, the second request would find the answer to nothing waiting there.
        for _ in range(2):
            if read_head(connection) is None:
                return
            connection.sendall(no + answer)

    service.serve = serve
    provider = asker.make(service.url)
    for number in range(5):
        assert judgement(provider, f"{TOKEN}-{number}") == "inactive_token"


def test_a_flood_is_refused_at_once_and_bounded(service, asker):
    may_answer = service.hold(b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"active":false}')
    provider = asker.make(service.url, unavailable="none")

    async def checks():
        flood = [asyncio.create_task(provider.verify_token(f"{TOKEN}-{number:05}")) for number in range(1000)]
        await asyncio.sleep(0)
        start = time.monotonic()
        # 56 are on their way, 256 wait, and the rest are refused at once.
        await asyncio.wait(flood, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        while sum(task.done() for task in flood) < 1000 - 56 - 256:
            assert time.monotonic() - start < 5
            await asyncio.sleep(0.01)
        assert service.connections <= 56
        may_answer.set()
        await asyncio.gather(*flood)

    asyncio.run(checks())
    counts = provider.stats()
    assert counts["rejected"] == {"inactive_token": 56 + 256}
    assert counts["unavailable"] == {asker.unavailable: 1000 - 56 - 256}


@pytest.mark.parametrize("address", ["192.0.2.2", "192.0.2.1"], ids=["another_peer", "behind_the_same_proxy"])
def test_a_flood_of_one_peer_does_not_starve_a_user(service, asker, address):
    flooding, users_came, came_in_time = threading.Event(), threading.Event(), []

    def answer(_endpoint, connection, request):
        is_users = f"{TOKEN}-good".encode() in request.body
        if flooding.is_set():
            if is_users:
                users_came.set()
            came_in_time.append(users_came.wait(20))
        connection.sendall(accepts if is_users else b'HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"active":false}')

    accepts, service.answer = service.answer, answer
    provider = asker.make(service.url, unavailable="none")

    def request(token, peer):
        return {"type": "http", "client": (peer, 1), "headers": [(b"authorization", f"Bearer {token}".encode())]}

    async def checks():
        # Where one address is the flood's too, the token is known by its having been active before.
        assert await provider.authenticate(request(f"{TOKEN}-good", address))
        flooding.set()
        tokens = [f"{TOKEN}-{number:05}" for number in range(600)]
        flood = [asyncio.create_task(provider.authenticate(request(token, "192.0.2.1"))) for token in tokens]
        await asyncio.sleep(0)
        assert await provider.authenticate(request(f"{TOKEN}-good", address))
        await asyncio.gather(*flood)

    asyncio.run(checks())
    counts = provider.stats()
    assert 56 + 256 <= counts["rejected"]["inactive_token"] < 600, "of the flood, some were refused at once"
    assert all(came_in_time), "the user's token was asked about while the flood's own had no answer"
