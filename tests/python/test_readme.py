"""The README's code runs as it is printed."""

import re
from pathlib import Path

from fastmcp import FastMCP

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def run(block: str) -> dict[str, object]:
    namespace: dict[str, object] = {}
    exec(compile(block, str(README), "exec"), namespace)  # noqa: S102 - the README is ours
    return namespace


def test_every_block_is_run_here():
    assert len(BLOCKS) == 2


def test_the_example_of_the_first_screen_makes_a_server(tmp_path, monkeypatch):
    (tmp_path / "issuer.pem").write_text(KeyPair.generate("RS256").public_key)
    monkeypatch.chdir(tmp_path)
    server = run(BLOCKS[0])["mcp"]
    assert isinstance(server, FastMCP)
    assert isinstance(server.auth, JWTVerifier)


def test_the_example_of_accepting_and_refusing_holds():
    assert BLOCKS[1].count("assert ") == 2
    run(BLOCKS[1])
