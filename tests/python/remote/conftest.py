"""An endpoint on loopback that counts what it is asked and answers as badly as a test wants."""

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time

import pytest

from fastmcp_rs import host
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = lines[0].split(" ")[:2]
        pairs = (line.split(":", 1) for line in lines[1:] if line)
        self.headers = {name.lower(): value.strip() for name, value in pairs}


class Endpoint:
    """Answers each connection once. ``answer`` is bytes to send, or is called with the connection and the request."""

    def __init__(self, context=None):
        self.requests = []
        self.connections = 0
        self.answer = reply(404)
        self.routes = {}
        self.closing = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def base(self):
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.base}/jwks"

    def publish(self, keys, **headers):
        """Answer with these keys: a dict of key ids to pairs, or a list of JWKs."""
        jwks = [pair.jwk(kid) for kid, pair in keys.items()] if isinstance(keys, dict) else keys
        self.answer = reply(200, json.dumps({"keys": jwks}), **headers)

    def _accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        # Whatever a client that gives up does to its connection is no failure of the endpoint.
        with contextlib.suppress(OSError), connection:
            connection.settimeout(15)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    head += piece
                request = Request(head.partition(b"\r\n\r\n")[0])
                self.requests.append(request)
                answer = self.routes.get(request.target, self.answer)
                if callable(answer):
                    answer(self, connection, request)
                else:
                    connection.sendall(answer)

    def close(self):
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


def reply(status, body="", **headers):
    body = body.encode() if isinstance(body, str) else body
    headers = {"content_length": len(body), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Text\r\n{lines}\r\n".encode() + body


@pytest.fixture(name="reply", scope="session")
def reply_fixture():
    return reply


@pytest.fixture
def new_endpoint():
    made = []

    def make(*args):
        made.append(Endpoint(*args))
        return made[-1]

    yield make
    for endpoint in made:
        endpoint.close()


@pytest.fixture
def endpoint(new_endpoint, pair):
    """An endpoint with one good key, ``"a"``."""
    endpoint = new_endpoint()
    endpoint.publish({"a": pair})
    return endpoint


@pytest.fixture(scope="session")
def pair():
    return KeyPair.generate("ES256")


@pytest.fixture(scope="session")
def other():
    return KeyPair.generate("ES256")


@pytest.fixture(scope="session")
def good(pair):
    return pair.create_token(audience=AUDIENCE, kid="a")


@pytest.fixture(scope="session")
def unknown(other):
    """A token under a key id that the endpoint does not have."""
    return other.create_token(audience=AUDIENCE, kid="b")


@pytest.fixture(scope="session")
def verifier_of():
    """Make a verifier of an endpoint's keys, or of a URL's."""

    def made(endpoint, **options):
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        return JWTVerifier(jwks_uri=url, **{"algorithm": "ES256", "audience": AUDIENCE, **options})

    return made


async def verdict(verifier, token):
    """``True``, ``False``, or ``None`` for a token that nobody can judge. FastMCP before 4.2 has no word for that."""
    unavailable = host.unavailable_error()
    if unavailable is None:
        answer = await verifier.verify_token(token)
        return True if answer is not None else (None if verifier.keys()["last_error"] else False)
    try:
        return await verifier.verify_token(token) is not None
    except unavailable:
        return None


@pytest.fixture(name="verdict", scope="session")
def verdict_fixture():
    return verdict


@pytest.fixture(scope="session")
def request_with():
    return lambda token: {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}


@pytest.fixture
def reasons(caplog):
    """The codes in the log of the verifiers: ``reasons()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record.reason for record in caplog.records if record.name == "fastmcp_rs.auth"]


@pytest.fixture
def key_log(caplog):
    """What the operator hears of fetches: ``key_log()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.keys")

    def told():
        # A fetch counts as ended just before it is told of, in a thread of its own.
        time.sleep(0.05)
        return [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.keys"]

    return told


@pytest.fixture(scope="session")
def eventually():
    def waits(condition, seconds=3):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)

    return waits


@pytest.fixture(scope="session")
def run_program():
    """Run Python code in a process of its own; what it is asked to print comes back."""

    def run(code, *args, env=None, seconds=15):
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, *args],
            env=env,
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    return run
