"""A real FastMCP server over real HTTP, whatever line of FastMCP is installed.

Test folders are not packages, so that what the tests share comes to them as fixtures.
"""

import asyncio
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastmcp import Client, FastMCP
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth.auth import AccessToken
from fastmcp.server.dependencies import get_access_token
from mcp.types import LATEST_PROTOCOL_VERSION

from fastmcp_rs.testing import KeyPair

# Not a skip, which in CI is a failure: up to 2.14 there is nothing of the kind to test. Which lines have it is itself
# tested, so that these tests cannot silently go missing.
collect_ignore = [] if hasattr(fastmcp_auth, "MultiAuth") else ["test_inside_multi_auth.py"]

PATH = "/mcp"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
START_SECONDS = 30


def whoami() -> str:
    """Report whom FastMCP says that it serves."""
    token = get_access_token()
    if token is None:
        return "null"
    return json.dumps({**token.model_dump(mode="json"), "is_fastmcps_class": type(token) is AccessToken})


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Served:
    """A running server, and clients of it."""

    base_url: str
    port: int

    @property
    def url(self) -> str:
        return self.base_url + PATH

    def call(self, token: str, tool: str = "whoami") -> Any:
        """Call a tool with FastMCP's own client."""
        return asyncio.run(self.calling(token, tool))[0]

    async def calling(self, token: str, *tools: str) -> list[Any]:
        """Call tools one after the other, in one session, and give their answers."""
        async with Client(self.url, auth=token) as client:
            results = [await client.call_tool(tool, {}) for tool in tools]
        return [json.loads(result.content[0].text) for result in results]

    def post(
        self, authorization: str | bytes | None, message: Any = INITIALIZE, session: str | None = None, **more: str
    ) -> Reply:
        """Post a message, by default to initialize a session, with this Authorization header, whatever it is."""
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        if authorization is not None:
            headers["Authorization"] = authorization
        if session is not None:
            headers["Mcp-Session-Id"] = session
        return self.request("POST", PATH, json.dumps(message), headers)

    def status(self, token: str | None) -> int:
        """Ask to initialize a session with a bearer token and give the status."""
        return self.post(None if token is None else f"Bearer {token}").status

    def request(self, method: str, path: str, body: str | None = None, headers: Any = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()


class _Server(uvicorn.Server):
    """Says when it is ready, so that nobody has to ask again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def _serve(
    auth: Any,
    *tools: Callable[..., Any],
    header_bytes: int | None = None,
    routes: Callable[[FastMCP], None] = lambda _: None,
    around: Callable[[Any], Any] = lambda app: app,
    **options: Any,
) -> Iterator[Served]:
    """Serve ``whoami`` and further tools behind a provider, or behind what a function makes of the server's URL.

    ``routes`` adds to the server, ``around`` wraps its app, ``options`` are those of ``http_app``.
    """

    def app(url: str) -> Any:
        # A class is not meant: only providers that need the URL are given as a function of it.
        mcp = FastMCP("test", auth=auth(url) if callable(auth) else auth)
        for tool in (whoami, *tools):
            mcp.tool(tool)
        routes(mcp)
        return around(mcp.http_app(path=PATH, **options))

    with _serve_app(app, header_bytes=header_bytes) as served:
        yield served


@contextmanager
def _serve_app(app: Callable[[str], Any], header_bytes: int | None = None) -> Iterator[Served]:
    """Serve what a function makes of the server's URL: an ASGI application."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        served = Served(f"http://127.0.0.1:{port}", port)
        config = uvicorn.Config(
            app(served.base_url),
            http="h11",
            ws="none",
            log_config=None,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=header_bytes,
        )
        server = _Server(config)

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                server.is_up.set()

        thread = threading.Thread(target=run, name="uvicorn", daemon=True)
        thread.start()
        try:
            assert server.is_up.wait(START_SECONDS), "the server did not start"
            assert server.started, "the server ended at once"
            yield served
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
            assert not thread.is_alive(), "the server did not stop"


@pytest.fixture(scope="session")
def serve_app():
    """Serve any ASGI application: ``with serve_app(lambda url: app) as server``."""
    return _serve_app


@pytest.fixture(scope="session")
def serve():
    """Start a server: ``with serve(verifier) as server``."""
    return _serve


@pytest.fixture
def reasons(caplog):
    """Give the reasons that were logged so far: ``reasons()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record.reason for record in caplog.records if record.name == "fastmcp_rs.auth"]


@pytest.fixture(scope="session")
def line() -> tuple[int, ...]:
    """The installed FastMCP, as numbers."""
    try:
        installed = version("fastmcp")
    except PackageNotFoundError:
        installed = version("fastmcp-slim")
    return tuple(int(part) for part in installed.split(".")[:3])


@dataclass(frozen=True)
class Issuer:
    """Whoever signs the tokens of a test: claims are those that the test server expects, unless told otherwise."""

    algorithm: str
    public_key: str
    jwk: dict[str, Any]
    sign: Callable[[dict[str, Any]], str]
    name: str = "https://issuer.example"
    audience: str = "https://server.example/mcp"
    defaults: dict[str, Any] = field(default_factory=lambda: {"sub": "alice", "scope": "read write"})

    @property
    def expected(self) -> dict[str, str]:
        """What a verifier of these tokens is given."""
        return {"issuer": self.name, "audience": self.audience}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims for an hour; ``None`` leaves one out."""
        now = int(time.time())
        claims = {"iss": self.name, "aud": self.audience, "iat": now, "exp": now + 3600, **self.defaults, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return self.sign(self.claims(**changes))


def _of_key_pair(algorithm: str) -> Issuer:
    pair = KeyPair.generate(algorithm)
    header = {"alg": algorithm, "typ": "JWT", "kid": "ours"}
    return Issuer(algorithm, pair.public_key, pair.jwk("ours"), lambda claims: pair.sign(header, claims))


def _of_pyjwt(algorithm: str) -> Issuer:
    if algorithm.startswith("HS"):
        secret = KeyPair.generate(algorithm).public_key
        return Issuer(algorithm, secret, {}, lambda claims: jwt.encode(claims, secret, algorithm))
    private = {
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[algorithm]()
    public = private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return Issuer(
        algorithm,
        pem,
        {**jwk, "kid": "pyjwt"},
        lambda claims: jwt.encode(claims, private, algorithm, headers={"kid": "pyjwt"}),
    )


@pytest.fixture(scope="session")
def issuers():
    """An issuer by who signs and with what: ``issuers("PyJWT", "ES256")``."""
    made: dict[tuple[str, str], Issuer] = {}
    makers = {"KeyPair": _of_key_pair, "PyJWT": _of_pyjwt}

    def issuer(signer: str, algorithm: str) -> Issuer:
        if (signer, algorithm) not in made:
            made[signer, algorithm] = makers[signer](algorithm)
        return made[signer, algorithm]

    return issuer


@pytest.fixture(scope="session")
def issuer(issuers) -> Issuer:
    """An issuer of RS256 tokens, for tests that are not about algorithms."""
    return issuers("KeyPair", "RS256")
