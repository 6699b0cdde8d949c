"""A FastMCP server serves the clients of a real OpenID Provider, over HTTP, with FastMCP's own client."""

import asyncio

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.dependencies import get_access_token


@pytest.fixture
def url(own_provider, verifier_of, serve_app):
    """The URL of a server with a tool that returns the caller's token."""
    mcp = FastMCP("test", auth=verifier_of(own_provider))

    @mcp.tool
    def whoami() -> str:
        return get_access_token().client_id

    with serve_app(lambda _: mcp.http_app(path="/mcp")) as base_url:
        yield f"{base_url}/mcp"


def whoami(url, token):
    async def called():
        async with Client(url, auth=token) as client:
            return (await client.call_tool("whoami", {})).data

    return asyncio.run(called())


def test_the_tool_sees_the_client_id(own_provider, url):
    assert whoami(url, own_provider.token()) == "robot"


def test_calls_succeed_while_a_key_is_rotated_and_the_provider_is_stopped(own_provider, url):
    old = own_provider.token()
    answers = [whoami(url, old)]
    own_provider.rotate()
    new = own_provider.token()
    answers += [whoami(url, new), whoami(url, old)]
    own_provider.stop()
    assert [*answers, whoami(url, new)] == ["robot"] * 4


def test_a_valid_token_for_another_audience_is_refused_by_the_server(own_provider, url, post_mcp):
    token = own_provider.token("https://other.example/mcp")
    refused = post_mcp(url.removesuffix("/mcp"), f"Bearer {token}")
    assert refused.status == 401
    assert "invalid_token" in refused.headers["www-authenticate"]
