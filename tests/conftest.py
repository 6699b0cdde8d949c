"""What the Python tests share. It runs on every FastMCP line too, so it needs pytest and no more."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import logging
import os
import random
import socket
import sys
import threading
from types import SimpleNamespace

import pytest
from ports import listen_on_a_free_port

from fastmcp_rs import _compat
from fastmcp_rs._log_rate import LogRateLimiter

pytest_plugins = ("certificates", "secret_search", "remote_keys")

# As long as the longest hash, so that it serves every HS* algorithm without a warning.
SECRET = "a shared secret of the tests that is as long as SHA-512's output"
START_SECONDS = 30


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _in_utf_8(_without_skips((yield)))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _without_skips((yield))


def _in_utf_8(report):
    """Between processes a report is UTF-8, and what a test logs or compares may hold half of a surrogate pair."""

    def written(text):
        return text.encode("utf-8", "backslashreplace").decode()

    report.sections = [(written(name), written(text)) for name, text in report.sections]
    if report.failed and report.longreprtext != written(report.longreprtext):
        report.longrepr = written(report.longreprtext)
    return report


def _without_skips(report):
    """Where everything that a test needs is promised to be there, such as in CI, a test that skips is a failure."""
    if os.environ.get("FASTMCP_RS_NO_SKIP") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and FASTMCP_RS_NO_SKIP=1 forbids it: {reason}"
    return report


@pytest.fixture(scope="session")
def secret() -> str:
    return SECRET


def _json(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def _base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def forge():
    """Make an HS256 token of any claims and header, right or wrong: JSON values, or bytes as they are.

    It is put together by hand, since libraries refuse to make most of what has to be refused.
    """

    def made(claims, header=None, secret=SECRET):
        header = {"alg": "HS256"} if header is None else header
        signing_input = f"{_base64url(_json(header))}.{_base64url(_json(claims))}"
        key = secret.encode() if isinstance(secret, str) else secret
        mac = hmac.digest(key, signing_input.encode(), hashlib.sha256)
        return f"{signing_input}.{_base64url(mac)}"

    return made


@pytest.fixture(scope="session")
def ask():
    """Verify a token through both entry points: gives the documented result and FastMCP's."""

    async def asked(verifier, token):
        request = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
        return await verifier.authenticate(request), await verifier.verify_token(token)

    return lambda verifier, token: asyncio.run(asked(verifier, token))


@pytest.fixture(scope="session")
def ask_each():
    """Ask a verifier about a token through every entry point: gives the answers by their names."""

    async def asked(verifier, token):
        request = SimpleNamespace(headers={"authorization": f"Bearer {token}"})
        return {
            "authenticate": await verifier.authenticate(request),
            "verify_token": await verifier.verify_token(token),
            "load_access_token": await verifier.load_access_token(token),
        }

    return lambda verifier, token: asyncio.run(asked(verifier, token))


@pytest.fixture(autouse=True)
def every_reason_is_written(monkeypatch):
    """Write each record, however many there are; that they are limited is the subject of tests of its own."""
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter(1_000_000))


@pytest.fixture
def records(caplog):
    """The log records of the verifiers, all levels of them: ``records()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record for record in caplog.records if record.name == "fastmcp_rs.auth"]


async def judgement(provider, token):
    """What a provider says of a token: ``"accepted"``, or the reason in its log. Each entry point must say the same."""
    logger = logging.getLogger("fastmcp_rs.auth")
    logger.addHandler(heard := _Heard())
    level = logger.level
    logger.setLevel(logging.DEBUG)
    unavailable = _compat.unavailable_error() or ()
    try:
        accepted = await provider.authenticate({"headers": [(b"authorization", f"Bearer {token}".encode())]})
        reasons = [record.reason for record in heard.records]
        try:
            answer = await provider.verify_token(token)
        except unavailable:
            answer = None
        assert (answer is None) == (accepted is None)
        assert [record.reason for record in heard.records] == reasons * 2
    finally:
        logger.setLevel(level)
        logger.removeHandler(heard)
    assert len(reasons) == (accepted is None)
    return "accepted" if accepted else reasons[0]


class _Heard(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture(name="judgement", scope="session")
def judgement_fixture():
    return lambda provider, token: asyncio.run(judgement(provider, token))


def _run_in_threads(work, threads=8):
    wrong = []

    def guarded(number):
        try:
            work(random.Random(number))  # noqa: S311 - the same choices in every run
        except BaseException as error:  # noqa: BLE001 - a panic is none of Exception
            wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        started = [threading.Thread(target=guarded, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(60)
        assert not any(thread.is_alive() for thread in started)
    finally:
        sys.setswitchinterval(interval)
    return wrong


@pytest.fixture(scope="session")
def run_in_threads():
    """Let threads work at once, each with choices of its own, and return what went wrong in any of them."""
    return _run_in_threads


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
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    head += piece
                head, _, body = head.partition(b"\r\n\r\n")
                length = int(Request(head).headers.get("content-length", 0))
                while len(body) < length:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    body += piece
                request = Request(head, body)
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


@contextlib.contextmanager
def _serve_app(make_app, **config):
    import uvicorn  # noqa: PLC0415 - not every environment of these tests has it

    class Server(uvicorn.Server):
        """Sets an event when it has started."""

        async def startup(self, sockets=None):
            await super().startup(sockets)
            is_up.set()

    def run():
        try:
            server.run(sockets=[listener])
        finally:
            is_up.set()

    is_up = threading.Event()
    with listen_on_a_free_port() as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        options = {"http": "h11", "ws": "none", "log_config": None, "timeout_graceful_shutdown": 5, **config}
        server = Server(uvicorn.Config(make_app(base_url), **options))
        thread = threading.Thread(target=run, name="uvicorn", daemon=True)
        thread.start()
        try:
            assert is_up.wait(START_SECONDS), "the server did not start"
            assert server.started, "the server ended at once"
            yield base_url
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
            assert not thread.is_alive(), "the server did not stop"


@pytest.fixture(scope="session")
def serve_app():
    """Serve an ASGI application that is made for its URL: ``with serve_app(make_app) as base_url``."""
    return _serve_app


def _http_request(base_url, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        pairs = [(name.lower(), value) for name, value in response.getheaders()]
        return SimpleNamespace(status=response.status, headers=dict(pairs), pairs=pairs, body=response.read())


@pytest.fixture(scope="session")
def http_request():
    """Send a request; the answer has a status, headers by their lower-case names, all pairs of them, and a body."""
    return _http_request


@pytest.fixture(scope="session")
def post_mcp():
    """Post a message to an MCP server, by default to initialize a session, with this Authorization and more headers."""

    def post(base_url, authorization, message=None, session=None, **more):
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        if authorization is not None:
            headers["Authorization"] = authorization
        if session is not None:
            headers["Mcp-Session-Id"] = session
        return _http_request(base_url, "POST", "/mcp", json.dumps(message or _initialize()), headers)

    return post


def _initialize():
    from mcp.types import LATEST_PROTOCOL_VERSION  # noqa: PLC0415 - not every environment of these tests has it

    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": LATEST_PROTOCOL_VERSION, "capabilities": {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
