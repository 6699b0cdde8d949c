"""Clients that know the URL of a server alone sign in, get more scopes when a tool needs them, and go on.

From the 401 over the metadata to oidc-provider and back. Their user agrees to everything (``browser.mjs``).
"""

import asyncio
import json
import os
import subprocess

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from ports import free_port

SECONDS = 60
pytestmark = pytest.mark.timeout(4 * SECONDS)
TOOLS = ["whoami", "save", "whoami", "wipe", "save"]
SAID = ["read", "read write", "read write", "delete read write", "delete read write"]
ASKED = [["read"], ["read", "write"], ["delete", "read", "write"]]


@pytest.fixture
def environment(clients, tmp_path):
    """The environment of a client that opens a browser and keeps its tokens at home."""
    return {
        **os.environ,
        "BROWSER": str(clients / "browser.mjs"),
        "HOME": str(tmp_path),
        "MCP_REMOTE_CONFIG_DIR": str(tmp_path),
        # Inspector opens a browser only where there is a terminal, or where an option says so.
        "MCP_AUTO_OPEN_ENABLED": "true",
        "MCP_INSPECTOR_SECRET_STORE": "file",
    }


def ran(command, **options):
    """The JSON that a client prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, **options)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_typescript_sdk(step_up_server, clients, version):
    url, server = step_up_server
    said = ran(["node", str(clients / "sdk.mjs"), version, *TOOLS, url])
    assert said["texts"] == SAID
    assert len(said["sessions"]) == 1
    assert server.asked() == ASKED


def test_mcp_remote(step_up_server, clients, environment):
    url, server = step_up_server
    script = clients / "node_modules" / "mcp-remote" / "dist" / "proxy.js"
    transport = StdioTransport("node", [str(script), url], env=environment, keep_alive=False)

    async def using():
        async with Client(transport, init_timeout=SECONDS, timeout=SECONDS) as client:
            return [(await client.call_tool(tool, {})).data for tool in TOOLS]

    assert asyncio.run(using()) == SAID
    assert server.asked() == ASKED


def test_inspector(step_up_server, newer_node, clients, environment, tmp_path):
    """It calls what is listed alone, and connects anew for each call and after it has got more scopes."""
    url, server = step_up_server
    configured = {"type": "streamable-http", "url": url, "oauth": {"requestRefreshToken": False}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"mcpServers": {"test": configured}}))
    script = clients / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "cli" / "build" / "index.js"
    command = [newer_node, str(script), "--config", str(config), "--server", "test", "--format", "json", "--quiet"]
    command += ["--callback-url", f"http://127.0.0.1:{free_port()}/oauth/callback"]

    def called(tool):
        # It asks its user before it requests more scopes.
        answer = ran([*command, "--method", "tools/call", "--tool-name", tool], input="y\n", env=environment)
        return answer["result"]["content"][0]["text"]

    assert [called(tool) for tool in ("whoami", "wipe", "whoami")] == ["read", "delete read", "delete read"]
    assert server.asked() == [["read"], ["delete", "read"]]
