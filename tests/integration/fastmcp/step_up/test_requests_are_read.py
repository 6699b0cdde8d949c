"""What of a request names its operation, and which requests reach FastMCP unread and unaltered."""

from __future__ import annotations

import gzip
import json

import pytest
from fastmcp.server.auth import require_scopes
from step_up_servers import CALL, TOKENS, asked_for, by_auth, message, one_of_each

from fastmcp_rs.auth import StaticTokenVerifier


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
def test_a_body_that_names_no_single_operation_gets_fastmcps_answer(asking, body):
    with asking(by_auth) as asked, asking(by_auth, StaticTokenVerifier(TOKENS, step_up=False)) as alone:
        answers = [server.send("reader", body) for server in (asked, alone)]
    assert answers[0].status == answers[1].status != 403
    assert answers[0].body == answers[1].body


def test_a_compressed_body_is_not_read(asking):
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


def test_headers_that_contradict_the_body_gain_nothing(asking):
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


def test_requests_to_other_paths_are_not_read(asking):
    from starlette.responses import JSONResponse  # noqa: PLC0415 - of these lines

    def build(server):
        by_auth(server)

        @server.custom_route("/other", ["POST"])
        async def other(request):
            return JSONResponse({"body": (await request.body()).decode()})

    with asking(build) as asked:
        answer = asked.send("reader", CALL, "/other")
        assert (answer.status, json.loads(answer.body)) == (200, {"body": CALL})


def test_requests_to_a_mounted_application_are_read_below_its_path(asking):
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
