"""The MCP conformance suite tests a client and a server of this project."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from fastmcp import Context, FastMCP
from fastmcp.utilities.types import Image

from fastmcp_rs.auth import StaticTokenVerifier

HERE = Path(__file__).parent
SECONDS = 100
pytestmark = pytest.mark.timeout(3 * SECONDS)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def judged(newer_node, clients, tmp_path):
    """Run the suite: gives the status of each check by scenario, such as ``{"ping": {"ping": "SUCCESS"}}``."""
    script = clients / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"

    def ran(*arguments):
        results = Path(tempfile.mkdtemp(dir=tmp_path))
        command = [newer_node, script, *arguments, "--output-dir", results]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2] / "support")}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=tmp_path
        )
        found = {}
        for path in results.rglob("checks.json"):
            # The folder is named after the scenario and the time, such as `server-ping-2026-...Z`.
            checks = json.loads(path.read_text())
            scenario = path.parent.relative_to(results).as_posix().split("-2")[0]
            found[scenario] = {check["id"]: check["status"] for check in checks if check["status"] != "INFO"}
        assert found, done.stderr
        return found

    return ran


def as_client(judged, scenario, *command):
    """What the suite says of a client in a scenario: its checks, once none of them has failed."""
    options = ("--timeout", "60000", "--command", " ".join(map(str, command)))
    (checks,) = judged("client", "--scenario", scenario, *options).values()
    assert {*checks.values()} == {"SUCCESS"}, checks
    return set(checks)


def test_our_client_steps_up(judged):
    passed = as_client(judged, "auth/scope-step-up", sys.executable, HERE / "conformance_client.py")
    assert {"scope-step-up-initial", "scope-step-up-escalation"} <= passed


def test_our_client_credentials_are_what_the_suite_expects(judged):
    passed = as_client(judged, "auth/client-credentials-basic", sys.executable, HERE / "conformance_client.py")
    assert "client-credentials-basic-auth" in passed


def test_our_client_signs_in_with_a_key_as_the_suite_expects(judged):
    passed = as_client(judged, "auth/client-credentials-jwt", sys.executable, HERE / "conformance_client.py")
    assert "client-credentials-jwt-verified" in passed


@pytest.mark.parametrize("version", ["1", "2"])
def test_our_server_leads_the_typescript_sdk_to_the_scopes_that_the_suite_expects(judged, clients, version):
    client = ["node", clients / "sdk.mjs", version, "save"]
    passed = as_client(judged, "auth/scope-step-up", sys.executable, HERE / "conformance_server.py", *client)
    assert {"scope-step-up-initial", "scope-step-up-escalation"} <= passed


def simple_text() -> str:
    """Give a text."""
    return "This is a simple text response for testing."


def image_content() -> Image:
    """Give an image."""
    return Image(data=PIXEL, format="png")


def error_handling() -> str:
    """Fail."""
    raise ValueError("This tool intentionally returns an error for testing")


async def tool_with_progress(ctx: Context) -> str:
    """Tell about progress."""
    for at in (0, 50, 100):
        await ctx.report_progress(at, 100)
    return "done"


async def tool_with_logging(ctx: Context) -> str:
    """Log."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(text)
    return "done"


async def sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    return f"LLM response: {(await ctx.sample(prompt)).text}"


async def elicitation(message: str, ctx: Context) -> str:
    """Ask the client's user."""
    return f"User response: {await ctx.elicit(message, response_type=str)}"


def data_of(number: str) -> str:
    """Give a resource of a template."""
    return json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})


def simple_prompt() -> str:
    """Give a prompt."""
    return "This is a simple prompt for testing."


def prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Give a prompt."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


TOOLS = [simple_text, image_content, error_handling, tool_with_progress, tool_with_logging, sampling, elicitation]


def everything(auth):
    """A server with the names that the suite asks for, as far as FastMCP has what it tests."""
    mcp = FastMCP("test", auth=auth)
    for tool in TOOLS:
        mcp.tool(tool, name=f"test_{tool.__name__}")
    for prompt in (simple_prompt, prompt_with_arguments):
        mcp.prompt(prompt, name=f"test_{prompt.__name__}")
    text = "This is the content of the static text resource."
    mcp.resource("test://static-text", name="text", mime_type="text/plain")(lambda: text)
    mcp.resource("test://static-binary", name="binary", mime_type="image/png")(lambda: PIXEL)
    mcp.resource("test://template/{number}/data", mime_type="application/json")(data_of)
    return mcp.http_app(path="/mcp")


def signed_in(app):
    """Give each request the token that the suite has no option for."""

    async def asked(scope, receive, send):
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", b"Bearer a-token")]}
        await app(scope, receive, send)

    return asked


def test_a_server_behind_authentication_passes_the_suite_as_without(judged, serve_app):
    with serve_app(lambda _: everything(None)) as base_url:
        without = judged("server", "--url", f"{base_url}/mcp")
    with serve_app(lambda _: signed_in(everything(StaticTokenVerifier(["a-token"])))) as base_url:
        behind = judged("server", "--url", f"{base_url}/mcp")
    assert behind == without
    assert Counter(status for checks in behind.values() for status in checks.values())["SUCCESS"] >= 19
