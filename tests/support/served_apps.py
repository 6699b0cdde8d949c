"""ASGI applications that are served over HTTP, and requests to them."""

import contextlib
import http.client
import json
import threading
from types import SimpleNamespace

import pytest
from ports import listen_on_a_free_port

START_SECONDS = 30


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
