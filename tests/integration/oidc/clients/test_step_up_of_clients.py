"""A client with too few scopes for a tool gets them from a real authorization server, and goes on in its session."""

import asyncio

import pytest
from agreeing_user import AgreeingUser
from fastmcp import Client

pytestmark = pytest.mark.filterwarnings("ignore:Using in-memory token storage")


def test_fastmcps_client_steps_up_and_goes_on_in_its_session(step_up_server):
    url, server = step_up_server

    async def using():
        async with Client(url, auth=AgreeingUser(url, token_storage=None)) as client:
            return [(await client.call_tool(tool, {})).data for tool in ("whoami", "save", "whoami", "wipe", "save")]

    assert asyncio.run(using()) == ["read", "read write", "read write", "delete read write", "delete read write"]
    assert server.asked() == [["read"], ["read", "write"], ["delete", "read", "write"]]


def test_each_user_steps_up_separately(step_up_server):
    url, server = step_up_server

    async def one(tools):
        async with Client(url, auth=AgreeingUser(url, token_storage=None)) as client:
            return [(await client.call_tool(tool, {})).data for tool in tools]

    async def all_of_them():
        return await asyncio.gather(*(one(("whoami", "save") if at % 2 else ("whoami", "wipe")) for at in range(10)))

    found = asyncio.run(all_of_them())
    assert found == [["read", "read write"] if at % 2 else ["read", "delete read"] for at in range(10)]
    assert len(server.asked()) == 20
