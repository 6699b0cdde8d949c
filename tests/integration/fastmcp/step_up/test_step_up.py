"""A good token with too few scopes for an operation: 403 with all that it needs, before FastMCP sees the request."""

from __future__ import annotations

import asyncio
import json
import time

import jwt
import pytest
from fastmcp.server.auth import require_scopes, restrict_tag
from fastmcp.server.middleware import AuthMiddleware
from step_up_servers import EACH, TOKENS, WAYS, by_auth, hello, save

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.server.dependencies import require_scope

SECRET = "a shared secret of the tests that is as long as SHA-512's output"


@pytest.mark.parametrize("way", WAYS)
def test_the_challenge_names_all_scopes_that_the_operation_needs(asking, way, reasons):
    verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"])
    with asking(way, verifier) as asked:
        for method, target, _ in EACH:
            assert asked.asks_for("reader", method, target) == ["read", "write"], target
            assert asked.asks_for("writer", method, target) is None
    assert verifier.stats()["operations"] == {f"{method} {name}": 1 for method, _, name in EACH}
    assert verifier.stats()["rejected"] == {"insufficient_scope": 4}
    assert reasons() == ["insufficient_scope"] * 4


def test_scopes_of_several_checks_are_named_at_once(asking):
    def build(server):
        server.tool(require_scope("a")(require_scope("b")(save())), auth=[require_scopes("c"), require_scopes("d")])
        server.add_middleware(AuthMiddleware(require_scopes("e")))
        server.add_middleware(AuthMiddleware([require_scopes("f", "read"), restrict_tag("other", scopes=["g"])]))

    with asking(build) as asked:
        assert asked.asks_for("reader", "tools/call", "save") == ["read", "a", "b", "c", "d", "e", "f"]


def test_scopes_of_a_token_that_the_server_does_not_know_are_not_named(asking):
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


def test_detailed_errors_name_the_missing_scope(asking):
    with asking(by_auth, StaticTokenVerifier(TOKENS, detailed_errors=True)) as asked:
        answer = json.loads(asked.post("reader", "tools/call", "save").body)
    assert answer["reason"] == "insufficient_scope"
    assert answer["error_description"] == "A required scope is missing ('write')"


@pytest.mark.parametrize("way", WAYS)
def test_with_step_up_off_fastmcp_answers(asking, way):
    verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"], step_up=False)
    with asking(way, verifier) as asked:
        assert not verifier.step_up
        for method, target, _ in EACH:
            assert asked.asks_for("reader", method, target) is None
        verifier.step_up = True
        for method, target, _ in EACH:
            assert asked.asks_for("reader", method, target) == ["read", "write"]


def test_requests_of_many_users_at_once_do_not_mix(asking):
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


def test_implied_scopes_count_and_are_not_named(asking, forge):
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
    verifier = JWTVerifier(SECRET, audience="server", scopes_supported=["read", "profile", "offline_access"], **options)
    claims = {"sub": "alice", "aud": "server", "exp": int(time.time()) + 600}
    token = jwt.encode({**claims, "scope": "read profile email offline_access"}, SECRET, "HS256")
    with asking(by_auth, verifier) as asked:
        challenge = asked.post(token, "tools/call", "save").headers["www-authenticate"]
    url = "https://server.example/.well-known/oauth-protected-resource/mcp"
    assert challenge.endswith(f'scope="read profile write", resource_metadata="{url}"')
