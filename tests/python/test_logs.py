"""Records go where FastMCP's own go, at its level, once; and to the handlers of an application that has some."""

import logging
import os
import subprocess
import sys
import textwrap

import pytest

REFUSE = """
import asyncio, logging, os, sys, warnings
warnings.simplefilter("ignore")
{before}
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair
key, other = KeyPair.generate("ES256"), KeyPair.generate("ES256")
verifier = JWTVerifier(public_key=key.public_key, algorithm="ES256", audience="s")
{after}
tokens = [
    key.create_token("alice", audience="s", expires_in_seconds=-9),
    other.create_token("alice", audience="s"),
    key.create_token("alice", audience="x"),
    "garbage",
]
for token in tokens:
    assert asyncio.run(verifier.verify_token(token)) is None
"""
TEXTS = ("has expired", "signature is invalid", "audience is not the expected one", "not of the form")
INFO, WARNING, DEBUG = [1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]
OWN = """
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("OWN %(levelname)s %(reason)s %(message)s"))
"""


def logged(before="", after="", **environment):
    program = textwrap.dedent(REFUSE).format(before=before, after=after)
    # Wide enough that no line is broken.
    environment = {**os.environ, "COLUMNS": "300", **environment}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stderr


def counts(text):
    return [text.count(one) for one in TEXTS]


def test_refusals_are_logged_by_default_with_level_and_time():
    text = logged()
    assert counts(text) == INFO
    lines = [line for line in text.splitlines() if "Bearer token" in line]
    assert [line.split("Bearer")[0].split()[-1] for line in lines] == ["INFO", "INFO", "WARNING"]
    assert "OWN" not in text


@pytest.mark.parametrize(
    ("level", "expected"), [("DEBUG", DEBUG), ("INFO", INFO), ("WARNING", WARNING), ("CRITICAL", [0, 0, 0, 0])]
)
def test_the_log_level_is_fastmcps(level, expected):
    assert counts(logged(FASTMCP_LOG_LEVEL=level)) == expected


def test_a_log_level_set_on_fastmcp_later_is_used():
    later = "from fastmcp.utilities.logging import configure_logging; configure_logging('{}')"
    assert counts(logged(after=later.format("DEBUG"))) == DEBUG
    assert counts(logged(after=later.format("WARNING"))) == WARNING


def test_a_log_level_of_this_package_takes_precedence():
    assert counts(logged(after="logging.getLogger('fastmcp_rs.auth').setLevel('WARNING')")) == WARNING
    assert counts(logged(after="logging.getLogger('fastmcp_rs').setLevel('DEBUG')")) == DEBUG


def test_without_a_handler_of_fastmcp_pythons_last_resort_logs():
    assert counts(logged(FASTMCP_LOG_ENABLED="false")) == WARNING


@pytest.mark.parametrize("place", ["fastmcp_rs.auth", "fastmcp_rs", ""])
@pytest.mark.parametrize("when", ["before", "after"])
def test_with_a_handler_of_the_application_each_record_is_logged_once_there(place, when):
    text = logged(**{when: OWN + f"logging.getLogger({place!r}).addHandler(handler)"})
    assert counts(text) == INFO
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("OWN")] == [
        ["OWN", "INFO", "expired"],
        ["OWN", "INFO", "invalid_signature"],
        ["OWN", "WARNING", "audience_mismatch"],
    ]


def test_pytests_caplog_has_the_records(caplog, secret):
    import asyncio  # noqa: PLC0415 - here alone

    from fastmcp_rs.auth import JWTVerifier  # noqa: PLC0415 - as a test of a server does

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(JWTVerifier(secret, audience="s").verify_token("garbage")) is None
    assert [record.reason for record in caplog.records if record.name == "fastmcp_rs.auth"] == ["malformed_token"]
