"""What the Python tests share. Here and in host/ this runs on every FastMCP line, so it needs pytest and no more."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
from types import SimpleNamespace

import pytest

from fastmcp_rs.auth.limiter import Limiter

# As long as the longest hash, so that it serves every HS* algorithm without a warning.
SECRET = "a shared secret of the tests that is as long as SHA-512's output"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _without_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _without_skips((yield))


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
    """Ask a verifier about a token through both faces: gives the documented answer and FastMCP's."""

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
    monkeypatch.setattr("fastmcp_rs.auth.reasons.limiter", Limiter(1_000_000))


@pytest.fixture
def records(caplog):
    """The log records of the verifiers, all levels of them: ``records()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record for record in caplog.records if record.name == "fastmcp_rs.auth"]
