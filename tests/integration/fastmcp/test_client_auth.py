"""BearerAuth and OAuth in FastMCP's own client, and in the HTTP library that it brings."""

import asyncio
import importlib
import importlib.util
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastmcp import Client

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.client.auth import BearerAuth, OAuth
from fastmcp_rs.errors import OAuthError

LIBRARIES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]


class TokenEndpoint(ThreadingHTTPServer):
    """Issues what ``answer`` says, and keeps the forms that it was sent."""

    daemon_threads = True

    def __init__(self, answer):
        self.answer = answer
        self.forms = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/token"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.forms.append(dict(urllib.parse.parse_qsl(form)))
        status, answer = self.server.answer(self.server.forms[-1])
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def endpoint(issuer):
    """A token endpoint whose tokens are for the resource that they are asked for."""

    def answer(form):
        token = issuer.token(aud=form["resource"], scope=form["scope"], sub="robot", n=len(server.forms))
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600}

    with TokenEndpoint(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


@pytest.fixture(scope="module")
def server(serve, issuer):
    """A server that takes only tokens that were made for itself."""

    def verifier(url):
        return JWTVerifier(
            public_key=issuer.public_key, algorithm=issuer.algorithm, issuer=issuer.name, audience=f"{url}/mcp"
        )

    with serve(verifier) as served:
        yield served


def oauth_of(endpoint):
    return OAuth("client", "secret", endpoint.url, scope=["read"])


async def call(server, auth, calls=1):
    async with Client(server.url, auth=auth) as client:
        return [json.loads((await client.call_tool("whoami", {})).content[0].text) for _ in range(calls)]


def test_a_bearer_token_reaches_the_tool(server, issuer):
    (answer,) = asyncio.run(call(server, BearerAuth(issuer.token(aud=server.url))))
    assert answer["scopes"] == ["read", "write"]


def test_one_token_for_this_server_is_used_for_the_whole_session(server, endpoint):
    answers = asyncio.run(call(server, oauth_of(endpoint), calls=3))
    assert [answer["scopes"] for answer in answers] == [["read"]] * 3
    assert endpoint.forms == [{"grant_type": "client_credentials", "scope": "read", "resource": server.url}]


def test_a_token_that_the_server_refuses_is_replaced_once(server, endpoint, issuer):
    good = endpoint.answer
    stale = {"access_token": issuer.token(aud=server.url, exp=1), "token_type": "Bearer", "expires_in": 600}
    endpoint.answer = lambda form: good(form) if len(endpoint.forms) > 1 else (200, stale)
    assert len(asyncio.run(call(server, oauth_of(endpoint), calls=2))) == 2
    assert len(endpoint.forms) == 2


def test_a_server_in_a_client_configuration_gets_the_token_too(server, endpoint):
    async def called():
        servers = {"one": {"url": server.url, "auth": oauth_of(endpoint)}}
        async with Client({"mcpServers": servers}) as client:
            return json.loads((await client.call_tool("whoami", {})).content[0].text)

    assert asyncio.run(called())["scopes"] == ["read"]
    assert endpoint.forms[0]["resource"] == server.url


def test_many_clients_share_one_token(server, endpoint):
    oauth = oauth_of(endpoint)

    async def many():
        return await asyncio.gather(*[call(server, oauth) for _ in range(5)])

    assert len(asyncio.run(many())) == 5
    assert len(endpoint.forms) == 1


def test_a_client_that_gets_no_token_does_not_hang_and_says_why(server, endpoint):
    endpoint.answer = lambda _: (401, {"error": "invalid_client", "error_description": "no such client"})
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - each line of FastMCP wraps it its own way
        asyncio.run(call(server, oauth_of(endpoint)))
    assert any(isinstance(error, OAuthError) and error.error == "invalid_client" for error in _causes(caught.value))


def _causes(error):
    """The error and everything that it came from."""
    pending, seen = [error], []
    while pending:
        found = pending.pop()
        if found is not None and found not in seen:
            seen.append(found)
            pending += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
    return seen


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_installed_http_libraries_accept_both_classes(library, server, endpoint, issuer):
    library = importlib.import_module(library)
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    async def post(auth):
        async with library.AsyncClient(auth=auth, timeout=30) as client:
            return (await client.post(server.url, json=message)).status_code

    assert asyncio.run(post(None)) == 401
    for auth in (BearerAuth(issuer.token(aud=server.url)), oauth_of(endpoint)):
        assert asyncio.run(post(auth)) not in (401, 403)
        with library.Client(auth=auth, timeout=30) as client:
            assert client.post(server.url, json=message).status_code not in (401, 403)


def test_the_library_of_this_line_is_among_them(line):
    assert ("httpx2" if line >= (4, 0) else "httpx") in LIBRARIES
