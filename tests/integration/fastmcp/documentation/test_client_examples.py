"""The page's clients and its best practices, run in this process against real servers."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastmcp.exceptions import ToolError

from fastmcp_rs import Client
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.exceptions import ClientError
from fastmcp_rs.server import dependencies

# Whichever HTTP client the installed FastMCP came with.
HTTPX = "httpx" if find_spec("httpx") else "httpx2 as httpx"


def test_every_example_of_the_page_is_run_here_or_beside_and_its_changes_are_documented(example):
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    document = (Path(__file__).parents[4] / "docs" / "compatibility.md").read_text()
    _, _, table = document.partition("## The page's examples")
    assert len(example.titles) == 10
    for title in example.titles:
        assert f'"{title}"' in tests, f"no test runs the example {title!r}"
        assert f"\n| {title} | " in table, f"what is changed of {title!r} is not documented"


def protected_operation(data: str) -> str:
    """Do what the page's first server does."""
    return f"Processed: {data}"


def oauth_protected_tool(query: str) -> str:
    """Do what the page's OAuth server does."""
    return f"Query result: {query}"


def secure_api() -> str:
    """Stand for the tool that the page only names."""
    return "secured"


def protected_tool() -> str:
    """Stand for the tool that the page only names."""
    return "protected"


USAGE = "Client Authentication Usage"


def test_client_authentication_usage(names_of_example, serve, service):
    """The changes are the URLs, and the one function that the page leaves to its reader."""
    service.answers["/token"] = lambda sent, _: (
        (200, {"access_token": "granted-token", "token_type": "Bearer", "expires_in": 600})
        if (sent["grant_type"], sent["scope"]) == ("client_credentials", "mcp:access")
        else (400, {"error": "invalid_scope"})
    )
    tokens = ["your-bearer-token", "granted-token", "managed-token"]
    with serve(StaticTokenVerifier(tokens), protected_operation, oauth_protected_tool, secure_api) as server:
        changes = {
            "http://secure-server.example.com/mcp": server.url,
            "http://oauth-server.example.com/mcp": server.url,
            "https://api.example.com/mcp": server.url,
            "https://auth.example.com": service.url,
        }
        names = names_of_example(USAGE, changes)
        assert asyncio.run(names["bearer_auth_client"]()) == "Processed: test"
        assert asyncio.run(names["oauth_client"]()) == "Query result: hello"
        with pytest.raises(NameError, match="get_auth_token_from_somewhere"):
            asyncio.run(names["manual_token_client"]())

        async def get_auth_token_from_somewhere():
            return "managed-token"

        names["get_auth_token_from_somewhere"] = get_auth_token_from_somewhere
        assert asyncio.run(names["manual_token_client"]()) == "secured"
    assert len(service.requests) == 1


ERRORS = "Authentication Error Handling"


def test_authentication_error_handling(names_of_example, serve, service, capsys):
    """The changes are the URLs, and the import of httpx, which the page uses without it."""
    service.answers["/refresh"] = lambda sent, _: (
        (200, {"access_token": "fresh-token"}) if sent == {"refresh_token": "stored-refresh-token"} else (400, {})
    )
    with serve(StaticTokenVerifier(["fresh-token"]), protected_tool) as server:
        changes = {
            "https://secure-api.example.com/mcp": server.url,
            "https://auth.example.com": service.url,
            "import asyncio\n": f"import asyncio\nimport {HTTPX}\n",
        }
        names = names_of_example(ERRORS, changes)
        assert asyncio.run(names["robust_auth_client"]()) == "protected"
    assert capsys.readouterr().out == "Authentication failed - token may be expired\n"
    assert len(service.requests) == 1


def test_authentication_error_handling_raises_what_is_no_401(names_of_example, service):
    service.answers["/mcp"] = lambda *_: (403, {"error": "insufficient_scope"})
    names = names_of_example(ERRORS, {"https://secure-api.example.com": service.url})
    with pytest.raises(ClientError, match="403 Forbidden: insufficient_scope"):
        asyncio.run(names["robust_auth_client"]())


MANAGEMENT = "Token Management"
# The page takes these names from its earlier examples.
BEARER = {"import os\n": "import os\nfrom fastmcp_rs.client.auth import BearerAuth\n"}


def test_token_management(names_of_example, serve, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with serve(StaticTokenVerifier(["token-of-the-environment", "token-of-the-file"]), protected_tool) as server:

        async def calling(auth):
            async with Client(server.url, auth=auth) as client:
                return (await client.call_tool("protected_tool")).text

        monkeypatch.setenv("MCP_AUTH_TOKEN", "token-of-the-environment")
        assert asyncio.run(calling(names_of_example(MANAGEMENT, BEARER)["auth"])) == "protected"
        monkeypatch.delenv("MCP_AUTH_TOKEN")
        (tmp_path / ".config" / "mcp").mkdir(parents=True)
        (tmp_path / ".config" / "mcp" / "token").write_text("token-of-the-file\n")
        assert asyncio.run(calling(names_of_example(MANAGEMENT, BEARER)["auth"])) == "protected"
    (tmp_path / ".config" / "mcp" / "token").unlink()
    with pytest.raises(ValueError, match="No authentication token found"):
        names_of_example(MANAGEMENT, BEARER)


VALIDATION = "Scope Validation"
TOKEN = {"def validate": "from fastmcp_rs.server.dependencies import get_access_token\n\ndef validate"}


@pytest.mark.parametrize("of_the_page", [True, False], ids=["the page's", "ours"])
def test_scope_validation(names_of_example, serve, issuer, of_the_page):
    names = names_of_example(VALIDATION, TOKEN) if of_the_page else vars(dependencies)
    validate_scopes = names["validate_scopes"]

    def guarded() -> str:
        """Demand two scopes."""
        validate_scopes(["read", "admin"])
        return "done"

    def call(token):
        async def calling():
            async with Client(server.url, auth=token) as client:
                return (await client.call_tool("guarded")).text

        return asyncio.run(calling())

    with serve(JWTVerifier(public_key=issuer.public_key, **issuer.expected), guarded) as server:
        assert call(issuer.token(scope="read admin")) == "done"
        with pytest.raises(ToolError, match=r"Missing.* scopes?: admin"):
            call(issuer.token(scope="read"))
        with pytest.raises(ToolError, match=r"Missing.* scopes: read, admin"):
            call(issuer.token(scope=None))
    with pytest.raises(PermissionError, match="Authentication required"):
        validate_scopes(["read"])
