"""Which operation a request means, and which checks it has, is found as FastMCP finds it."""

from __future__ import annotations

import asyncio

import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.middleware import AuthMiddleware, Middleware
from fastmcp.server.providers import Provider
from fastmcp.server.transforms import Transform
from step_up_servers import TOKENS, asked_for, by_require_scope, demanding, hello, one_of_each, save

from fastmcp_rs.auth import StaticTokenVerifier


def mounted(server):
    child = FastMCP("child")
    one_of_each(child, auth=require_scopes("write"))
    server.mount(child, namespace="in")


def mounted_twice(server):
    child, grandchild = FastMCP("child"), FastMCP("grandchild")
    by_require_scope(grandchild)
    child.mount(grandchild, namespace="er")
    server.mount(child, namespace="inn")


def mounted_with_middleware(server):
    child = FastMCP("child", middleware=[AuthMiddleware(require_scopes("write"))])
    one_of_each(child)
    server.mount(child)


@pytest.mark.parametrize(
    ("way", "tool", "uri", "prompt"),
    [
        (mounted, "in_save", "note://in/7/text", "in_hello"),
        (mounted_twice, "inn_er_save", "note://inn/er/7/text", "inn_er_hello"),
        (mounted_with_middleware, "save", "note://7/text", "hello"),
    ],
)
def test_components_of_a_mounted_server_are_found_under_their_outer_names(asking, way, tool, uri, prompt):
    with asking(way) as asked:
        for method, target in (("tools/call", tool), ("resources/read", uri), ("prompts/get", prompt)):
            assert asked.asks_for("reader", method, target) == ["read", "write"], target
            assert asked.asks_for("writer", method, target) is None
        if way is not mounted_with_middleware:
            assert asked.asks_for("reader", "tools/call", "save") is None


def test_a_renamed_tool_has_the_scopes_of_the_tool_that_it_runs(asking):
    from fastmcp.server.transforms import ToolTransform  # noqa: PLC0415 - of these lines
    from fastmcp.tools.tool_transform import ToolTransformConfig  # noqa: PLC0415 - likewise

    def build(server):
        server.tool(demanding(save()))
        server.tool(hello(), auth=require_scopes("write"))
        names = {"save": "store", "hello": "greet"}
        server.add_transform(ToolTransform({old: ToolTransformConfig(name=new) for old, new in names.items()}))

    with asking(build) as asked:
        for name in ("store", "greet"):
            assert asked.asks_for("reader", "tools/call", name) == ["read", "write"]
            assert asked.asks_for("writer", "tools/call", name) is None
        assert asked.asks_for("reader", "tools/call", "save") is None


def test_the_requested_version_of_a_component_decides(asking, line):
    def build(server):
        server.tool(save(), name="save", version="1")
        server.tool(save(), name="save", version="2", auth=require_scopes("write"))

    modern = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "save"}
    with asking(build) as asked:
        for headers in ({}, modern):

            def ask(version, headers=headers):
                params = {} if version is None else {"_meta": {"fastmcp": {"version": version}}}
                return asked.post("reader", "tools/call", "save", params, **headers)

            assert asked_for(ask("2")) == ["read", "write"]
            assert ask("1").status != 403
            # From 4.2 on FastMCP serves the version that the token has the scopes for.
            assert (ask(None).status == 403) == (line < (4, 2, 0))


class Hiding(Middleware):
    async def on_list_tools(self, context, call_next):
        return [tool for tool in await call_next(context) if tool.name != "save"]


class Deriving(AuthMiddleware):
    pass


class Changing(Transform):
    async def get_tool(self, name, call_next, *, version=None):
        tool = await call_next(name, version=version)
        return tool and tool.model_copy(update={"auth": lambda _: False})


def opaque(server):
    server.tool(save(), auth=[require_scopes("write"), lambda _: False])


def opaque_middleware(server):
    server.tool(save(), auth=require_scopes("write"))
    server.add_middleware(AuthMiddleware(lambda _: False))


def derived_middleware(server):
    server.tool(save())
    server.add_middleware(Deriving(require_scopes("write")))


def disabled(server):
    server.tool(save(), auth=require_scopes("write"))
    server.disable(names={"save"})


def hidden_by_middleware(server):
    server.tool(save(), auth=require_scopes("write"))
    server.add_middleware(Hiding())


def hidden_by_transform(server):
    server.tool(save(), auth=require_scopes("write"))
    server.add_transform(Changing())


def hidden_in_a_mounted_server(server):
    child = FastMCP("child")
    opaque(child)
    server.add_middleware(AuthMiddleware(require_scopes("write")))
    server.mount(child)


def absent(server):
    server.tool(hello(), auth=require_scopes("write"))
    server.add_middleware(AuthMiddleware(require_scopes("write")))


@pytest.mark.parametrize(
    "way",
    [
        opaque,
        opaque_middleware,
        derived_middleware,
        disabled,
        hidden_by_middleware,
        hidden_by_transform,
        hidden_in_a_mounted_server,
        absent,
    ],
)
def test_fastmcp_answers_for_hidden_and_absent_components(asking, way):
    with asking(way) as asked, asking(way, StaticTokenVerifier(TOKENS, step_up=False)) as alone:
        answers = [server.post("reader", "tools/call", "save") for server in (asked, alone)]
        for name in ("nothing", "x" * 10_000, ""):
            assert asked.asks_for("reader", "tools/call", name) is None
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body


def test_no_check_of_the_application_is_called_beforehand(asking):
    ran = []

    def build(server):
        server.tool(save(), auth=[lambda _: ran.append("save") or True, require_scopes("write")])
        server.tool(hello(), auth=require_scopes("write"))
        server.add_middleware(AuthMiddleware(require_scopes("read")))

    def runs(step_up):
        ran.clear()
        with asking(build, StaticTokenVerifier(TOKENS, step_up=step_up)) as asked:
            refused = asked.asks_for("reader", "tools/call", "hello")
            before = len(ran)
            asked.asks_for("writer", "tools/call", "save")
            return refused, before, len(ran)

    refused, before, after = runs(step_up=True)
    assert (refused, before) == (["read", "write"], 0)
    assert after > 0
    assert runs(step_up=False)[2] - runs(step_up=False)[1] == after


def test_a_component_that_a_session_hides_has_no_challenge_in_that_session(asking):
    async def hide(ctx: Context) -> str:
        await ctx.disable_components(names={"save"})
        return "hidden"

    def build(server):
        server.tool(save(), auth=require_scopes("write"))
        server.tool(hide)

    async def calling(url, *tools):
        async with Client(url, auth="reader") as client:
            return [await client.call_tool(tool, raise_on_error=False) for tool in tools]

    with asking(build, stateless_http=False) as asked:
        hidden, refused = asyncio.run(calling(f"{asked.base_url}/mcp", "hide", "save"))
        assert (hidden.data, refused.is_error) == ("hidden", True)
        assert "save" in refused.content[0].text


class OwnProvider(Provider):
    async def _list_tools(self):
        from fastmcp.tools import Tool  # noqa: PLC0415 - FastMCP's own way

        return [Tool.from_function(save(), auth=require_scopes("write"))]


def test_a_custom_provider_of_components_is_asked_for_the_tool(asking):
    with asking(lambda server: server.add_provider(OwnProvider())) as asked:
        assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]
        assert asked.asks_for("writer", "tools/call", "save") is None


def test_components_added_while_the_server_runs_count_at_once(asking):
    servers = []
    with asking(servers.append) as asked:
        assert asked.asks_for("reader", "tools/call", "save") is None
        servers[0].tool(save(), auth=require_scopes("write"))
        assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]
        child = FastMCP("child")
        child.tool(save(), auth=require_scopes("api"))
        servers[0].mount(child, namespace="in")
        assert asked.asks_for("reader", "tools/call", "in_save") == ["read", "api"]


def test_a_check_that_is_removed_counts_at_once_and_an_added_one_after_a_second(asking, eventually):
    def change(server, auth):
        server.local_provider.remove_tool("save")
        server.tool(save(), auth=auth)

    holder = []
    with asking(holder.append) as asked:
        (server,) = holder
        server.tool(save(), auth=require_scopes("write"))
        assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]
        change(server, None)
        assert asked.asks_for("reader", "tools/call", "save") is None
        change(server, require_scopes("write"))
        eventually(lambda: asked.asks_for("reader", "tools/call", "save") == ["read", "write"])
