"""Fixtures: verifiers of fetched keys, and endpoints that respond as badly as a test needs."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider
from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"


@pytest.fixture
def endpoint(new_endpoint, pair):
    """An endpoint with one good key, ``"a"``."""
    endpoint = new_endpoint()
    endpoint.publish({"a": pair})
    return endpoint


@pytest.fixture
def may_answer(endpoint):
    """Holds the endpoint's answers back until it is set."""
    may_answer, answer = threading.Event(), endpoint.answer

    def held_back(_endpoint, connection, _request):
        may_answer.wait(10)
        connection.sendall(answer)

    endpoint.answer = held_back
    yield may_answer
    may_answer.set()


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
    """``True``, ``False``, or ``None`` for an unavailable decision, for which FastMCP before 4.2 has no error."""
    unavailable = _compat.unavailable_error()
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
    """The log records of fetches: ``key_log()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.keys")

    def told():
        # A fetch counts as ended just before it is told of, in a thread of its own.
        time.sleep(0.05)
        return [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.keys"]

    return told


@pytest.fixture(scope="session")
def eventually():
    def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)

    return waits


@pytest.fixture(scope="session")
def until():
    """Let the running event loop work until a condition holds: ``await until(lambda: client.asked)``."""

    async def waits(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            await asyncio.sleep(0.001)

    return waits


@pytest.fixture(scope="session")
def verdict_after_pause():
    """Ask about a token until keys are fetched again: after a failed fetch there is none for a second."""

    async def asked(verifier, token, seconds=5):
        end = time.monotonic() + seconds
        while (answer := await verdict(verifier, token)) is None:
            assert time.monotonic() < end, "no keys were fetched"
            await asyncio.sleep(0.01)
        return answer

    return asked


@pytest.fixture(scope="session")
def run_program():
    """Run Python code in a process of its own; what it is asked to print comes back."""

    def run(code, *args, env=None, seconds=60):
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


@pytest.fixture(scope="session")
def clean_environment():
    """An environment with no proxy and no certificates but those of the test."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    unwanted = {*proxies, *map(str.upper, proxies), "SSL_CERT_FILE", "SSL_CERT_DIR"}
    return lambda **more: {name: value for name, value in os.environ.items() if name not in unwanted} | more


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
YES = {"active": True, "valid": True, "sub": "alice", "aud": AUDIENCE, "iss": "https://issuer.example", "scope": "read"}


@dataclass(frozen=True)
class Asker:
    """A kind of provider that asks about tokens, and the reason that it has where it gets no answer."""

    unavailable: str
    make: Callable[..., Any]


def _oauth(url, *, secret="secret", **options):
    # No process listens there: the endpoint to ask is named.
    token_url = "http://127.0.0.1:9/token"
    return OAuthProvider("id", secret, token_url, introspection_url=url, **{"audience": AUDIENCE, **options})


def _remote(**headers):
    def made(url, *, secret="secret", scope=None, **options):
        return RemoteAuthProvider(url, {"X-Key": secret, **headers}, required_scopes=scope, **options)

    return made


@pytest.fixture(
    params=[
        Asker("remote_verifier_unavailable", _remote()),
        Asker("introspection_unavailable", _remote(**FORM)),
        Asker("introspection_unavailable", _oauth),
    ],
    ids=["RemoteAuthProvider JSON", "RemoteAuthProvider form", "OAuthProvider"],
)
def asker(request):
    """Each provider that asks a URL: ``asker.make(url, timeout=1)``."""
    return request.param


@pytest.fixture
def service(new_endpoint, reply):
    """An endpoint that says yes in every language."""
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps(YES))
    return endpoint


@pytest.fixture(scope="session")
def yes():
    """The members of that answer."""
    return YES
