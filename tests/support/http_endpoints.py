"""HTTP endpoints on this machine that answer as a test says, and keep the requests that they got."""

import contextlib
import json
import socket
import threading

import pytest
from ports import listen_on_a_free_port


class Request:
    def __init__(self, head, body=b""):
        self.body = body
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = lines[0].split(" ")[:2]
        pairs = (line.split(":", 1) for line in lines[1:] if line)
        self.headers = {name.lower(): value.strip() for name, value in pairs}


_ports = set()


def _listen_on_a_new_port():
    """Verifiers share what was fetched from a URL until the last of them is collected, which may be tests later."""
    taken = []
    while True:
        taken.append(listen_on_a_free_port(backlog=256))
        port = taken[-1].getsockname()[1]
        if port not in _ports:
            _ports.add(port)
            for listener in taken[:-1]:
                listener.close()
            return taken[-1], port


class Endpoint:
    """Answers each connection once. ``answer`` is bytes to send, or is called with the connection and the request."""

    def __init__(self, context=None):
        self.requests = []
        self.connections = 0
        self.answer = reply(404)
        self.routes = {}
        # What is spoken in the place of HTTP, with the endpoint and the connection.
        self.serve = None
        self.closing = threading.Event()
        self._events = [self.closing]
        self._context = context
        self._listener, self.port = _listen_on_a_new_port()
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

    def hold(self, answer=None):
        """Hold back its answer, or this one, until the event that this returns is set."""
        answer, may_answer = answer or self.answer, threading.Event()
        self._events.append(may_answer)

        def held_back(_endpoint, connection, _request):
            may_answer.wait(30)
            connection.sendall(answer)

        self.answer = held_back
        return may_answer

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
            if self.serve is not None:
                self.serve(self, connection)
                return
            with connection:
                head = read_head(connection)
                if head is None:
                    return
                head, _, body = head.partition(b"\r\n\r\n")
                length = int(Request(head).headers.get("content-length", 0))
                while len(body) < length:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    body += piece
                request = Request(head, body)
                # Chosen before a test can see the request, and change the answer to the next one.
                answer = self.routes.get(request.target, self.answer)
                self.requests.append(request)
                if callable(answer):
                    answer(self, connection, request)
                else:
                    connection.sendall(answer)

    def close(self):
        for event in self._events:
            event.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


def read_head(connection):
    """Read up to the end of a request's headers, with what came of its body; ``None`` where the client has left."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65_536)
        if not piece:
            return None
        head += piece
    return head


def reply(status, body="", **headers):
    body = body.encode() if isinstance(body, str) else body
    headers = {"content_length": len(body), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Text\r\n{lines}\r\n".encode() + body


@pytest.fixture(name="reply", scope="session")
def reply_fixture():
    return reply


@contextlib.contextmanager
def _endpoints():
    made = []

    def make(*args):
        made.append(Endpoint(*args))
        return made[-1]

    yield make
    for endpoint in made:
        endpoint.close()


@pytest.fixture
def new_endpoint():
    with _endpoints() as make:
        yield make


@pytest.fixture(scope="module")
def new_lasting_endpoint():
    """Make an endpoint for all tests of a file."""
    with _endpoints() as make:
        yield make
