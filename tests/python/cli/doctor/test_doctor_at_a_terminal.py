"""What ``fastmcp-rs doctor`` says at a terminal while it waits."""

import json
import os
import pty
import subprocess
import sys
import threading

import pytest

SERVER = """
from fastmcp import FastMCP
from fastmcp_rs.auth import JWTVerifier

mcp = FastMCP("Notes", auth=JWTVerifier.from_issuer("ISSUER", audience="notes"))
"""


@pytest.mark.parametrize("what", ["issuer", "server"])
def test_a_terminal_shows_what_is_waited_for_and_programs_get_json(issuer, tmp_path, what):
    issuer.may_answer.clear()
    file = tmp_path / "a_server.py"
    file.write_text(SERVER.replace("ISSUER", issuer.url))
    looked_at = ["--issuer", issuer.url] if what == "issuer" else [str(file)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "fastmcp_rs", "doctor", *looked_at, "--json"], stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = []
        reader = threading.Thread(target=lambda: printed.append(process.stdout.read()))
        reader.start()
        shown = until_it_says(ours, f"fastmcp-rs doctor: waiting for the keys of {issuer.url} ...")
        issuer.may_answer.set()
        assert process.wait(60) == 0
        reader.join()
    os.close(ours)
    assert "\x1b" not in shown
    assert json.loads(printed[0])["exit_code"] == 0


def until_it_says(terminal, text):
    """Read a terminal until the text is there, or the program has ended, which fails."""
    shown = ""
    while text not in shown:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            # Linux says so when the other side is closed.
            piece = b""
        assert piece, shown
        shown += piece.decode()
    return shown
