"""The search of all log records for secrets finds one that was planted, wherever in a record it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LEAKS = """
import logging

import pytest

logger = logging.getLogger("fastmcp_rs.auth")
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

def fails():
    try:
        raise ValueError("a planted secret")
    except ValueError:
        logger.debug("failed", exc_info=True)

@pytest.mark.parametrize("log", [
    lambda: logger.debug("a planted secret"),
    lambda: logger.debug("it is %s", "a planted secret"),
    lambda: logger.debug("it", extra={"token": "a planted secret"}),
    lambda: logger.debug("no such %s", TOKEN),
    lambda: logger.debug("got %s", TOKEN.partition(".")[0] + "." + TOKEN.split(".")[1]),
    lambda: logger.debug("sent %r", {"authorization": "Bearer 0123456789abcdef"}),
    lambda: logging.getLogger("another").warning("a planted secret"),
    fails,
])
def test_leaks(log):
    log()

@pytest.mark.parametrize("text", ["Bearer token rejected: expired", "eyJ", "Bearer realm=example", "secret"])
def test_does_not(text):
    logger.debug(text)
"""


@pytest.fixture
def printed(tmp_path):
    shutil.copy(Path(__file__).parents[1] / "support" / "secret_search.py", tmp_path / "conftest.py")
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_each_planted_secret_is_found_and_nothing_else(printed):
    # Each of the eight tests passes, and then its teardown fails.
    assert "12 passed, 8 errors" in printed
    assert printed.count("a log record holds a secret") >= 8
    assert "test_does_not" not in printed
