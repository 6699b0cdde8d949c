"""Every log record of every Python test is searched for secrets; a test in whose time one is found fails."""

import logging
import re
from unittest import mock

import pytest

# Secrets of the tests and of the examples that they run: shared and client secrets, keys of services, opaque tokens.
SECRETS = (
    "a shared secret of the tests that is as long as SHA-512's output",
    "sEcReT-of-no-less-than-sixty-four-bytes-so-that-it-suits-all-of-HS",
    "a-secret-of-more-than-thirty-two-bytes",
    "an-api-key-0123456789",
    "hush-hush",
    "p+ &",
    "only the robot knows",
    "only/the robot knows",
    "your-jwt-secret-key",
    "your-oauth-client-secret",
    "your-service-key",
    "admin-token-123",
    "user-token-456",
    "readonly-token-789",
    "your-bearer-token",
    "raw-token-text",
    "the-client's-token",
    "a planted secret",
)
# And whatever looks like one: a JWT or two parts of it, a private key, credentials as they are sent.
LOOKS_SECRET = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:Bearer|Basic) (?=[\w.~+/-]*\d)[\w.~+/-]{12,}"
)

_leaks: list[str] = []
_formatter = logging.Formatter()


@pytest.fixture(scope="session", autouse=True)
def every_record_is_searched():
    """Look at each record that any logger handles, at all levels of this project's."""
    handle = logging.Logger.handle

    def searched(logger, record):
        text = f"{_formatter.format(record)} {vars(record)!r}"
        _leaks.extend(f"{record.name}, {record.msg!r:.60}: {what}" for what in secrets_in(text))
        handle(logger, record)

    logger = logging.getLogger("fastmcp_rs")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    with mock.patch.object(logging.Logger, "handle", searched):
        yield
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def no_record_holds_a_secret(every_record_is_searched):  # noqa: ARG001 - it searches
    """Fail where a record held a secret; of whatever is still running then, the next test tells."""
    yield
    found = _leaks.copy()
    _leaks.clear()
    assert not found, "a log record holds a secret"


@pytest.fixture
def find_secrets():
    """Search a text: ``find_secrets(text)`` gives what was found."""
    return secrets_in


def secrets_in(text):
    """Which secrets are in a text, named so that the name is no leak."""
    known = [f"the secret {secret[:8]}..." for secret in SECRETS if secret in text]
    return known + [f"what looks like one: {match[0][:12]}..." for match in LOOKS_SECRET.finditer(text)]
