"""The page's servers. Each runs in a process of its own, as a reader of the page would run it."""

import asyncio
import json
import time
from importlib.util import find_spec

import pytest
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError

from fastmcp_rs import Client, _compat
from fastmcp_rs.exceptions import ClientError


def call(url, token, tool, **arguments):
    """Call a tool with the token, or with the headers, and give the text that comes back."""
    headers = token if isinstance(token, dict) else {"Authorization": f"Bearer {token}"}

    async def calling():
        async with Client(StreamableHttpTransport(url, headers=headers)) as client:
            return (await client.call_tool(tool, arguments)).text

    return asyncio.run(calling())


def assert_refused(url, *tokens):
    for token in (*tokens, "garbage", {}):
        with pytest.raises(ClientError, match="401 Unauthorized"):
            call(url, token, "any")


def claims(**more):
    return {"sub": "alice", "exp": int(time.time()) + 600, **more}


def test_server_authentication_setup(run_example, forge):
    secret, names = "your-jwt-secret-key", {"aud": "fastmcp-server", "iss": "your-auth-service"}
    good = forge(claims(**names), secret=secret)
    with run_example("Server Authentication Setup", secrets=[secret, good]) as url:
        assert call(url, good, "protected_operation", data="test") == "Processed: test"
        assert_refused(
            url,
            forge(claims(**names), secret="another secret"),
            forge(claims(**names | {"aud": "another"}), secret=secret),
            forge(claims(**names | {"iss": "another"}), secret=secret),
            forge(claims(**names, exp=1), secret=secret),
        )


def test_static_token_authentication(run_example):
    tokens = ["admin-token-123", "user-token-456", "readonly-token-789"]
    with run_example("Static Token Authentication", secrets=tokens) as url:
        for token in tokens:
            assert json.loads(call(url, token, "read_data")) == {"data": "public information"}
            assert call(url, token, "write_data", content="it") == "Wrote: it"
        assert_refused(url, "admin-token-12")


def test_oauth_server_authentication(run_example, service):
    """The one change is the URL of the token endpoint."""
    granted = {"active": True, "sub": "alice", "client_id": "app", "scope": "mcp:access", "aud": "mcp-server"}
    tokens = {
        "good-token": granted,
        "other-scope": granted | {"scope": "other"},
        "other-audience": granted | {"aud": "other"},
    }
    service.answers = {
        "/.well-known/oauth-authorization-server": lambda *_: (
            200,
            {
                "issuer": service.url,
                "token_endpoint": f"{service.url}/oauth/token",
                "introspection_endpoint": f"{service.url}/introspect",
            },
        ),
        "/introspect": lambda sent, _: (200, tokens.get(sent["token"], {"active": False})),
    }
    changes = {"https://auth.example.com": service.url}
    with run_example("OAuth Server Authentication", changes, ["your-oauth-client-secret", *tokens]) as url:
        assert call(url, "good-token", "oauth_protected_tool", query="it") == "Query result: it"
        assert_refused(url, "not-granted")
        for token in ("other-scope", "other-audience"):
            with pytest.raises(ClientError, match=r"^40[13] "):
                call(url, token, "any")


def test_remote_authentication_provider(run_example, service):
    """The one change is the URL that is asked."""
    service.answers["/verify"] = lambda sent, _: (
        (200, {"active": True, "user_id": "alice"}) if sent == {"token": "good-token"} else (401, {})
    )
    changes = {"https://auth-service.example.com": service.url}
    with run_example("Remote Authentication Provider", changes, ["your-service-key", "good-token"]) as url:
        assert call(url, "good-token", "external_auth_tool", input_data="it") == "Processed with external auth: it"
        assert_refused(url, "bad-token")
    assert all(headers["x-service-key"] == "your-service-key" for _, _, headers in service.requests)


SCOPED = "Scope-Based Authorization"
# FastMCP refuses a tool with *args and **kwargs, and the decorator of the page makes each tool one.
WRAPPED = {
    "        def wrapper": "        @functools.wraps(func)\n        def wrapper",
    "def require": "import functools\n\ndef require",
}
# The same, with the decorator of this project in the place of the page's.
OURS = {
    "import get_access_token\n": "import get_access_token, require_scope\n",
    '''def require_scope(required_scope: str):
    """Decorator to require specific scope."""
    def decorator(func):
        def wrapper(*args, **kwargs):
            token = get_access_token()
            if not token or not token.has_scope(required_scope):
                raise PermissionError(f"Missing required scope: {required_scope}")
            return func(*args, **kwargs)
        return wrapper
    return decorator

''': "",
}


@pytest.mark.parametrize("changes", [WRAPPED, OURS], ids=["functools.wraps", "require_scope"])
def test_scope_based_authorization(run_example, forge, changes):
    expires = int(time.time()) + 600
    reader, writer, admin = (
        forge({"sub": "alice", "exp": expires, "scope": scope}, secret="jwt-secret")
        for scope in ("read", "read write", "read write admin")
    )
    with run_example(SCOPED, changes, ["jwt-secret", reader, writer, admin]) as url:
        assert [user["name"] for user in json.loads(call(url, reader, "read_users"))] == ["Alice", "Bob"]
        assert json.loads(call(url, writer, "create_user", name="Eve", email="e@x.example"))["name"] == "Eve"
        assert call(url, admin, "delete_user", user_id=7) == "User 7 deleted"
        steps_up = changes is OURS and _compat.checks_components()
        error, text = (ClientError, "403 Forbidden: .*'{}'") if steps_up else (ToolError, "Missing required scope: {}")
        with pytest.raises(error, match=text.format("write")):
            call(url, reader, "create_user", name="Eve", email="e@x.example")
        with pytest.raises(error, match=text.format("admin")):
            call(url, writer, "delete_user", user_id=7)
        seen = json.loads(call(url, reader, "get_user_info"))
        when = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(expires))
        assert seen == {"user_id": "alice", "token_type": "bearer", "scopes": ["read"], "expires_at": when}
        assert_refused(url, forge({"sub": "alice"}, secret="another"))


def test_scope_based_authorization_as_printed_is_what_fastmcp_refuses(run_example):
    with pytest.raises(AssertionError, match=r"Functions with \*args"), run_example(SCOPED):
        pass


# FastMCP from 4.0 on comes with httpx2; the page's example imports httpx and makes no use of it.
HTTPX = {} if find_spec("httpx") else {"import httpx\n": "import httpx2 as httpx\n"}


def test_advanced_authentication_patterns(run_example, forge):
    token = forge(claims(scope=["read"]), secret="jwt-secret")
    with run_example("Advanced Authentication Patterns", HTTPX, ["key-123", "jwt-secret", token]) as url:
        seen = json.loads(call(url, {"x-api-key": "key-123", "user-agent": "tests"}, "auth_demo"))
        assert seen["authentication"]["user_id"] == "service_account"
        assert (seen["authentication"]["token_type"], seen["authentication"]["scopes"]) == (
            "api_key",
            ["read", "write"],
        )
        assert seen["authentication"]["metadata"]["name"] == "Service Account"
        assert seen["request_info"]["user_agent"] == "tests"
        seen = json.loads(call(url, token, "auth_demo"))
        assert (seen["authentication"]["user_id"], seen["authentication"]["is_expired"]) == ("alice", False)
        assert_refused(url, {"x-api-key": "key-124"}, forge(claims(), secret="another"))
