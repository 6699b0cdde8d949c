"""Servers whose operations need scopes, in each way that FastMCP has, and what a refusal asks for."""

from __future__ import annotations

import json
import re

from fastmcp.server import auth as fastmcp_auth

from fastmcp_rs.server.dependencies import require_scope

# Lines before 3.0 check no components, and what they lack is used by no test of theirs.
HAS_CHECKS = hasattr(fastmcp_auth, "require_scopes")
if HAS_CHECKS:
    from fastmcp.server.auth import require_scopes, restrict_tag
    from fastmcp.server.middleware import AuthMiddleware

TOKENS = {
    "reader": {"user_id": "alice", "scope": ["read", "email"]},
    "writer": {"user_id": "bob", "scope": ["read", "write", "api"]},
}
CHALLENGE = re.compile(
    r"""Bearer error="insufficient_scope", """
    r"""error_description="A required scope is missing \([^"=]+\)", scope="(?P<scope>[^"]+)\""""
)
METHODS = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


def message(method, target, **params):
    params = {METHODS[method]: target, **({} if method == "resources/read" else {"arguments": {}}), **params}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def asked_for(answer):
    if answer.status != 403:
        assert answer.status == 200, (answer.status, answer.body)
        assert b"insufficient_scope" not in answer.body
        return None
    assert json.loads(answer.body)["error"] == "insufficient_scope"
    return CHALLENGE.fullmatch(answer.headers["www-authenticate"])["scope"].split()


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


def demanding(function):
    return require_scope("write")(function)


def by_require_scope(server):
    server.tool(demanding(save()))
    server.resource("note://one")(demanding(lambda: "note"))
    server.resource("note://{number}/text")(demanding(note()))
    server.prompt(demanding(hello()))


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

CALL = json.dumps(message("tools/call", "save"))
