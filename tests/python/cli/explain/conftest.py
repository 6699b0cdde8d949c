"""The command ``explain``, as a user meets it."""

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fastmcp_rs.__main__ import main
from fastmcp_rs.testing import KeyPair

ISSUER = "https://issuer.example"
AUDIENCE = "my-server"
# What a terminal of the common size shows at once.
FIRST_SCREEN = 24


@pytest.fixture(scope="session")
def pair():
    return KeyPair.generate("RS256")


@pytest.fixture(scope="session")
def mint(pair):
    """Make a token that the verifier of these tests accepts, but for what is given: ``mint(exp=1)``."""

    def made(by=pair, kid=None, **claims):
        return by.create_token("alice", ISSUER, AUDIENCE, ["read"], additional_claims=claims, kid=kid)

    return made


@pytest.fixture(scope="session")
def key_file(pair, tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "issuer.pem"
    path.write_text(pair.public_key)
    return str(path)


@pytest.fixture
def explain(capsys, monkeypatch):
    """Run the command in this process: gives its ``code``, ``out``, ``err`` and the ``screen`` that shows first."""

    def run(*arguments, stdin="", closed=False):
        typed = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", None if closed else io.TextIOWrapper(io.BytesIO(typed)))
        try:
            code = main(["explain", *arguments])
        except SystemExit as usage:
            code = usage.code
        out, err = capsys.readouterr()
        screen = "\n".join((err + out).splitlines()[:FIRST_SCREEN])
        return SimpleNamespace(code=code, out=out, err=err, screen=screen)

    return run


@pytest.fixture
def explain_ours(explain, key_file):
    """The command with the key, the issuer and the audience of a server."""
    options = ["--public-key", key_file, "--issuer", ISSUER, "--audience", AUDIENCE, "--scope", "read"]
    return lambda token, *more: explain(token, *options, *more)


@pytest.fixture(scope="session")
def command():
    """Run the command in a process of its own, with its output in pipes."""

    def run(*arguments, stdin="", **environment):
        kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
        return subprocess.run(
            [sys.executable, "-m", "fastmcp_rs", "explain", *arguments],
            input=stdin.encode(),
            capture_output=True,
            timeout=80,
            check=False,
            env={**kept, **environment},
        )

    return run
