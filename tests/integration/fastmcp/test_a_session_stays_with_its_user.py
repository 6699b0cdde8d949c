"""A session serves its user alone, and each request of it is decided by its own token.

Lines on which the MCP SDK compares the users are tested both as they are and without it.
"""

import asyncio
import json
from uuid import UUID

import pytest
from fastmcp import FastMCP
from mcp.server import sse, streamable_http_manager

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.server.dependencies import get_access_token, require_scope

LIST = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(tool: str) -> dict:
    return {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": tool, "arguments": {}}}


def seen() -> str:
    return " ".join(get_access_token().scope)


@require_scope("admin")
def wipe() -> str:
    return "wiped"


class NotTheSame:
    """What compares as equal to everything, so that no two users differ for the SDK."""

    def __eq__(self, _other):
        return True

    def __ne__(self, _other):
        return False

    __hash__ = None


@pytest.fixture(params=["as installed", "an SDK that compares nothing"])
def verifier(request, issuer, monkeypatch):
    if request.param != "as installed":
        monkeypatch.setattr(_compat, "ties_sessions_to_users", lambda: False)
        for module in (sse, streamable_http_manager):
            if hasattr(module, "authorization_context"):
                monkeypatch.setattr(module, "authorization_context", lambda _user: NotTheSame())
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected)


@pytest.mark.parametrize(
    "changed",
    [{"sub": "bob"}, {"client_id": "another", "sub": "alice"}, {"sub": "bob", "client_id": "app"}],
    ids=["user", "client", "user of the same client"],
)
def test_another_user_finds_no_session(verifier, issuer, serve, changed):
    same_client = {"client_id": "app"} if "client_id" in changed else {}
    alice, bob = f"Bearer {issuer.token(sub='alice', **same_client)}", f"Bearer {issuer.token(**changed)}"
    with serve(verifier, seen) as server:
        session = server.post(alice).headers["mcp-session-id"]
        assert server.post(alice, INITIALIZED, session).status == 202
        reply = server.post(bob, LIST, session)
        assert reply.status == 404
        assert b"Session not found" in reply.body
        assert server.post(alice, LIST, session).status == 200
        # Its own session serves the other user.
        assert server.post(bob).status == 200


def test_a_new_token_of_the_same_user_is_accepted(verifier, issuer, serve):
    with serve(verifier, seen) as server:
        session = server.post(f"Bearer {issuer.token(n=1)}").headers["mcp-session-id"]
        assert server.post(f"Bearer {issuer.token(n=2, scope='other')}", INITIALIZED, session).status == 202


def test_each_request_is_decided_by_its_own_token(verifier, issuer, serve):
    admin, reader = (f"Bearer {issuer.token(scope=scope)}" for scope in ("admin", "read"))
    with serve(verifier, seen, wipe) as server:
        session = server.post(admin).headers["mcp-session-id"]
        assert server.post(admin, INITIALIZED, session).status == 202
        assert b"wiped" in server.post(admin, call("wipe"), session).body
        refused = server.post(reader, call("wipe"), session).body
        assert b"wiped" not in refused
        assert b"admin" in refused
        assert b'"text":"read"' in server.post(reader, call("seen"), session).body.replace(b'": "', b'":"')


def test_over_sse_another_user_finds_no_session(verifier, issuer):
    mcp = FastMCP("test", auth=verifier)
    app = mcp.http_app(path="/sse", transport="sse")
    alice, bob = (f"Bearer {issuer.token(sub=sub)}".encode() for sub in ("alice", "bob"))

    async def run():
        found, left = asyncio.get_running_loop().create_future(), asyncio.Event()

        async def send(message):
            body = message.get("body", b"")
            if b"session_id=" in body and not found.done():
                found.set_result(body.split(b"session_id=")[1].split()[0])

        async def until_left():
            await left.wait()
            return {"type": "http.disconnect"}

        def scope(method, path, query, authorization):
            return {
                "type": "http",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "root_path": "",
                "scheme": "http",
                "http_version": "1.1",
                "query_string": query,
                "headers": [
                    (b"host", b"127.0.0.1"),
                    (b"authorization", authorization),
                    (b"content-type", b"application/json"),
                ],
                "client": ("127.0.0.1", 1),
                "server": ("127.0.0.1", 80),
                "state": {},
            }

        async def post(query, authorization):
            statuses = []

            async def receive():
                return {"type": "http.request", "body": json.dumps(INITIALIZED).encode(), "more_body": False}

            async def note(message):
                statuses.append(message.get("status"))

            await app(scope("POST", "/messages/", query, authorization), receive, note)
            return statuses[0]

        stream = asyncio.create_task(app(scope("GET", "/sse", b"", alice), until_left, send))
        session = await asyncio.wait_for(found, 20)
        spelled = str(UUID(hex=session.decode())).upper().encode()
        statuses = [
            await post(b"session_id=" + session, bob),
            await post(b"session%5Fid=" + spelled, bob),
            await post(b"session_id=x&session_id=" + session, bob),
            await post(b"session_id=" + session, alice),
        ]
        left.set()
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        return statuses

    assert asyncio.run(run()) == [404, 404, 404, 202]
