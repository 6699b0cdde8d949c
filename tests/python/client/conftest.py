"""A token endpoint and a protected server on loopback, which count their requests."""

import asyncio
import base64
import json
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import httpx2
import pytest

from fastmcp_rs.client.auth import OAuth

CLIENT = ("robot", "what only the robot knows")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def basic(self):
        """Identifier and secret of a Basic header."""
        scheme, value = self.headers["authorization"].split(" ")
        assert scheme == "Basic"
        return [urllib.parse.unquote_plus(part) for part in base64.b64decode(value).decode().split(":")]

    @property
    def bearer(self):
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None


class Server:
    """Answers what ``answer(request)`` says: a status, a body, bytes or JSON, and headers."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, self.rfile.read(length))
                outer.requests.append(request)
                status, body, *more = outer.answer(request)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-length": len(body), **(more[0] if more else {})}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = handle_one  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def new_server():
    """Start a server: ``new_server(answer)``."""
    made = []

    def make(answer):
        made.append(Server(answer))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def issuer(new_server):
    """A token endpoint that issues ``token-1``, ``token-2`` and so on, for ten minutes."""

    def answer(_):
        token = f"token-{len(server.requests)}"
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600, **server.more}

    server = new_server(answer)
    server.more = {}
    return server


@pytest.fixture
def protected(new_server):
    """A server that accepts the tokens in its ``accepted``."""

    def answer(request):
        if request.bearer in server.accepted:
            return 200, {"hello": request.bearer}
        return 401, {"error": "invalid_token"}, {"www-authenticate": 'Bearer error="invalid_token"'}

    server = new_server(answer)
    server.accepted = {"token-1"}
    return server


@pytest.fixture(scope="session")
def oauth_of():
    """Make an OAuth of a token endpoint: ``oauth_of(issuer, scope=[...])``."""
    return lambda issuer, **options: OAuth(*CLIENT, f"{issuer.url}/token", **options)


@pytest.fixture(scope="session")
def token():
    """Get a token, in an event loop of its own."""
    return lambda oauth: asyncio.run(oauth.get_token())


async def _asynchronous(library, auth, requests, **options):
    async with library.AsyncClient(auth=auth, timeout=30, **options) as client:
        return [await client.request(*request[:2], **dict(request[2:])) for request in requests]


def _blocking(library, auth, requests, **options):
    with library.Client(auth=auth, timeout=30, **options) as client:
        return [client.request(*request[:2], **dict(request[2:])) for request in requests]


@pytest.fixture(params=["httpx", "httpx2", "httpx blocking", "httpx2 blocking"])
def send(request):
    """Send requests one after the other with a bare client: ``send(auth, ("GET", url), follow_redirects=True)``."""
    name, _, blocking = request.param.partition(" ")
    library = {"httpx": httpx, "httpx2": httpx2}[name]
    if blocking:
        return lambda auth, *requests, **options: _blocking(library, auth, requests, **options)
    return lambda auth, *requests, **options: asyncio.run(_asynchronous(library, auth, requests, **options))
