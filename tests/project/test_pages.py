"""The code of README.md and of the pages in docs/ runs as it is printed."""

import asyncio
import json
import logging
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from ports import free_port

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.cli.doctor.http import ask
from fastmcp_rs.cli.parser import parsed
from fastmcp_rs.cli.serving import serving
from fastmcp_rs.testing import KeyPair

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LONGEST_README = 150


def blocks(page: Path, language: str = "python") -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


ALL = [
    pytest.param(page, text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page), start=1)
]


def execute(page: Path, text: str) -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "a_page"}
    exec(compile(text, str(page), "exec"), namespace)  # noqa: S102 - the pages are ours
    return namespace


def run(name: str, mark: str) -> dict[str, object]:
    """Run the one block of a page that has this text in it."""
    page = ROOT / name
    (text,) = [text for text in blocks(page) if mark in text]
    return execute(page, text)


@pytest.fixture(autouse=True)
def what_pages_read(tmp_path, monkeypatch):
    """The files and the variable that a page may read."""
    monkeypatch.setenv("JWT_SECRET", "a secret that is long enough for its algorithm")
    (tmp_path / "issuer.pem").write_text(KeyPair.generate("RS256").public_key)
    shutil.copy(VECTORS / "keys" / "p256.private.pem", tmp_path / "client-key.pem")
    shutil.copy(VECTORS / "keys" / "rsa.private.pem", tmp_path / "private.pem")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def as_it_was():
    """Take back what a block changes for the whole process."""
    logger = logging.getLogger("fastmcp_rs.auth")
    level, handlers = logger.level, list(logger.handlers)
    yield
    fastmcp_rs.uninstall()
    logger.setLevel(level)
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)


@pytest.mark.parametrize(("page", "text"), ALL)
def test_each_block_runs_by_itself(page, text):
    assert execute(page, text)


def command_lines(page: Path) -> list[str]:
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("fastmcp-rs ")]


COMMANDS = [pytest.param(line, id=f"{page.stem}-{line}") for page in PAGES for line in command_lines(page)]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_a_page_is_understood(line):
    words = shlex.split(line.partition(" <")[0], comments=True)[1:]
    # FastMCP parses what follows `run`.
    if words[0] != "run":
        assert parsed(words).command == words[0]


def test_the_commands_were_found():
    assert len(COMMANDS) > 5


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST_README


def test_the_example_of_the_readme_makes_a_server():
    server = run("README.md", "JWTVerifier(")["mcp"]
    assert isinstance(server, FastMCP)
    assert isinstance(server.auth, JWTVerifier)


def test_the_example_of_the_documented_api_demands_its_scope():
    server = run("docs/coming-from-fastmcp.md", "require_scope")["mcp"]
    assert isinstance(server.auth, JWTVerifier)

    async def saving():
        async with Client(server) as client:
            await client.call_tool("save", {"note": "this"})

    with pytest.raises(ToolError, match="Authentication required"):
        asyncio.run(saving())


def test_the_example_of_a_protected_resource_names_its_issuer_and_its_paths():
    auth = run("docs/protect.md", "required_scopes")["auth"]
    assert auth.authorization_servers == ["https://issuer.example"]
    (metadata, *_) = run("docs/protect.md", "get_well_known_routes")["outer"].routes
    assert metadata.path == "/.well-known/oauth-protected-resource/api/mcp"


def test_the_challenge_of_a_protected_resource_is_the_one_that_is_printed():
    server = run("docs/protect.md", "required_scopes")["mcp"]
    (shown_text,) = [text for text in blocks(ROOT / "docs/protect.md", "text") if "401" in text]
    with serving(server.http_app(path="/mcp")) as port:
        answer = ask(f"http://127.0.0.1:{port}/mcp", "POST", {}, b"{}")
    assert shown_text.splitlines()[1] == f"www-authenticate: {answer.headers['WWW-Authenticate']}"


def test_the_metadata_of_a_protected_resource_is_the_one_that_is_printed():
    server = run("docs/protect.md", "required_scopes")["mcp"]
    (shown_text,) = blocks(ROOT / "docs/protect.md", "json")
    with serving(server.http_app(path="/mcp")) as port:
        answer = ask(f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp", "GET", {}, None)
    assert json.loads(answer.body) == json.loads(shown_text)


def test_the_example_of_a_protected_provider_is_behind_the_middleware():
    auth = run("docs/protect.md", "import protect")["auth"]
    assert [entry.cls.__module__ for entry in auth.get_middleware()] == ["fastmcp_rs.auth.middleware"]


@pytest.mark.parametrize("page", ["README.md", "docs/coming-from-fastmcp.md"])
def test_the_one_line_is_in_effect(page):
    run(page, "fastmcp_rs.install()")
    assert fastmcp_rs.installed()


def test_the_example_of_a_provider_of_ones_own_knows_its_keys():
    provider = run("docs/own-provider.md", "class ApiKeys")["ApiKeys"]({"k": "service"})
    for headers, user_id in (({"x-api-key": "k"}, "service"), ({"x-api-key": "other"}, None), ({}, None)):
        answer = asyncio.run(provider.authenticate(SimpleNamespace(headers=headers)))
        assert (answer and answer.user_id) == user_id


def test_the_example_of_a_rule_of_ones_own_refuses_another_tenant(new_endpoint):
    keys, endpoint = KeyPair.generate("RS256"), new_endpoint()
    endpoint.publish({"a": keys})
    made = run("docs/own-provider.md", "class OneTenant")["OneTenant"]
    provider = made("one", jwks_uri=endpoint.url, audience="here")
    for tenant in ("one", "two"):
        token = keys.create_token(audience="here", additional_claims={"tid": tenant}, kid="a")
        assert (asyncio.run(provider.verify_token(token)) is not None) is (tenant == "one")


def test_the_example_of_keys_from_a_url_fetches_nothing_yet():
    page = ROOT / "docs/keys.md"
    (text,) = [text for text in blocks(page) if "from_issuer" in text]
    # Verifiers share what is fetched of one issuer, and servers of other pages fetch when they start.
    verifier = execute(page, text.replace("issuer.example", "of-this-page-alone.example"))["verifier"]
    assert verifier.issuer == "https://of-this-page-alone.example"
    assert verifier.keys()["fetches"] == 0


def test_the_example_of_introspecting_providers_sends_nothing_yet():
    made = run("docs/introspection.md", "RemoteAuthProvider(")
    assert isinstance(made["oauth"], OAuthProvider)
    assert isinstance(made["remote"], RemoteAuthProvider)


def test_the_example_of_a_log_shows_the_reason(capsys):
    handler = run("docs/checks.md", "StreamHandler")["handler"]
    handler.setStream(sys.stdout)
    asyncio.run(StaticTokenVerifier(["t"]).verify_token("another"))
    assert " DEBUG unknown_token: Bearer token rejected" in capsys.readouterr().out


def test_the_example_of_a_client_sends_nothing_yet():
    made = run("docs/clients.md", "BearerAuth")
    assert repr(made["fetched"]) == "OAuth(client_id='client-id', token_url='https://issuer.example/token')"


def test_the_first_steps_lead_to_a_protected_call(tmp_path):
    """Follow docs/index.md to the letter: the server, curl without and with the token, the client."""
    page = ROOT / "docs/index.md"
    port = str(free_port())
    server, client = (text.replace("8000", port) for text in blocks(page)[:2])
    (tmp_path / "server.py").write_text(server)
    (tmp_path / "client.py").write_text(client)
    without, having = (words(text.replace("8000", port)) for text in blocks(page, "sh") if "curl" in text)
    # Apart from what is fixed for a terminal.
    silent = ["--silent", "--max-time", "30"]
    with subprocess.Popen(
        [sys.executable, "server.py"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as started:
        try:
            wait_for(int(port))
            refused = subprocess.run([*without, *silent], capture_output=True, text=True, check=True).stdout
            assert refused.splitlines()[0] == "HTTP/1.1 401 Unauthorized"
            (shown_text,) = [text for text in blocks(page, "text") if "401" in text]
            assert set(shown_text.splitlines()) <= {line.strip() for line in refused.splitlines()}
            accepted = subprocess.run([*having, *silent], capture_output=True, text=True, check=True).stdout
            assert accepted.splitlines()[0] == "HTTP/1.1 200 OK"
            answer = subprocess.run([sys.executable, "client.py"], capture_output=True, text=True, check=True).stdout
        finally:
            started.terminate()
    assert f"It prints `{answer.strip()}`." in page.read_text()


def test_a_token_of_the_issuer_for_trying_is_accepted(tmp_path):
    """Run docs/index.md's issuer, and ask the provider of its last step about the token that it prints."""
    port = str(free_port())
    of_issuer, of_server = (text.replace("9000", port) for text in blocks(ROOT / "docs/index.md")[2:])
    (tmp_path / "issuer.py").write_text(of_issuer)
    with subprocess.Popen(
        [sys.executable, "issuer.py"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as started:
        try:
            token = started.stdout.readline().strip()
            wait_for(int(port))
            auth = execute(ROOT / "docs/index.md", of_server)["auth"]
            accepted = asyncio.run(auth.verify_token(token))
        finally:
            started.terminate()
    assert (accepted.subject, accepted.scopes) == ("alice", ["read"])


def words(text: str) -> list[str]:
    return shlex.split(text.replace("\\\n", ""))


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise AssertionError("the server did not start")
