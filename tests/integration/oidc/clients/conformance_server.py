"""A server of this project for the conformance suite to test: ``python conformance_server.py COMMAND... SERVER_URL``.

The suite checks what a client asks the suite's authorization server for. The client here, which the command starts, is
given the URL of our server in the place of the suite's own, so that it asks for what our challenges name. Which scopes
a token has is known to the suite alone: its MCP server is asked what it would allow.
"""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerifier, require_scopes

from fastmcp_rs.auth import protect

BASIC, WRITE = "mcp:basic", "mcp:write"
SECONDS = 20


class SuitesTokens(TokenVerifier):
    """Tokens of the suite, whose scopes show in what its MCP server allows with them."""

    def __init__(self, url):
        super().__init__(required_scopes=[BASIC])
        self._url = url

    async def verify_token(self, token):
        methods = {BASIC: "tools/list", WRITE: "tools/call"}
        scopes = [scope for scope, method in methods.items() if await asyncio.to_thread(self._allows, token, method)]
        return AccessToken(token=token, client_id="client", scopes=scopes) if scopes else None

    def _allows(self, token, method):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "test-tool", "arguments": {}}}
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self._url, json.dumps(message).encode(), headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310 - of the suite, on this machine
                return True
        except urllib.error.HTTPError as error:
            with error:
                return False


def application(suites_url, base_url):
    """A server with a tool that needs a further scope, for tokens of the suite's authorization server."""
    metadata = urllib.parse.urljoin(suites_url, "/.well-known/oauth-protected-resource/mcp")
    with urllib.request.urlopen(metadata, timeout=SECONDS) as answer:  # noqa: S310 - of the suite, on this machine
        issuers = json.load(answer)["authorization_servers"]
    auth = protect(RemoteAuthProvider(SuitesTokens(suites_url), issuers, base_url=base_url))
    mcp = FastMCP("test", auth=auth)

    @mcp.tool(auth=require_scopes(WRITE))
    def save() -> str:
        """Save."""
        return "saved"

    return mcp.http_app(path="/mcp")


def main(suites_url, command):
    """Serve until the command has ended, and end as it did."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(application(suites_url, base_url), log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            return subprocess.run([*command, f"{base_url}/mcp"], check=False).returncode
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1], sys.argv[1:-1]))
