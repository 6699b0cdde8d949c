"""``fastmcp-rs explain`` where FastMCP is not installed."""

import asyncio
import subprocess
import sys

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair


def test_the_command_and_the_method_explain_a_token(tmp_path):
    pair = KeyPair.generate("RS256")
    (tmp_path / "key.pem").write_text(pair.public_key)
    token = pair.create_token(audience="x")
    arguments = ["explain", "--public-key", str(tmp_path / "key.pem"), "--audience", "y"]
    finished = subprocess.run(
        [sys.executable, "-m", "fastmcp_rs", *arguments],
        input=token,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (1, "")
    assert finished.stdout.startswith("REFUSED: audience_mismatch (")
    verifier = JWTVerifier(public_key=pair.public_key, audience="x")
    assert asyncio.run(verifier.explain(token)).outcome == "accepted"


def test_the_command_imports_no_fastmcp():
    program = (
        "import sys; from fastmcp_rs.__main__ import main; main(['explain', 'x']); "
        "sys.exit(any(name in sys.modules for name in ('fastmcp', 'mcp')))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
