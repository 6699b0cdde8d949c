"""The interpreter ends, or a signal comes, during a fetch or a verification: no hang, and no output."""

import json
import signal
import subprocess
import sys

import pytest
from faults import hangs

# Less than the timeout of a fetch: a process that takes longer has waited for it.
END_SECONDS = 8
# For everything else that takes time, such as a start on a busy machine.
LONGEST_SECONDS = 60

# Without FastMCP, which takes most of a second to import.
START = """
import asyncio, signal, sys, threading, time
sys.modules["fastmcp"] = sys.modules["mcp"] = None
from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider
from fastmcp_rs.client.auth import OAuth
url, token = sys.argv[1:3]
audience = "https://server.example/mcp"
verifier = JWTVerifier(jwks_uri=url, algorithm="ES256", audience=audience)
def request(token):
    return {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
"""

KINDS = {
    "keys": "verifier.authenticate(request(token))",
    "keys and introspection": 'OAuthProvider("id", "secret", url, audience=audience).authenticate(request(token))',
    "a question": 'RemoteAuthProvider(url, audience=audience).authenticate(request("an-opaque-token"))',
    "a token request": 'OAuth("id", "secret", url).get_token()',
}


class Program:
    """A Python program that goes on when it gets a line. Nothing may be on its stderr but what is expected."""

    def __init__(self, code, *args):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def says(self):
        return self._process.stdout.readline().strip()

    def write_line(self, line="go on"):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def signal(self, number):
        self._process.send_signal(number)

    def ends(self, status=0, error="", seconds=END_SECONDS):
        said, errors = self._process.communicate(timeout=seconds)
        assert error in errors
        assert error or errors == ""
        assert self._process.returncode == status, errors
        return said.strip()


@pytest.fixture
def asked(endpoint, eventually):
    """Wait until the endpoint has a request, which it does not answer."""
    endpoint.answer = hangs
    return lambda: eventually(lambda: endpoint.requests, LONGEST_SECONDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_interpreter_ends_during_a_fetch(kind, endpoint, good, asked):
    code = f"""
async def main():
    asking = asyncio.ensure_future({KINDS[kind]})
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    assert not asking.done()
asyncio.run(main())
print("the end")
"""
    with Program(START + code, endpoint.url, good) as program:
        asked()
        program.write_line()
        assert program.ends() == "the end"


@pytest.mark.parametrize("kind", KINDS)
def test_an_interpreter_ends_while_daemon_threads_wait_for_a_fetch(kind, endpoint, good, asked):
    code = f"""
threading.Thread(target=lambda: asyncio.run({KINDS[kind]}), daemon=True).start()
sys.stdin.readline()
"""
    with Program(START + code, endpoint.url, good) as program:
        asked()
        program.write_line()
        program.ends()


@pytest.mark.parametrize("_run", range(3))
def test_an_interpreter_ends_while_daemon_threads_verify(_run, endpoint, good):
    code = """
from fastmcp_rs.testing import KeyPair
pair = KeyPair.generate("ES256")
fixed = JWTVerifier(public_key=pair.public_key, algorithm="ES256", audience="server", cache_size=0)
tokens = [pair.create_token(audience="server"), token]
def verifies():
    while True:
        for one in tokens:
            asyncio.run(fixed.authenticate(request(one)))
            count.release()
count = threading.Semaphore(0)
for _ in range(4):
    threading.Thread(target=verifies, daemon=True).start()
for _ in range(40):
    count.acquire()
"""
    with Program(START + code, endpoint.url, good) as program:
        program.ends(seconds=LONGEST_SECONDS)


@pytest.mark.parametrize("_run", range(3))
def test_an_interpreter_ends_at_the_end_of_a_fetch(_run, endpoint, good):
    # The fetcher's thread is still inside Python, where it woke the waiting caller: often enough for three runs.
    with Program(START + "asyncio.run(verifier.warm_up())", endpoint.url, good) as program:
        program.ends(seconds=LONGEST_SECONDS)


def test_keys_that_arrive_while_the_interpreter_ends_are_dropped(endpoint, may_answer, pair, reply, eventually):
    # The fetcher's thread verifies what waits for the keys, which takes Python's lock; by then there is none.
    held_back = endpoint.answer

    def answer(endpoint, connection, request):
        if request.target == "/go":
            may_answer.set()
            connection.sendall(reply(200))
        else:
            held_back(endpoint, connection, request)

    endpoint.answer = answer
    code = """
import os, socket, urllib.parse
provider = OAuthProvider("id", "secret", url, issuer=url, jwks_uri=url, audience=audience)
connection = socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(url).port)).detach()
class Last:
    def __del__(self, write=os.write, to=connection, sleep=time.sleep):
        write(to, b"GET /go HTTP/1.1\\r\\n\\r\\n")
        sleep(0.5)
async def main():
    asking = asyncio.ensure_future(provider.authenticate(request(token)))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    assert not asking.done()
asyncio.run(main())
last = Last()
"""
    token = pair.create_token(audience="https://server.example/mcp", kid="a", additional_claims={"iss": endpoint.url})
    with Program(START + code, endpoint.url, token) as program:
        eventually(lambda: endpoint.requests, LONGEST_SECONDS)
        program.write_line()
        program.ends()
    assert [request.target for request in endpoint.requests] == ["/jwks", "/go"]


def test_a_log_handler_that_hangs_does_not_keep_the_process_alive(endpoint, reply, good):
    endpoint.answer = reply(503)
    code = """
import logging
class Hangs(logging.Handler):
    def emit(self, record):
        started.set()
        threading.Event().wait()
started = threading.Event()
logging.getLogger("fastmcp_rs.keys").addHandler(Hangs())
verifier._remote.request()
assert started.wait(50)
# What logging does at exit waits for its handlers, however long.
logging.shutdown = lambda *_: None
import atexit; atexit.unregister(logging.shutdown); logging._handlerList.clear()
"""
    with Program(START + code, endpoint.url, good) as program:
        program.ends(seconds=LONGEST_SECONDS)


# Background jobs of a shell, which this suite may be, ignore the signal, and so do their children.
LISTEN = "\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_ends_a_wait_for_a_fetch(kind, endpoint, good, asked):
    with Program(f"{START}{LISTEN}asyncio.run({KINDS[kind]})", endpoint.url, good) as program:
        asked()
        program.signal(signal.SIGINT)
        program.ends(status=-signal.SIGINT, error="KeyboardInterrupt")


def test_a_handler_of_sigterm_runs_during_a_fetch(endpoint, good, asked):
    code = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
asyncio.run(verifier.authenticate(request(token)))
"""
    with Program(START + code, endpoint.url, good) as program:
        asked()
        program.signal(signal.SIGTERM)
        program.ends(status=7)


def test_sigterm_without_a_handler_ends_the_process(endpoint, good, asked):
    with Program(START + "asyncio.run(verifier.authenticate(request(token)))", endpoint.url, good) as program:
        asked()
        program.signal(signal.SIGTERM)
        program.ends(status=-signal.SIGTERM)


def test_ctrl_c_ends_a_blocking_token_request_and_the_next_one_succeeds(endpoint, reply, may_answer, eventually):
    endpoint.routes["/"] = reply(200, "hello")
    issued = reply(200, json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 600}))

    def answer(_endpoint, connection, _request):
        may_answer.wait(30)
        connection.sendall(issued)

    endpoint.answer = answer
    code = """
import httpx2
client = httpx2.Client(auth=OAuth("id", "secret", url), trust_env=False, timeout=50)
home = url.replace("/jwks", "/")
try:
    client.get(home)
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
print(client.get(home).request.headers["authorization"])
"""
    with Program(START + LISTEN + code, endpoint.url, "none") as program:
        eventually(lambda: endpoint.requests, LONGEST_SECONDS)
        program.signal(signal.SIGINT)
        assert program.says() == "interrupted"
        may_answer.set()
        program.write_line()
        assert program.ends() == "Bearer t"
    assert [request.target for request in endpoint.requests] == ["/jwks", "/"]


OTHER_INTERPRETERS = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
IMPORT = '''
try:
    import fastmcp_rs._native
except ImportError:
    print("refused", flush=True)
else:
    print("imported", flush=True)
'''
def imports_elsewhere():
    there = interpreters.create()
    interpreters.run_string(there, IMPORT)
    interpreters.destroy(there)
"""


def test_only_one_interpreter_of_a_process_can_import_the_package():
    code = """
from fastmcp_rs._native import JwtVerifier
for _ in range(3):
    imports_elsewhere()
for _ in range(2):
    # Again in the same one, as after a reload of modules.
    del sys.modules["fastmcp_rs._native"]
    exec(IMPORT)
print(JwtVerifier("a secret that is long enough for HS256", ["HS256"]).decide("x.y.z").code)
"""
    with Program(OTHER_INTERPRETERS + code) as program:
        said = program.ends(seconds=LONGEST_SECONDS).split()
    assert said == ["refused"] * 3 + ["imported"] * 2 + ["malformed_token"]
