"""``fastmcp_rs.Client`` raises ``ClientError`` with the status and the server's reason, and else is FastMCP's own."""

import asyncio
import base64
import contextlib
import json
import traceback
from dataclasses import dataclass, field
from importlib import import_module

import fastmcp
import pytest
from fastmcp import FastMCP
from fastmcp.client.transports import SSETransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError

from fastmcp_rs import Client
from fastmcp_rs._compat import HttpAuthBase
from fastmcp_rs.auth import AuthProvider, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError
from fastmcp_rs.exceptions import ClientError

TOKEN = "the-client's-secret-token"
PATH = "/mcp"
CHALLENGE = 'Bearer error="invalid_token", error_description="The token expired"'
REASON = "invalid_token: The token expired"
REFUSALS = [(401, "401 Unauthorized"), (403, "403 Forbidden")]
UNAVAILABLE = b'{"error": "temporarily_unavailable", "error_description": "Keep it"}'
UNAVAILABLE_REASON = "503 Service Unavailable: temporarily_unavailable: Keep it"


def hello() -> str:
    """Greet."""
    return "hello"


def fail() -> str:
    """Fail."""
    raise ToolError("it failed")


@dataclass
class RefusingApp:
    """An application in front of a server, which answers requests in its place where a test says so."""

    app: object
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    authorizations: list[str] = field(default_factory=list)

    def refuse(self, status, challenge="", body=b"", content_type="application/json", method="POST", word=""):
        """Answer the requests of a method so, or only those whose body has a word."""
        headers = {"content-type": content_type, "content-length": str(len(body))}
        self.answers[method] = (status, headers | ({"www-authenticate": challenge} if challenge else {}), body, word)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] not in self.answers:
            self._note(scope)
            return await self.app(scope, receive, send)
        status, headers, body, word = self.answers[scope["method"]]
        request = await receive()
        if word.encode() not in request["body"]:
            return await self.app(scope, _once_more(request, receive), send)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})
        return None

    def _note(self, scope):
        self.authorizations += [value.decode() for name, value in scope.get("headers", ()) if name == b"authorization"]


def _once_more(request, receive):
    left = [request]

    async def received():
        return left.pop() if left else await receive()

    return received


@pytest.fixture(scope="module")
def new_refusing(serve_app):
    mcp = FastMCP("test")
    mcp.tool(hello)
    mcp.tool(fail)
    made = RefusingApp(mcp.http_app(path=PATH))
    with serve_app(lambda _: made) as base_url:
        made.url = base_url + PATH
        yield made


@pytest.fixture
def refusing(new_refusing):
    """A ``RefusingApp`` that passes every request on until a test says otherwise, with the URL of the server."""
    new_refusing.answers.clear()
    new_refusing.authorizations.clear()
    return new_refusing


def connecting(url, **options):
    async def connected():
        async with Client(url, **{"auth": TOKEN, **options}):
            pass

    return asyncio.run(connected())


@pytest.mark.parametrize(("status", "phrase"), REFUSALS)
def test_connecting_raises_the_status_and_the_reason(refusing, status, phrase):
    refusing.refuse(status, CHALLENGE)
    with pytest.raises(ClientError) as raised:
        connecting(refusing.url)
    assert str(raised.value) == f"{phrase}: {REASON}"


@pytest.mark.parametrize("call", ["call_tool", "list_tools", "list_resources", "list_prompts", "ping", "read_resource"])
@pytest.mark.parametrize(("status", "phrase"), REFUSALS)
def test_every_call_raises_the_status_and_the_reason(refusing, call, status, phrase):
    arguments = {"call_tool": ["hello"], "read_resource": ["data://nothing"]}.get(call, [])

    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            refusing.refuse(status, CHALLENGE, word="method")
            await getattr(client, call)(*arguments)

    with pytest.raises(ClientError) as raised:
        asyncio.run(calling())
    assert str(raised.value) == f"{phrase}: {REASON}"


@pytest.mark.parametrize(
    ("challenge", "body", "reason"),
    [
        ("", b'{"error": "invalid_token", "error_description": "The token expired"}', REASON),
        ("Bearer", b'{"error": "invalid_token"}', "invalid_token"),
        ('Bearer error="a"', b'{"error": "b"}', "a"),
        ("bearer realm=x, ERROR=insufficient_scope", b"", "insufficient_scope"),
        (r'Basic realm="a, b", Bearer error="a \"quoted\", text"', b"", 'a "quoted", text'),
        ('Bearer error="' + "x" * 5000 + '"', b"", "x" * 200),
        ('Bearer error="a\xe9\x1b[31mred"', b"", "a [31mred"),
        ("", b"", "the server gave no reason"),
        ("", b"<html>", "the server gave no reason"),
        ("", b"[1]", "the server gave no reason"),
        ("", b'{"error": {"code": 7}}', "the server gave no reason"),
        ("", b"[" * 50_000, "the server gave no reason"),
        ("", b'{"error": "' + b"x" * 70_000 + b'"}', "the server gave no reason"),
        (",=,,Bearer", b"", "the server gave no reason"),
    ],
)
def test_a_reason_is_found_where_the_server_puts_it_and_is_cleaned(refusing, challenge, body, reason):
    refusing.refuse(401, challenge, body)
    with pytest.raises(ClientError) as raised:
        connecting(refusing.url)
    assert str(raised.value) == f"401 Unauthorized: {reason}"


@pytest.mark.parametrize("repeated", [TOKEN, f"Bearer {TOKEN}"])
def test_a_token_that_the_server_repeats_is_in_no_error(refusing, repeated):
    refusing.refuse(401, f'Bearer error="invalid_token", error_description="{repeated} is no good"')
    with pytest.raises(ClientError) as raised:
        connecting(refusing.url, auth=TOKEN)
    assert "[redacted] is no good" in str(raised.value)
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


def test_parts_of_a_jwt_and_keys_in_other_headers_are_in_no_error(refusing, forge):
    token = forge({"sub": "alice"})
    refusing.refuse(401, f'Bearer error="{token.split(".")[1]} of a-secret-key"')
    with pytest.raises(ClientError) as raised:
        connecting(StreamableHttpTransport(refusing.url, headers={"X-Api-Key": "a-secret-key"}, auth=token), auth=None)
    assert str(raised.value) == "401 Unauthorized: [redacted] of [redacted]"


def test_a_real_server_with_a_real_verifier_refuses_so(serve):
    with (
        serve(StaticTokenVerifier(["another"])) as server,
        pytest.raises(ClientError, match="401 Unauthorized: invalid_token"),
    ):
        connecting(server.url)


@pytest.mark.parametrize("call", ["call_tool", "list_tools", "ping"])
def test_a_call_raises_an_unavailable_error_for_a_503(refusing, call):
    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            refusing.refuse(503, body=UNAVAILABLE, word="method")
            await getattr(client, call)(*(["hello"] if call == "call_tool" else []))

    with pytest.raises(ClientError) as raised:
        asyncio.run(calling())
    assert str(raised.value) == UNAVAILABLE_REASON


def test_connecting_over_sse_raises_an_unavailable_error_for_a_503_too(refusing):
    for method, transport in (("POST", refusing.url), ("GET", SSETransport(refusing.url))):
        refusing.refuse(503, body=UNAVAILABLE, method=method)
        with pytest.raises(ClientError) as raised:
            connecting(transport)
        assert str(raised.value) == UNAVAILABLE_REASON


class CannotTell(AuthProvider):
    async def verify_token(self, _token):
        raise TokenVerificationError("down")


def test_a_real_server_without_keys_raises_an_unavailable_error(serve):
    text = "503 Service Unavailable: temporarily_unavailable: The token cannot be verified at the moment"
    with serve(CannotTell()) as server, pytest.raises(ClientError, match=text):
        connecting(server.url)


def test_a_server_of_the_sse_transport_raises_the_same_errors(refusing):
    refusing.refuse(403, CHALLENGE, method="GET")
    with pytest.raises(ClientError, match=f"403 Forbidden: {REASON}"):
        connecting(SSETransport(refusing.url))


def test_other_errors_are_fastmcps_own(refusing):
    def error_of(kind, status):
        async def calling():
            async with kind(refusing.url, auth=TOKEN) as client:
                refusing.refuse(status, CHALLENGE)
                await client.call_tool("hello")

        with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is what the test compares
            asyncio.run(calling())
        refusing.answers.clear()
        return type(raised.value)

    for status in (400, 402, 500, 503):
        found = error_of(Client, status)
        assert found is error_of(fastmcp.Client, status)
        assert not issubclass(found, ClientError)


def test_an_error_of_a_tool_is_no_refusal(refusing):
    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            await client.call_tool("fail")

    with pytest.raises(ToolError, match="it failed"):
        asyncio.run(calling())


def test_a_server_without_a_stream_of_its_own_serves_all_the_same(refusing):
    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            first = (await client.call_tool("hello")).text
            with pytest.raises(ToolError):
                await client.call_tool("fail")
        return first

    refusing.refuse(403, CHALLENGE, method="GET")
    assert asyncio.run(calling()) == "hello"


def test_a_refused_call_does_not_explain_the_failure_of_another(refusing, line):
    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            refusing.refuse(403, CHALLENGE, word='"refused"')
            calls = [client.call_tool(name) for name in ("refused", "fail")]
            return await asyncio.gather(*calls, return_exceptions=True)

    refused, failed = asyncio.run(calling())
    assert isinstance(refused, ClientError)
    # Up to FastMCP 3 a refusal ends the session, and with it every call that has no answer yet.
    assert isinstance(failed, ToolError) or (line < (4,) and isinstance(failed, ClientError))


@pytest.mark.parametrize("word", ["", '"hello"'], ids=["at once", "after reading"])
def test_leaving_raises_nothing_when_a_call_has_raised_the_error(refusing, word):
    async def calling():
        async with Client(refusing.url, auth=TOKEN) as client:
            refusing.refuse(403, CHALLENGE, word=word)
            with pytest.raises(ClientError, match=REASON):
                await client.call_tool("hello")
            with contextlib.suppress(ClientError):
                await client.call_tool("hello")

    asyncio.run(calling())


def test_authentication_that_succeeds_at_the_second_try_raises_nothing(refusing):
    class Twice(HttpAuthBase):
        def auth_flow(self, request):
            request.headers["authorization"] = "Bearer old"
            response = yield request
            if response.status_code == 401:
                refusing.answers.clear()
                request.headers["authorization"] = "Bearer new"
                yield request

    refusing.refuse(401, CHALLENGE)

    async def calling():
        async with Client(refusing.url, auth=Twice()) as client:
            return (await client.call_tool("hello")).text

    assert asyncio.run(calling()) == "hello"
    assert refusing.authorizations[0] == "Bearer new"


def test_user_and_password_of_the_url_are_sent_as_by_fastmcps_client(refusing):
    connecting(refusing.url.replace("//", "//user:pass@"), auth=None)
    assert set(refusing.authorizations) == {"Basic " + base64.b64encode(b"user:pass").decode()}


def test_the_same_transport_serves_several_clients(refusing):
    transport = StreamableHttpTransport(refusing.url, auth=TOKEN)
    connecting(transport, auth=None)
    once = transport.auth
    connecting(transport, auth=None)
    assert transport.auth is once
    refusing.refuse(401, CHALLENGE)
    with pytest.raises(ClientError, match=REASON):
        connecting(transport, auth=None)


def test_a_client_that_was_refused_can_connect_again(refusing):
    async def calling():
        client = Client(refusing.url, auth=TOKEN)
        refusing.refuse(401, CHALLENGE)
        with pytest.raises(ClientError, match=REASON):
            await client.__aenter__()
        refusing.answers.clear()
        async with client, client.new() as another:
            assert type(another) is Client
            assert (await another.call_tool("hello")).text == "hello"
            with pytest.raises(ToolError):
                await client.call_tool("fail")

    asyncio.run(calling())


def test_it_is_fastmcps_client_and_works_without_http():
    content = import_module("mcp.types")

    def several():
        return [
            content.TextContent(type="text", text="one"),
            content.ImageContent(type="image", data="AA==", mimeType="image/png"),
            content.TextContent(type="text", text="two"),
        ]

    mcp = FastMCP("test")
    mcp.tool(several)

    async def calling():
        async with Client(mcp) as client:
            assert isinstance(client, fastmcp.Client)
            return await client.call_tool("several"), await client.call_tool_mcp("several", {})

    result, raw = asyncio.run(calling())
    assert result.text == "one\ntwo"
    assert [block.type for block in result.content] == ["text", "image", "text"]
    assert not result.is_error
    assert json.loads(raw.model_dump_json())["content"][0]["text"] == "one"
