"""``fastmcp-rs explain --server server.py``: what its provider decides, and what a token lacks for ``--tool save``."""

import json

import jwt
import pytest

SECRET = "a shared secret of the tests that is as long as SHA-512's output"
SERVER = f"""
from fastmcp import FastMCP
from fastmcp.server.auth import MultiAuth, OAuthProxy, RemoteAuthProvider, require_scopes
from key_value.aio.stores.memory import MemoryStore
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.server.dependencies import require_scope

verifier = JWTVerifier({SECRET!r}, audience="server", scope_hierarchy={{"admin": "write"}})
mcp = FastMCP("mcp", auth=verifier)


@mcp.tool(auth=require_scopes("write"))
@require_scope("audit")
def save() -> str:
    return "saved"


@mcp.tool
def free() -> str:
    return "free"


@mcp.tool(auth=lambda _: True)
def own() -> str:
    return "own"


child = FastMCP("child")
child.tool(lambda: "deep", name="deep", auth=require_scopes("write"))
mcp.mount(child, namespace="in")
remote = RemoteAuthProvider(verifier, ["https://issuer.example"], base_url="https://server.example")
protected = FastMCP("protected", auth=protect(remote))
protected.tool(lambda: "deep", name="deep", auth=require_scopes("write"))
issuers = [{{"issuer": "https://issuer.example", "secret": {SECRET!r}, "audience": "server"}}]
many = FastMCP("many", auth=JWTVerifier.from_issuers(issuers))
other = FastMCP("other", auth=StaticTokenVerifier({{"t": {{"client_id": "a", "scopes": []}}}}))
proxy = OAuthProxy(
    upstream_authorization_endpoint="https://issuer.example/authorize",
    upstream_token_endpoint="https://issuer.example/token",
    upstream_client_id="id",
    upstream_client_secret="secret",
    token_verifier=JWTVerifier({SECRET!r}, audience="server"),
    base_url="https://server.example",
    client_storage=MemoryStore(),
    jwt_signing_key="a secret of at least 32 bytes for tests",
)
proxied = FastMCP("proxied", auth=proxy)
both = FastMCP("both", auth=MultiAuth(server=proxy, verifiers=[JWTVerifier({SECRET!r}, audience="server")]))
app = mcp.http_app()
"""


@pytest.fixture
def explain_server(explain, tmp_path):
    file = tmp_path / f"server_of_{tmp_path.name.replace('-', '_')}.py"
    file.write_text(SERVER)

    def finished(scope, *more, name="", **claims):
        claims = {"iss": "https://issuer.example", "sub": "alice", "aud": "server", "scope": scope, **claims}
        return explain("--server", f"{file}{name}", *more, jwt.encode(claims, SECRET, "HS256"))

    return finished


@pytest.fixture
def explain_tool(explain_server):
    return lambda tool, scope, *more, **changes: explain_server(scope, "--tool", tool, *more, **changes)


def operation(finished):
    (line,) = (line for line in finished.out.splitlines() if line[4:].startswith("operation"))
    return line.split(maxsplit=2)


def test_a_token_without_the_scopes_of_a_tool_is_explained_with_them(explain_tool):
    finished = explain_tool("save", "read")
    assert finished.code == 1
    headline = finished.out.splitlines()[0]
    assert headline == (
        "REFUSED: insufficient_scope (the tool save needs audit write, and the token lacks audit write)"
    )
    assert operation(finished) == ["✗", "operation", "the tool save needs audit write"]
    explanation = json.loads(explain_tool("save", "audit", "--json").out)
    assert (explanation["outcome"], explanation["code"]) == ("rejected", "insufficient_scope")
    assert explanation["checks"][-1] == {
        "name": "operation",
        "result": "failed",
        "code": "insufficient_scope",
        "text": "the tool save needs audit write",
        "got": ["audit"],
        "expected": ["audit", "write"],
        "unverified": False,
    }


@pytest.mark.parametrize(
    ("tool", "scope", "text"),
    [
        ("save", "write audit", "the tool save needs audit write"),
        ("save", "admin audit", "the tool save needs audit write"),
        ("free", "read", "the tool free needs no scopes"),
        ("in_deep", "write", "the tool in_deep needs write"),
    ],
)
def test_a_token_with_the_scopes_of_a_tool_is_accepted(explain_tool, tool, scope, text):
    finished = explain_tool(tool, scope)
    assert finished.code == 0
    assert operation(finished) == ["✓", "operation", text]


@pytest.mark.parametrize("tool", ["own", "nothing"])
def test_checks_that_fastmcp_makes_are_named_as_fastmcps(explain_tool, tool):
    finished = explain_tool(tool, "read")
    assert (finished.code, operation(finished)[0]) == (0, "?")
    assert "FastMCP decides" in finished.out


def test_a_token_that_is_refused_before_has_that_reason(explain_tool):
    finished = explain_tool("save", "read", exp=1)
    assert finished.code == 1
    assert finished.out.startswith("REFUSED: expired")
    assert operation(finished) == ["·", "operation", "not reached"]


def test_behind_protect_the_verifier_inside_explains(explain_tool):
    assert operation(explain_tool("deep", "read", name=":protected")) == ["✗", "operation", "the tool deep needs write"]


@pytest.mark.parametrize(
    ("name", "more", "text"),
    [
        (":other", (), "no provider of fastmcp_rs.auth that explains tokens"),
        (":proxied", (), "the server issues its own tokens"),
        (":app", (), "takes a FastMCP server, not an app"),
        (":nothing", (), "the file has no nothing"),
        ("", ("--audience", "server"), "--server takes no key and no issuer, audience or scope"),
    ],
)
def test_what_cannot_be_explained_is_wrong_usage(explain_tool, name, more, text):
    finished = explain_tool("save", "read", *more, name=name)
    assert finished.code == 2
    assert text in finished.err


def test_the_tool_option_needs_a_server(explain):
    finished = explain("--tool", "save", "a.b.c")
    assert finished.code == 2
    assert "--server server.py" in finished.err


@pytest.mark.parametrize("name", ["", ":protected", ":many", ":both"])
def test_without_a_tool_the_provider_of_the_server_decides(explain_server, name):
    finished = explain_server("read", name=name)
    assert (finished.code, "operation" in finished.out) == (0, False)
    finished = explain_server("read", name=name, aud="elsewhere")
    assert finished.code == 1
    assert finished.out.startswith("REFUSED: audience_mismatch")


ANOTHERS = "https is meant here, and http would do only on a network that is trusted: " * 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('JWTVerifier(jwks_uri="http://issuer.example/jwks", audience="a")', "or pass allow_http=True if that network"),
        (f"raise ValueError({ANOTHERS!r} 'the end')", "the end; python "),
        ('__import__("os").environ["FASTMCP_RS_TEST_SECRET"]', "; set the variable FASTMCP_RS_TEST_SECRET in this"),
    ],
)
def test_a_server_that_cannot_be_imported_is_reported_with_its_error(explain, tmp_path, line, message):
    file = tmp_path / f"broken_{tmp_path.name.replace('-', '_')}.py"
    file.write_text(f"from fastmcp_rs.auth import JWTVerifier\n{line}\n")
    explained = explain("--server", str(file), "a.b.c")
    assert explained.code == 2
    assert message in explained.err
    assert "--allow-http" not in explained.err
    assert "characters more" not in explained.err
