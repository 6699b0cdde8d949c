"""A good token with too few scopes for an operation: 403 with all that it needs, before FastMCP sees the request."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import time

import jwt
import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.middleware import Middleware
from pydantic import AnyHttpUrl

import fastmcp_rs
from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier, protect
from fastmcp_rs.server.dependencies import require_scope

HAS_CHECKS = hasattr(fastmcp_auth, "require_scopes")
SECRET = "a shared secret of the tests that is as long as SHA-512's output"
TOKENS = {
    "reader": {"user_id": "alice", "scope": ["read", "email"]},
    "writer": {"user_id": "bob", "scope": ["read", "write", "api"]},
}
CHALLENGE = re.compile(
    r"""Bearer error="insufficient_scope", """
    r"""error_description="A required scope is missing \([^"=]+\)", scope="(?P<scope>[^"]+)\""""
)
METHODS = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}

SERVER = AnyHttpUrl("https://issuer.example")

if HAS_CHECKS:
    from fastmcp.server.auth import RemoteAuthProvider, require_scopes, restrict_tag
    from fastmcp.server.auth.providers.jwt import StaticTokenVerifier as FastMCPsStaticTokenVerifier
    from fastmcp.server.middleware import AuthMiddleware
    from fastmcp.server.providers import Provider
    from fastmcp.server.transforms import Transform


def message(method, target, **params):
    params = {METHODS[method]: target, **({} if method == "resources/read" else {"arguments": {}}), **params}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


class Asked:
    """A running server, and what it answers."""

    def __init__(self, base_url, post_mcp, http_request):
        self.base_url, self._post, self._request = base_url, post_mcp, http_request

    def post(self, token, method, target, params=None, **headers):
        return self._post(self.base_url, f"Bearer {token}", message(method, target, **(params or {})), **headers)

    def send(self, token, body, path="/mcp", **headers):
        given = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._request(self.base_url, "POST", path, body, {**given, "Authorization": f"Bearer {token}"})

    def asks_for(self, token, method, target, **more):
        """The scopes that a refusal names; ``None`` where FastMCP answers."""
        answer = self.post(token, method, target, **more)
        return asked_for(answer)


def asked_for(answer):
    if answer.status != 403:
        assert answer.status == 200, (answer.status, answer.body)
        assert b"insufficient_scope" not in answer.body
        return None
    assert json.loads(answer.body)["error"] == "insufficient_scope"
    return CHALLENGE.fullmatch(answer.headers["www-authenticate"])["scope"].split()


@pytest.fixture
def asking(serve_app, post_mcp, http_request):
    """Serve what a function adds to a server, stateless and in JSON: ``with asking(build) as asked``."""

    @contextlib.contextmanager
    def serving(build, verifier=None, around=lambda app: app, path="/mcp", **options):
        server = FastMCP("test", auth=verifier or StaticTokenVerifier(TOKENS, required_scopes=["read"]))
        build(server)
        app = server.http_app(path=path, **{"stateless_http": True, "json_response": True, **options})
        with serve_app(lambda _: around(app)) as base_url:
            yield Asked(base_url, post_mcp, http_request)

    return serving


def save():
    """Make a tool: FastMCP marks a function that it was given."""

    def save() -> str:
        """Save."""
        return "saved"

    return save


def note():
    """Make a resource template."""

    def note(number: str = "1") -> str:
        """Read a note."""
        return f"note {number}"

    return note


def hello():
    """Make a prompt, or a tool."""

    def hello(name: str = "you") -> str:
        """Greet."""
        return f"hello {name}"

    return hello


def one_of_each(server, **options):
    server.tool(save(), **options)
    server.resource("note://one", **options)(lambda: "note")
    server.resource("note://{number}/text", **options)(note())
    server.prompt(hello(), **options)


EACH = [
    ("tools/call", "save", "save"),
    ("resources/read", "note://one", "note://one"),
    ("resources/read", "note://7/text", "note://{number}/text"),
    ("prompts/get", "hello", "hello"),
]


def test_only_lines_that_check_components_step_up(line):
    assert _compat.checks_components() == HAS_CHECKS == (line >= (3, 0, 0))


def demanding(function):
    return require_scope("write")(function)


def by_require_scope(server):
    server.tool(demanding(save()))
    server.resource("note://one")(demanding(lambda: "note"))
    server.resource("note://{number}/text")(demanding(note()))
    server.prompt(demanding(hello()))


@pytest.mark.parametrize(("method", "target", "_"), EACH)
def test_require_scope_steps_up_where_fastmcp_has_checks_of_components_and_else_answers_as_before(
    asking, method, target, _
):
    with asking(by_require_scope) as asked:
        answer = asked.post("reader", method, target)
        if HAS_CHECKS:
            assert asked_for(answer) == ["read", "write"]
        else:
            assert answer.status == 200
            assert b"Missing required scope: write" in answer.body or b"error" in answer.body
        assert asked.asks_for("writer", method, target) is None


if HAS_CHECKS:

    def by_auth(server):
        one_of_each(server, auth=require_scopes("write"))

    def by_auth_middleware(server):
        one_of_each(server)
        server.add_middleware(AuthMiddleware(require_scopes("write")))

    def by_tag(server):
        one_of_each(server, tags={"secret"})
        server.add_middleware(AuthMiddleware([restrict_tag("secret", scopes=["write"])]))

    def by_tag_of_component(server):
        one_of_each(server, tags={"secret"}, auth=[restrict_tag("secret", scopes=["write"]), require_scopes("read")])

    WAYS = [by_require_scope, by_auth, by_auth_middleware, by_tag, by_tag_of_component]

    @pytest.mark.parametrize("way", WAYS)
    def test_a_token_with_too_few_scopes_is_told_all_that_the_operation_needs(asking, way, reasons):
        verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"])
        with asking(way, verifier) as asked:
            for method, target, _ in EACH:
                assert asked.asks_for("reader", method, target) == ["read", "write"], target
                assert asked.asks_for("writer", method, target) is None
        assert verifier.stats()["operations"] == {f"{method} {name}": 1 for method, _, name in EACH}
        assert verifier.stats()["rejected"] == {"insufficient_scope": 4}
        assert reasons() == ["insufficient_scope"] * 4

    def test_what_several_demand_is_asked_for_at_once(asking):
        def build(server):
            server.tool(require_scope("a")(require_scope("b")(save())), auth=[require_scopes("c"), require_scopes("d")])
            server.add_middleware(AuthMiddleware(require_scopes("e")))
            server.add_middleware(AuthMiddleware([require_scopes("f", "read"), restrict_tag("other", scopes=["g"])]))

        with asking(build) as asked:
            assert asked.asks_for("reader", "tools/call", "save") == ["read", "a", "b", "c", "d", "e", "f"]

    def test_scopes_of_a_token_that_this_server_does_not_know_are_not_asked_for_again(asking):
        tokens = {"t": {"user_id": "a", "scope": ["email", "other", "read", "openid"]}}

        def build(server):
            server.tool(save(), auth=require_scopes("write"))
            server.tool(hello(), auth=require_scopes("other"))

        with asking(build, StaticTokenVerifier(tokens)) as asked:
            assert asked.asks_for("t", "tools/call", "save") == ["other", "write"]

    def test_the_log_names_the_operation_and_its_scopes(asking, records):
        with asking(by_auth) as asked:
            asked.post("reader", "resources/read", "note://7/text")
        (record,) = records()
        assert record.getMessage() == (
            "Bearer token rejected: resources/read note://{number}/text needs write, and the token lacks write"
        )
        assert (record.operation, record.needed, record.missing) == (
            "resources/read note://{number}/text",
            ["write"],
            ["write"],
        )
        assert (record.reason, record.client_id, record.subject) == ("insufficient_scope", "alice", "alice")

    def test_details_are_told_where_the_operator_wants_it(asking):
        with asking(by_auth, StaticTokenVerifier(TOKENS, detailed_errors=True)) as asked:
            answer = json.loads(asked.post("reader", "tools/call", "save").body)
        assert answer["reason"] == "insufficient_scope"
        assert answer["error_description"] == "A required scope is missing ('write')"

    @pytest.mark.parametrize("way", WAYS)
    def test_switched_off_fastmcp_answers_as_if_it_were_alone(asking, way):
        verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"], step_up=False)
        with asking(way, verifier) as asked:
            assert not verifier.step_up
            for method, target, _ in EACH:
                assert asked.asks_for("reader", method, target) is None
            verifier.step_up = True
            for method, target, _ in EACH:
                assert asked.asks_for("reader", method, target) == ["read", "write"]

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
    def test_what_a_mounted_server_demands_is_found_under_the_name_that_it_has_outside(asking, way, tool, uri, prompt):
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

    def test_the_version_that_is_asked_for_decides(asking, line):
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

    def refusing(_):
        raise AssertionError("a check of the application's own was run before its time")

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
    def test_what_is_hidden_or_not_there_is_fastmcps_to_answer(asking, way):
        with asking(way) as asked, asking(way, StaticTokenVerifier(TOKENS, step_up=False)) as alone:
            answers = [server.post("reader", "tools/call", "save") for server in (asked, alone)]
            for name in ("nothing", "x" * 10_000, ""):
                assert asked.asks_for("reader", "tools/call", name) is None
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].body == answers[1].body

    def test_no_check_of_the_applications_own_is_run_beforehand(asking):
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

    def test_what_a_session_hides_is_not_told_to_that_session(asking):
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

    def test_a_provider_of_the_applications_own_is_asked_for_the_tool(asking):
        with asking(lambda server: server.add_provider(OwnProvider())) as asked:
            assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]
            assert asked.asks_for("writer", "tools/call", "save") is None

    def test_what_is_added_while_the_server_runs_counts_at_once(asking):
        servers = []
        with asking(servers.append) as asked:
            assert asked.asks_for("reader", "tools/call", "save") is None
            servers[0].tool(save(), auth=require_scopes("write"))
            assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]
            child = FastMCP("child")
            child.tool(save(), auth=require_scopes("api"))
            servers[0].mount(child, namespace="in")
            assert asked.asks_for("reader", "tools/call", "in_save") == ["read", "api"]

    def test_what_is_changed_in_place_counts_when_it_lets_in_and_a_moment_later_when_it_does_not(asking):
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
            time.sleep(1.1)
            assert asked.asks_for("reader", "tools/call", "save") == ["read", "write"]

    CALL = json.dumps(message("tools/call", "save"))

    @pytest.mark.parametrize(
        "body",
        [
            f"[{CALL}]",
            CALL.replace('"name"', '"name": "hello", "name"'),
            CALL.replace('"id": 1, ', ""),
            CALL.replace('"arguments": {}', f'"arguments": {{"x": "{"y" * 65536}"}}'),
            CALL.replace('"arguments": {}', f'"arguments": {{"x": {"[" * 40}{"]" * 40}}}'),
            f"{CALL} {CALL}",
            "null",
            "",
        ],
        ids=["batch", "name twice", "notification", "large", "deep", "two", "null", "empty"],
    )
    def test_what_is_not_looked_at_gets_fastmcps_own_answer(asking, body):
        with asking(by_auth) as asked, asking(by_auth, StaticTokenVerifier(TOKENS, step_up=False)) as alone:
            answers = [server.send("reader", body) for server in (asked, alone)]
        assert answers[0].status == answers[1].status != 403
        assert answers[0].body == answers[1].body

    def test_a_compressed_body_is_not_looked_at(asking):
        body = gzip.compress(CALL.encode())
        with asking(by_auth) as asked, asking(by_auth, StaticTokenVerifier(TOKENS, step_up=False)) as alone:
            answers = [server.send("reader", body, Content_Encoding="gzip") for server in (asked, alone)]
        assert answers[0].status == answers[1].status != 403

    def test_a_body_arrives_unaltered_however_it_is_cut(asking):
        async def count(text: str) -> int:
            return len(text)

        def build(server):
            one_of_each(server, auth=require_scopes("write"))
            server.tool(count)

        with asking(build) as asked:
            for size in (0, 1, 3000, 65_000, 70_000, 200_000):
                body = json.dumps(message("tools/call", "count", arguments={"text": "x" * size})).encode()
                for step in (len(body), 1000):
                    parts = (body[at : at + step] for at in range(0, len(body), step))
                    answer = asked.send("reader", parts if step == 1000 else body)
                    assert json.loads(answer.body)["result"]["structuredContent"] == {"result": size}
            parts = (CALL[at : at + 7].encode() for at in range(0, len(CALL), 7))
            assert asked_for(asked.send("reader", parts)) == ["read", "write"]

    def test_headers_of_the_newest_protocol_name_the_operation(asking):
        modern = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call"}
        with asking(by_auth) as asked:
            named = asked.post("reader", "tools/call", "save", mcp_name="save", **modern)
            assert asked_for(named) == ["read", "write"]
            encoded = asked.post("reader", "tools/call", "save", mcp_name="=?base64?c2F2ZQ==?=", **modern)
            assert asked_for(encoded) == ["read", "write"]
            # The body alone counts before that protocol, and such a request gets what its body gets.
            older = asked.post("reader", "tools/call", "save", mcp_name="x", mcp_method="x")
            assert asked_for(older) == ["read", "write"]

    def test_lying_headers_gain_nothing(asking):
        modern = {"mcp_protocol_version": "2026-07-28"}
        with asking(by_auth) as asked:
            for headers in (
                {"mcp_method": "tools/call", "mcp_name": "nothing"},
                {"mcp_method": "tools/list"},
                {"mcp_method": "tools/call", "mcp_name": "=?base64?!?="},
            ):
                answer = asked.post("reader", "tools/call", "save", **modern, **headers)
                assert b"saved" not in answer.body
                assert answer.status in {200, 400, 403}

    def test_other_paths_and_methods_are_not_looked_at(asking):
        from starlette.responses import JSONResponse  # noqa: PLC0415 - of these lines

        def build(server):
            by_auth(server)

            @server.custom_route("/other", ["POST"])
            async def other(request):
                return JSONResponse({"body": (await request.body()).decode()})

        with asking(build) as asked:
            answer = asked.send("reader", CALL, "/other")
            assert (answer.status, json.loads(answer.body)) == (200, {"body": CALL})

    def test_a_mounted_application_is_looked_at_below_its_own_path(asking):
        from starlette.applications import Starlette  # noqa: PLC0415 - of these lines
        from starlette.routing import Mount  # noqa: PLC0415 - likewise

        def around(app):
            return Starlette(routes=[Mount("/here", app)], lifespan=app.lifespan)

        with asking(by_auth, around=around) as asked:
            assert asked_for(asked.send("reader", CALL, "/here/mcp")) == ["read", "write"]

    def test_middleware_of_the_application_sees_the_answer(asking):
        from starlette.middleware import Middleware as AppMiddleware  # noqa: PLC0415 - of these lines

        class Adding:
            def __init__(self, app):
                self.app = app

            async def __call__(self, scope, receive, send):
                async def sending(sent):
                    if sent["type"] == "http.response.start":
                        sent["headers"].append((b"x-seen", str(sent["status"]).encode()))
                    await send(sent)

                await self.app(scope, receive, sending)

        with asking(by_auth, middleware=[AppMiddleware(Adding)]) as asked:
            answer = asked.post("reader", "tools/call", "save")
            assert asked_for(answer) == ["read", "write"]
            assert answer.headers["x-seen"] == "403"

    def test_users_do_not_get_in_each_others_way(asking):
        users = 200
        tokens = {
            f"t{user}": {"user_id": f"u{user}", "scope": ["read", f"own{user}", *(["write"] if user % 2 else [])]}
            for user in range(users)
        }

        def build(server):
            by_auth(server)
            for user in range(users):
                server.tool(hello(), name=f"own{user}", auth=require_scopes(f"own{user}"))

        with asking(build, StaticTokenVerifier(tokens, required_scopes=["read"])) as asked:

            def one(user):
                found = asked.asks_for(f"t{user}", "tools/call", "save")
                expected = None if user % 2 else ["read", f"own{user}", "write"]
                other = (user + 1) % users
                refused = asked.asks_for(f"t{user}", "tools/call", f"own{other}")
                allowed = asked.asks_for(f"t{user}", "tools/call", f"own{user}")
                return found == expected, f"own{other}" in refused, allowed is None

            async def all_of_them():
                return await asyncio.gather(*(asyncio.to_thread(one, user) for user in range(users)))

            assert asyncio.run(all_of_them()) == [(True, True, True)] * users

    def hierarchical(forge, **scopes):
        claims = {"sub": "alice", "aud": "server", "exp": int(time.time()) + 600}
        tokens = {name: forge({**claims, "scope": scope}) for name, scope in scopes.items()}
        hierarchy = {"admin": ["write", "audit"], "write": "read"}
        return tokens, JWTVerifier(SECRET, audience="server", required_scopes=["read"], scope_hierarchy=hierarchy)

    def test_scopes_that_a_token_has_by_implication_count_and_are_not_asked_for(asking, forge):
        tokens, verifier = hierarchical(forge, writer="write", admin="admin email", reader="read")

        def build(server):
            server.tool(save(), auth=require_scopes("write"))
            server.tool(hello(), auth=require_scopes("delete"))

        with asking(build, verifier) as asked:
            assert asked.asks_for(tokens["reader"], "tools/call", "save") == ["read", "write"]
            assert asked.asks_for(tokens["admin"], "tools/call", "save") is None
            assert asked.asks_for(tokens["writer"], "tools/call", "save") is None
            assert asked.asks_for(tokens["writer"], "tools/call", "hello") == ["write", "delete"]
            assert asked.asks_for(tokens["admin"], "tools/call", "hello") == ["admin", "delete"]

    def test_the_challenge_names_the_metadata_of_the_resource_that_is_served(asking):
        options = {"authorization_servers": ["https://as.example"], "base_url": "https://server.example"}
        verifier = JWTVerifier(
            SECRET, audience="server", scopes_supported=["read", "profile", "offline_access"], **options
        )
        claims = {"sub": "alice", "aud": "server", "exp": int(time.time()) + 600}
        token = jwt.encode({**claims, "scope": "read profile email offline_access"}, SECRET, "HS256")
        with asking(by_auth, verifier) as asked:
            challenge = asked.post(token, "tools/call", "save").headers["www-authenticate"]
        url = "https://server.example/.well-known/oauth-protected-resource/mcp"
        assert challenge.endswith(f'scope="read profile write", resource_metadata="{url}"')

    PROTECTED = {
        "RemoteAuthProvider of ours": lambda tokens: RemoteAuthProvider(
            StaticTokenVerifier(tokens, required_scopes=["read"]), [SERVER], base_url="https://server.example"
        ),
        "RemoteAuthProvider of FastMCP's": lambda tokens: RemoteAuthProvider(
            FastMCPsStaticTokenVerifier(
                {name: {"client_id": "app", "scopes": token["scope"]} for name, token in tokens.items()},
                required_scopes=["read"],
            ),
            [SERVER],
            base_url="https://server.example",
        ),
        "MultiAuth": lambda tokens: fastmcp_auth.MultiAuth(
            verifiers=[
                JWTVerifier(SECRET, audience="server", issuer="https://other.example"),
                StaticTokenVerifier(tokens, required_scopes=["read"]),
            ],
            base_url="https://server.example",
            required_scopes=["read"],
        ),
    }

    @pytest.mark.parametrize("shape", PROTECTED)
    def test_behind_protect_it_is_the_same(asking, shape):
        provider = protect(PROTECTED[shape](TOKENS))
        with asking(by_auth, provider) as asked:
            for method, target, _ in EACH:
                answer = asked.post("reader", method, target)
                assert answer.status == 403
                challenge = answer.headers["www-authenticate"]
                assert 'scope="read write"' in challenge
                # Which providers of several verifiers serve metadata differs by the line.
                assert shape == "MultiAuth" or "/.well-known/oauth-protected-resource/mcp" in challenge
                assert asked.asks_for("writer", method, target) is None
        assert provider.stats()["operations"] == {f"{method} {name}": 1 for method, _, name in EACH}

    def test_behind_protect_it_can_be_switched_off_at_either_place(asking):
        inner = StaticTokenVerifier(TOKENS, step_up=False)
        for provider in (
            protect(PROTECTED["RemoteAuthProvider of ours"](TOKENS), step_up=False),
            protect(RemoteAuthProvider(inner, [SERVER], base_url="https://server.example")),
            protect(StaticTokenVerifier(TOKENS), step_up=False),
        ):
            with asking(by_auth, provider) as asked:
                assert asked.asks_for("reader", "tools/call", "save") is None

    def test_scopes_are_asked_for_in_the_words_of_the_authorization_server(asking):
        class InOtherWords(RemoteAuthProvider):
            def get_challenge_scopes(self, required_scopes=None):
                return [f"api://x/{scope}" for scope in required_scopes or self.required_scopes]

        verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"])
        with asking(by_auth, protect(InOtherWords(verifier, [SERVER], base_url="https://server.example"))) as asked:
            challenge = asked.post("reader", "tools/call", "save").headers["www-authenticate"]
        assert 'scope="api://x/read api://x/write"' in challenge

    @pytest.fixture
    def uninstalled():
        yield
        fastmcp_rs.uninstall()

    @pytest.mark.usefixtures("uninstalled")
    def test_under_install_it_is_the_same_for_fastmcps_providers(asking):
        fastmcp_rs.install()
        with asking(by_auth, PROTECTED["RemoteAuthProvider of FastMCP's"](TOKENS)) as asked:
            for method, target, _ in EACH:
                answer = asked.post("reader", method, target)
                assert (answer.status, 'scope="read write"' in answer.headers["www-authenticate"]) == (403, True)
                assert asked.asks_for("writer", method, target) is None
            assert asked.asks_for("reader", "tools/call", "nothing") is None
            fastmcp_rs.install(step_up=False)
            assert asked.asks_for("reader", "tools/call", "save") is None
            fastmcp_rs.uninstall()
            assert asked.asks_for("reader", "tools/call", "save") is None

    @pytest.mark.usefixtures("uninstalled")
    def test_under_install_protect_still_switches_it_off(asking):
        fastmcp_rs.install()
        provider = protect(PROTECTED["RemoteAuthProvider of FastMCP's"](TOKENS), step_up=False)
        with asking(by_auth, provider) as asked:
            assert asked.asks_for("reader", "tools/call", "save") is None
