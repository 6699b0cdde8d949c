"""What the Python tests share. It runs on every FastMCP line too, so it needs pytest and no more."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import random
import sys
import threading
from types import SimpleNamespace

import pytest

from fastmcp_rs import _compat
from fastmcp_rs._log_rate import LogRateLimiter

pytest_plugins = (
    "asking_providers",
    "certificates",
    "http_endpoints",
    "programs",
    "remote_keys",
    "rsa_pairs",
    "secret_search",
    "served_apps",
    "waiting",
)

# As long as the longest hash, so that it serves every HS* algorithm without a warning.
SECRET = "a shared secret of the tests that is as long as SHA-512's output"


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
