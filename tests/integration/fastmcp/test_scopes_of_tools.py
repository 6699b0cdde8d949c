"""``require_scope`` and ``validate_scopes``: a tool runs only with its scopes, and FastMCP reads it as before."""

from __future__ import annotations

import asyncio
import inspect
from typing import Annotated

import pytest
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import BaseModel, Field

from fastmcp_rs import Client, Context
from fastmcp_rs.auth import StaticTokenVerifier
from fastmcp_rs.server.dependencies import require_scope, validate_scopes

TOKENS = {
    "reader": {"user_id": "alice", "scope": ["read"]},
    "writer": {"user_id": "bob", "scope": ["read", "write"]},
    "unscoped": {"user_id": "carol"},
}
ARGUMENTS = {"plain": {"count": 2, "item": {"name": "book"}}, "later": {"count": 1, "name": "book"}}
RAN = []


class Item(BaseModel):
    """Named by annotations that are texts, as all are in this module."""

    name: str


def plain(count: int, item: Item, note: Annotated[str, Field(description="A note.")] = "none") -> list[str]:
    """Do it at once."""
    RAN.append("plain")
    return [item.name] * count + [note]


async def later(count: int, name: str, ctx: Context) -> list[str]:
    """Do it later."""
    RAN.append("later")
    return [name] * count + [str(bool(ctx.request_id))]


class Shelf:
    """Has a tool that is a method."""

    name = "shelf"

    @require_scope("read")
    def on(self, item: Item) -> str:
        """Tell where an item is."""
        return f"{item.name} on the {self.name}"


both = [require_scope("read", "write")(tool) for tool in (plain, later)]


async def scopes_of_two(ctx: Context) -> str:  # noqa: ARG001 - FastMCP passes it
    """Ask for scopes in the tool itself."""
    validate_scopes(["read", "write"])
    return "done"


@pytest.fixture(scope="module")
def server(serve):
    # Where FastMCP checks components, such a request would not come as far as the tool.
    with serve(StaticTokenVerifier(TOKENS, step_up=False), *both, Shelf().on, scopes_of_two) as running:
        yield running


def call(server, token, tool, **arguments):
    async def calling():
        async with Client(server.url, auth=token) as client:
            return (await client.call_tool(tool, arguments)).data

    return asyncio.run(calling())


def test_a_caller_with_every_scope_gets_the_result(server):
    assert call(server, "writer", "plain", **ARGUMENTS["plain"]) == ["book", "book", "none"]
    assert call(server, "writer", "later", **ARGUMENTS["later"]) == ["book", "True"]
    assert call(server, "reader", "on", item={"name": "book"}) == "book on the shelf"
    assert call(server, "writer", "scopes_of_two") == "done"


@pytest.mark.parametrize("tool", ["plain", "later"])
@pytest.mark.parametrize(
    ("token", "missing"),
    [("reader", "Missing required scope: write"), ("unscoped", "Missing required scopes: read, write")],
)
def test_without_the_scope_no_tool_runs_and_the_error_names_the_scope(server, tool, token, missing):
    RAN.clear()
    with pytest.raises(ToolError, match=missing):
        call(server, token, tool, **ARGUMENTS[tool])
    assert RAN == []
    with pytest.raises(ToolError, match=missing):
        call(server, token, "scopes_of_two")


def test_without_authentication_nothing_runs():
    at_once, after_a_while = both
    with pytest.raises(PermissionError, match="Authentication required"):
        at_once(1, Item(name="book"))
    with pytest.raises(PermissionError, match="Authentication required"):
        asyncio.run(after_a_while(1, "book", None))
    with pytest.raises(PermissionError, match="Authentication required"):
        validate_scopes([])


def tools_of(mcp):
    async def listed():
        async with Client(mcp) as client:
            return {tool.name: tool.model_dump() for tool in await client.list_tools()}

    return asyncio.run(listed())


def test_the_decorator_does_not_change_what_fastmcp_makes_of_a_tool():
    class Bare(Shelf):
        on = inspect.unwrap(Shelf.on)

    guarded, bare = FastMCP("test"), FastMCP("test")
    for mcp, tools in ((guarded, (*both, Shelf().on)), (bare, (plain, later, Bare().on))):
        for tool in tools:
            mcp.tool(tool)
    assert tools_of(guarded) == tools_of(bare)
    assert all("ctx" not in str(tool) for tool in tools_of(guarded).values())


@pytest.mark.parametrize("scopes", [(), ("",), ("read write",), ("read", 1), (None,), (plain,), (["read"],)])
def test_scopes_that_no_token_can_have_are_an_error(scopes):
    with pytest.raises(ValueError, match=r"require_scope\('read'"):
        require_scope(*scopes)


def test_a_str_in_the_place_of_the_list_is_an_error():
    with pytest.raises(ValueError, match=r"\['read'\]"):
        validate_scopes("read")


def me() -> str:
    """Be a tool."""
    return "me"


def test_require_scope_above_fastmcps_decorator_is_an_error():
    with pytest.raises(TypeError, match=r"goes under @mcp\.tool"):
        require_scope("read")(FastMCP("test").tool(me))
