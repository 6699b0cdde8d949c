"""Verifiers of keys that are fetched, and the endpoint that has them."""

import asyncio
import logging
import time

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier
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
    return endpoint.hold()


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
def key_log(caplog, eventually):
    """The log records of fetches, once there are as many as expected: ``key_log(1)``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.keys")

    def logged():
        return [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.keys"]

    def logged_after(expected):
        # A fetch counts as ended just before it is logged, in a thread of its own.
        eventually(lambda: len(logged()) >= expected)
        return logged()

    return logged_after


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
