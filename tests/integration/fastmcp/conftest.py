"""A real FastMCP server over real HTTP, whatever line of FastMCP is installed.

Test folders are not packages, so that what the tests share comes to them as fixtures.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastmcp import Client, FastMCP
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth.auth import AccessToken
from fastmcp.server.dependencies import get_access_token

from fastmcp_rs.testing import KeyPair

# Not a skip, which in CI is a failure: up to 2.14 there is nothing of the kind to test. Which lines have it is itself
# tested, so that these tests cannot silently go missing.
collect_ignore = [] if hasattr(fastmcp_auth, "MultiAuth") else ["test_inside_multi_auth.py"]

PATH = "/mcp"


def whoami() -> str:
    """Report the access token that FastMCP has for the request."""
    token = get_access_token()
    if token is None:
        return "null"
    return json.dumps({**token.model_dump(mode="json"), "is_fastmcps_class": type(token) is AccessToken})


@dataclass(frozen=True)
class Served:
    """A running server, and clients of it."""

    base_url: str
    request: Callable[..., Any]
    post: Callable[..., Any]

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

    def status(self, token: str | None) -> int:
        """Ask to initialize a session with a bearer token and give the status."""
        return self.post(None if token is None else f"Bearer {token}").status


@pytest.fixture(scope="session")
def serve(serve_app, http_request, post_mcp):
    """Serve ``whoami`` and further tools behind a provider, or behind what a function makes of the server's URL.

    ``with serve(verifier) as server``; ``routes`` adds to the server, ``around`` wraps its app, ``options`` are those
    of ``http_app``.
    """

    @contextmanager
    def serving(
        auth: Any,
        *tools: Callable[..., Any],
        header_bytes: int | None = None,
        routes: Callable[[FastMCP], None] = lambda _: None,
        around: Callable[[Any], Any] = lambda app: app,
        **options: Any,
    ) -> Iterator[Served]:
        def make_app(base_url: str) -> Any:
            # A class is not meant: only providers that need the URL are given as a function of it.
            mcp = FastMCP("test", auth=auth(base_url) if callable(auth) else auth)
            for tool in (whoami, *tools):
                mcp.tool(tool)
            routes(mcp)
            return around(mcp.http_app(path=PATH, **options))

        with serve_app(make_app, h11_max_incomplete_event_size=header_bytes) as base_url:
            yield Served(base_url, partial(http_request, base_url), partial(post_mcp, base_url))

    return serving


@pytest.fixture
def reasons(caplog):
    """Give the reasons that were logged so far: ``reasons()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record.reason for record in caplog.records if record.name == "fastmcp_rs.auth"]


@pytest.fixture(scope="session")
def line() -> tuple[int, ...]:
    """The installed FastMCP, as numbers."""
    return tuple(int(part) for part in version("fastmcp").split(".")[:3])


@dataclass(frozen=True)
class Issuer:
    """The signer of the tokens of a test: claims are those that the test server expects, unless others are given."""

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


@pytest.fixture(scope="session")
def ask():
    """Give ``ask(app, authorization)``, which sends a request straight to an application.

    It gives all that the application sends, and the user that it signed in.
    """

    def asking(app, authorization, method="POST", path=PATH, root_path="", headers=()):
        credentials = [] if authorization is None else [(b"authorization", authorization.encode())]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": root_path,
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), *credentials, *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append({name: value for name, value in message.items() if value != {}})

        asyncio.run(app(scope, receive, send))
        return sent, scope.get("user")

    return asking
