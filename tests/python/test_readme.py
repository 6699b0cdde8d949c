"""The README's code runs as it is printed."""

import asyncio
import logging
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
# What tells each block from the others. A test of it is below.
MARKS = [
    'FastMCP(\n    "My server"',
    "KeyPair.generate",
    "require_scope",
    "fastmcp_rs.install()",
    "class ApiKeys",
    "from_issuer",
    "RemoteAuthProvider(",
    "BearerAuth",
    "StreamHandler",
]


def block(mark: str) -> str:
    (found,) = [one for one in BLOCKS if mark in one]
    return found


def run(mark: str) -> dict[str, object]:
    namespace: dict[str, object] = {}
    exec(compile(block(mark), str(README), "exec"), namespace)  # noqa: S102 - the README is ours
    return namespace


def test_every_block_is_run_here():
    assert sorted(map(block, MARKS)) == sorted(BLOCKS)


def test_the_example_of_the_first_screen_makes_a_server(tmp_path, monkeypatch):
    (tmp_path / "issuer.pem").write_text(KeyPair.generate("RS256").public_key)
    monkeypatch.chdir(tmp_path)
    server = run(MARKS[0])["mcp"]
    assert isinstance(server, FastMCP)
    assert isinstance(server.auth, JWTVerifier)


def test_the_example_of_the_documented_api_demands_its_scope():
    server = run("require_scope")["mcp"]
    assert isinstance(server.auth, JWTVerifier)

    async def saving():
        async with Client(server) as client:
            await client.call_tool("save", {"note": "this"})

    with pytest.raises(ToolError, match="Authentication required"):
        asyncio.run(saving())


def test_the_one_line_is_in_effect():
    try:
        run("fastmcp_rs.install()")
        assert fastmcp_rs.installed()
    finally:
        fastmcp_rs.uninstall()


def test_the_example_of_a_provider_of_ones_own_knows_its_keys():
    provider = run("class ApiKeys")["ApiKeys"]({"k": "service"})
    for headers, user_id in (({"x-api-key": "k"}, "service"), ({"x-api-key": "other"}, None), ({}, None)):
        answer = asyncio.run(provider.authenticate(SimpleNamespace(headers=headers)))
        assert (answer and answer.user_id) == user_id


def test_the_example_of_keys_from_a_url_fetches_nothing_yet():
    verifier = run("from_issuer")["verifier"]
    assert verifier.issuer == "https://issuer.example"
    assert verifier.keys()["fetches"] == 0


def test_the_example_of_servers_that_are_asked_asks_nobody_yet():
    made = run("RemoteAuthProvider(")
    assert isinstance(made["oauth"], OAuthProvider)
    assert isinstance(made["remote"], RemoteAuthProvider)


def test_the_example_of_a_log_shows_the_reason(capsys):
    logger = logging.getLogger("fastmcp_rs.auth")
    before = logger.level
    handler = run("StreamHandler")["handler"]
    try:
        handler.setStream(sys.stdout)
        asyncio.run(StaticTokenVerifier(["t"]).verify_token("another"))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert " DEBUG unknown_token: Bearer token rejected" in capsys.readouterr().out


def test_the_example_of_a_client_sends_nothing_yet():
    assert repr(run("BearerAuth")["auth"]) == "OAuth(client_id='client-id', token_url='https://issuer.example/token')"


def test_the_example_of_accepting_and_refusing_holds():
    assert block("KeyPair.generate").count("assert ") == 2
    run("KeyPair.generate")
