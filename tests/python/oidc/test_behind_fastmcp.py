"""A FastMCP server serves the clients of a real OpenID Provider, over HTTP, with FastMCP's own client."""

import asyncio
import http.client
import socket
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastmcp import Client, FastMCP
from fastmcp.server.dependencies import get_access_token


@asynccontextmanager
async def serving(verifier):
    """Serve a tool that tells whom it serves, and give the URL."""
    mcp = FastMCP("test", auth=verifier)

    @mcp.tool
    def whoami() -> str:
        return get_access_token().client_id

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(mcp.http_app(path="/mcp"), log_config=None, ws="none"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        # The listener is there already, so that an early request waits in its queue.
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await task


async def whoami(url, token):
    async with Client(url, auth=token) as client:
        return (await client.call_tool("whoami", {})).data


@pytest.fixture
def verifier(own_provider, verifier_of):
    return verifier_of(own_provider)


def test_the_tool_sees_the_client_id(own_provider, verifier):
    async def called():
        async with serving(verifier) as url:
            return await whoami(url, own_provider.token())

    assert asyncio.run(called()) == "robot"


def test_a_rotated_key_and_a_stopped_provider_go_unnoticed(own_provider, verifier):
    async def called():
        async with serving(verifier) as url:
            old = own_provider.token()
            answers = [await whoami(url, old)]
            own_provider.rotate()
            new = own_provider.token()
            answers += [await whoami(url, new), await whoami(url, old)]
            own_provider.stop()
            return [*answers, await whoami(url, new)]

    assert asyncio.run(called()) == ["robot"] * 4


def test_a_good_token_for_somebody_else_is_refused_at_the_door(own_provider, verifier):
    def post(url, token):
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
        try:
            connection.request("POST", "/mcp", "{}", {"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            return response.status, response.getheader("WWW-Authenticate")
        finally:
            connection.close()

    async def refused():
        async with serving(verifier) as url:
            return await asyncio.to_thread(post, url, own_provider.token("https://other.example/mcp"))

    status, challenge = asyncio.run(refused())
    assert status == 401
    assert "invalid_token" in challenge
