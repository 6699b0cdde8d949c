"""The names of the documented API are FastMCP's own, or classes of theirs that add what is documented."""

import asyncio
import inspect
import json
from importlib import import_module

import fastmcp
import fastmcp.exceptions
import fastmcp.server.dependencies
import pytest

import fastmcp_rs
from fastmcp_rs import auth, exceptions, server
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

TOKENS = {"a-token": {"user_id": "alice", "scope": ["read"], "role": "user"}}


def test_names_of_fastmcp_are_fastmcps_classes():
    assert fastmcp_rs.Context is fastmcp.Context
    assert server.dependencies.get_http_headers is fastmcp.server.dependencies.get_http_headers
    for name in ("ClientError", "FastMCPError", "ToolError"):
        assert getattr(exceptions, name) is getattr(fastmcp.exceptions, name)


def test_the_documented_module_has_every_provider():
    # What is no class of the documented page.
    further = {"Explanation", "FROM_RESOURCE", "protect"}
    assert sorted([*server.auth.__all__, *further]) == sorted(auth.__all__)
    for name in server.auth.__all__:
        assert getattr(server.auth, name) is getattr(auth, name)


@pytest.mark.parametrize("module", ["server", "server.auth", "server.dependencies", "exceptions"])
def test_other_names_are_not_there(module):
    found = import_module(f"fastmcp_rs.{module}")
    with pytest.raises(AttributeError, match="no_such_name"):
        found.no_such_name  # noqa: B018 - touching it is the test


def test_every_name_that_a_module_lists_is_there():
    for module in (fastmcp_rs, server, server.auth, server.dependencies, exceptions):
        assert set(module.__all__) <= set(dir(module))
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_auth_provider_is_auth():
    provider = StaticTokenVerifier(["a-token"])
    mcp = fastmcp_rs.FastMCP("test", "the instructions", auth_provider=provider)
    assert isinstance(mcp, fastmcp.FastMCP)
    assert (mcp.name, mcp.instructions) == ("test", "the instructions")
    assert mcp.auth is provider
    assert fastmcp_rs.FastMCP("test", auth=provider).auth is provider


@pytest.mark.parametrize(
    "options", [{}, {"auth": None}, {"auth_provider": None}, {"auth": None, "auth_provider": None}]
)
def test_without_a_provider_nothing_is_protected(options):
    assert fastmcp_rs.FastMCP("test", **options).auth is None


@pytest.mark.parametrize("name", ["auth", "auth_provider"])
@pytest.mark.parametrize("wrong", ["", 0, False, [], "a-token", StaticTokenVerifier], ids=repr)
def test_a_value_that_is_no_provider_is_an_error(name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be a provider.*would be open"):
        fastmcp_rs.FastMCP("test", **{name: wrong})
    absent = inspect.signature(fastmcp.FastMCP.__init__).parameters["auth"].default
    assert fastmcp_rs.FastMCP("test", auth=absent).auth is None


def test_both_names_at_once_are_an_error():
    provider = StaticTokenVerifier(["a-token"])
    for auth_given in (provider, None):
        with pytest.raises(ValueError, match="give one of them"):
            fastmcp_rs.FastMCP("test", auth=auth_given, auth_provider=provider)


def me() -> str:
    """Tell who asks, as the documented API has it."""
    token = server.dependencies.get_access_token()
    return json.dumps(
        {
            "class": type(token).__qualname__,
            "native": type(token) is auth.AccessToken,
            "token": token.token,
            "token_type": token.token_type,
            "user_id": token.user_id,
            "scope": token.scope,
            "expires_at": token.expires_at and token.expires_at.timestamp(),
            "metadata": token.metadata,
        }
    )


def test_a_tool_gets_the_native_access_token_of_a_jwt(serve, issuer):
    token = issuer.token(sub="alice", client_id="app", role="admin")
    with serve(JWTVerifier(public_key=issuer.public_key, **issuer.expected), me) as running:
        seen = running.call(token, "me")
    assert seen["native"]
    assert (seen["token"], seen["token_type"], seen["user_id"]) == (token, "bearer", "alice")
    assert seen["scope"] == ["read", "write"]
    assert seen["expires_at"] == seen["metadata"]["exp"]
    assert seen["metadata"]["role"] == "admin"


def test_a_tool_gets_the_native_access_token_of_a_static_token(serve):
    with serve(StaticTokenVerifier(TOKENS, "api_key"), me) as running:
        seen = running.call("a-token", "me")
    assert seen["native"]
    assert (seen["user_id"], seen["token_type"], seen["expires_at"]) == ("alice", "api_key", None)
    assert seen["metadata"]["role"] == "user"


def test_outside_of_a_request_there_is_no_access_token():
    assert server.dependencies.get_access_token() is None

    def whoami() -> str:
        return repr(server.dependencies.get_access_token())

    mcp = fastmcp_rs.FastMCP("test")
    mcp.tool(whoami)

    async def calling():
        async with fastmcp_rs.Client(mcp) as client:
            return (await client.call_tool("whoami")).text

    assert asyncio.run(calling()) == "None"
