"""Any request of a hostile client to a server's application: no exception, and only one valid credential is admitted.

The application is FastMCP's own, with its middleware and routes; behind RequireAuthMiddleware an
endpoint records who was admitted.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
from fastmcp import FastMCP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmcp_rs import _compat
from fastmcp_rs.auth import AccessToken, AuthProvider, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

PATH = "/mcp"
KEY = "an-api-key-0123456789"
SPACES = b" \t\n\x0c\r"
# RFC 6750 section 3, RFC 9110 section 11.2: one challenge, whose values need no escape.
CHALLENGE = re.compile(r'Bearer( [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*)?')

PAIR = KeyPair.generate("ES256")
GOOD = PAIR.create_token("alice", audience="server", scopes=["read"])
NARROW = PAIR.create_token("alice", audience="server", scopes=["write"])
SIGNED = [
    GOOD,
    NARROW,
    PAIR.create_token("alice", audience="another", scopes=["read"]),
    PAIR.create_token("alice", audience="server", scopes=["read"], expires_in_seconds=-60),
    PAIR.create_token("alice", audience="server", additional_claims={"nbf": int(time.time()) + 3000, "scope": "read"}),
    KeyPair.generate("ES256").create_token("alice", audience="server", scopes=["read"]),
    "eyJhbGciOiJub25lIn0." + GOOD.split(".")[1] + ".",
]


class DenyList(JWTVerifier):
    """Overrides an entry point, so that the middleware checks what it returns."""

    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.client_id == "mallory" else answer


class ApiKeys(AuthProvider):
    """Reads a header of its own."""

    async def authenticate(self, request):
        key = request.headers.get("x-api-key")
        return AccessToken(key, user_id="service", scope=["read"]) if key == KEY else None


def _jwt(cls=JWTVerifier, **options):
    return cls(public_key=PAIR.public_key, algorithm="ES256", audience="server", required_scopes=["read"], **options)


PROVIDERS = {
    "jwt": _jwt,
    "jwt in detail": lambda: _jwt(detailed_errors=True),
    "jwt of a subclass": lambda: _jwt(DenyList),
    "list": lambda: StaticTokenVerifier(
        {GOOD: {"client_id": "a", "scope": "read"}, NARROW: {"client_id": "a"}}, required_scopes=["read"]
    ),
    "keys": ApiKeys,
}


@dataclass
class Served:
    """An application, the methods of its endpoint if not all, and the users that its endpoint recorded."""

    app: object
    methods: set | None = None
    seen: list = field(default_factory=list)

    async def witness(self, scope, _receive, send):
        user = scope.get("user")
        self.seen.append(user.access_token.token if user else None)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    def lacks(self, method):
        return self.methods is not None and method not in self.methods

    def ask(self, scope):
        """Send a request; gives the messages of the response, and the recorded user."""
        self.seen.clear()
        sent = []

        async def receive():
            first = "websocket.connect" if scope["type"] == "websocket" else "http.request"
            return {"type": first, "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(self.app({**scope, "headers": [*scope["headers"]]}, receive, send))
        return sent, [*self.seen]


def behind(provider):
    """FastMCP's application for this provider, or none, with a witness in the place of the endpoint."""
    served = Served(FastMCP("test", auth=provider).http_app(path=PATH))
    [route] = [route for route in served.app.routes if getattr(route, "path", None) == PATH]
    if provider is None:
        route.app = served.witness
    else:
        assert isinstance(route.endpoint, _compat.RequireAuthMiddleware)
        route.endpoint.app = served.witness
        served.methods = route.methods
    return served


@pytest.fixture(scope="module", params=PROVIDERS)
def served(request):
    served = behind(PROVIDERS[request.param]())
    served.verdict = _key_verdict if request.param == "keys" else _bearer_verdict
    return served


@pytest.fixture(scope="module")
def unprotected():
    return behind(None)


@st.composite
def mutated(draw):
    """A good token, or one that was, with something done to it."""
    token = draw(st.sampled_from(SIGNED)).encode()
    at = draw(st.integers(0, len(token) - 1))
    other = draw(st.sampled_from(SIGNED)).encode()
    piece = draw(st.binary(min_size=1, max_size=3) | st.sampled_from([b".", b"=", b",", b" ", b"A", b"\x00", b"%2E"]))
    part = draw(st.integers(0, 2))
    parts = token.split(b".")
    return draw(
        st.sampled_from(
            [
                token,
                token[:at] + piece + token[at:],
                token[:at] + bytes([token[at] ^ 1 << at % 8]) + token[at + 1 :],
                token[:at] + token[at + 1 :],
                token[:at],
                token + piece,
                piece + token,
                token + b"." + other,
                token.swapcase(),
                b".".join([*parts[:part], other.split(b".")[part], *parts[part + 1 :]]),
                b".".join(reversed(parts)),
            ]
        )
    )


schemes = st.sampled_from(
    [b"Bearer", b"Bearer", b"bearer", b"BEARER", b"Basic", b"DPoP", b"Bearer Bearer", b"", b"\xff"]
)
between = st.sampled_from([b" ", b" ", b"  ", b"\t", b"", b" \t ", b"\xa0", b"\x00"])
suffixes = st.sampled_from([b"", b"", b"", b" ", b"\r\n", b",", b", Bearer x", b"\x00", b";", b"="])
credentials = st.builds(lambda *parts: b"".join(parts), schemes, between, mutated() | st.binary(max_size=30), suffixes)
signed_credentials = st.sampled_from([f"Bearer {token}".encode() for token in SIGNED])
good_headers = st.sampled_from([(b"authorization", b"Bearer " + GOOD.encode()), (b"x-api-key", KEY.encode())])
authorization = st.tuples(
    st.sampled_from([b"authorization", b"authorization", b"Authorization", b"AUTHORIZATION", b"authorization "]),
    signed_credentials | credentials | st.binary(max_size=60),
)
keys = st.tuples(
    st.sampled_from([b"x-api-key", b"X-Api-Key"]), st.sampled_from([KEY.encode(), KEY.encode() + b"\x00", b""])
)
others = st.tuples(
    st.sampled_from([b"cookie", b"accept", b"content-type", b"content-length", b"mcp-session-id", b""])
    | st.binary(max_size=12),
    st.binary(max_size=30),
)
headers = st.lists(authorization | keys | others, max_size=5)
paths = (
    st.just(PATH)
    | st.sampled_from(["/mcp/", "/", "", "//mcp", "/MCP", "/mcp\x00", "/.well-known/x"])
    | st.text(max_size=20)
)
methods = st.sampled_from(["POST", "POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT"]) | st.text(max_size=8)
queries = (
    st.just(b"")
    | st.sampled_from([b"access_token=" + GOOD.encode(), b"a=b&access_token=", b"access%5Ftoken", b"Access_Token=x"])
    | st.binary(max_size=30)
)
WHEREVER = {
    "root_path": st.sampled_from(["", "", "/mcp", "/x"]),
    "http_version": st.sampled_from(["1.0", "1.1", "2"]),
    "client": st.sampled_from([None, ("127.0.0.1", 5)]),
    "server": st.sampled_from([None, ("127.0.0.1", 80), ("/run/socket", None)]),
}
anything = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["http", "http", "http", "websocket"]),
        "headers": headers,
        "path": paths,
        "method": methods,
        "query_string": queries,
        **WHEREVER,
    }
)
few_headers = st.lists(authorization | keys | others, max_size=1)
almost_good = st.fixed_dictionaries(
    {
        "type": st.just("http"),
        "headers": st.tuples(few_headers, good_headers | authorization, few_headers).map(
            lambda groups: [*groups[0], groups[1], *groups[2]]
        ),
        "path": st.just(PATH),
        "method": st.just("POST"),
        "query_string": queries,
        **WHEREVER,
        "root_path": st.just(""),
    }
)


def _bearer_verdict(scope):
    """What becomes of a request to the endpoint, by the book: who gets in, or the status and the error."""
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(values) > 1:
        return None, 400, "invalid_request"
    scheme, _, token = (values[0] if values else b"").strip(SPACES).partition(b" ")
    token = token.strip(SPACES)
    if scheme.lower() != b"bearer" or not token:
        return None, 401, None
    names = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]
    if b"," in token or "access_token" in names:
        return None, 400, "invalid_request"
    if token == GOOD.encode():
        return GOOD, 200, None
    return (None, 403, "insufficient_scope") if token == NARROW.encode() else (None, 401, "invalid_token")


def _key_verdict(scope):
    """A key is looked for as Starlette finds headers: the first of that name."""
    given = [value for name, value in scope["headers"] if name == b"x-api-key"]
    if given and given[0] == KEY.encode():
        return KEY, 200, None
    who, status, error = _bearer_verdict(scope)
    return (None, 401, "invalid_token") if who or status == 403 else (None, status, error)


def answer_of(sent):
    """The status, the headers and the body of an answer, which is a whole one."""
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert [body["type"] for body in bodies] == ["http.response.body"] * len(bodies)
    assert [body.get("more_body", False) for body in bodies] == [True] * (len(bodies) - 1) + [False]
    return start["status"], start["headers"], b"".join(body.get("body", b"") for body in bodies)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scope=anything | almost_good)
def test_any_request_is_answered_and_only_one_good_credential_is_accepted(served, unprotected, scope):
    scope = {"asgi": {"version": "3.0"}, "scheme": "http", "raw_path": b"", **scope}
    try:
        sent, seen = served.ask(scope)
    except Exception as error:  # noqa: BLE001 - what it is, is the question
        # Starlette's redirect to a path with another slash raises for a query or a host that is no text.
        with pytest.raises(type(error), match=re.escape(str(error))):
            unprotected.ask(scope)
        return
    if scope["type"] == "websocket":
        assert ([message["type"] for message in sent], seen) == (["websocket.close"], [])
        return
    who, status, error = served.verdict(scope)
    found, answer_headers, body = answer_of(sent)
    challenges = [value.decode() for name, value in answer_headers if name.lower() == b"www-authenticate"]
    if not seen and not challenges:
        # There is nothing behind this path or method.
        assert found in {307, 404, 405}
        assert scope["path"] != PATH or scope["root_path"] or served.lacks(scope["method"])
        return
    assert (found, seen) == (status, [] if who is None else [who])
    if seen:
        return
    [challenge] = challenges
    assert CHALLENGE.fullmatch(challenge), challenge
    parameters = dict(re.findall(r'([a-z_]+)="([^"]*)"', challenge))
    assert parameters.get("error") == error
    assert body == b"" if error is None else json.loads(body)["error"] == error


def test_the_good_credential_is_accepted(served):
    """So that the test above is about something."""
    for header in ((b"authorization", b"Bearer " + GOOD.encode()), (b"x-api-key", KEY.encode())):
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "POST"}
        scope |= {"path": PATH, "raw_path": b"/mcp", "root_path": "", "query_string": b"", "headers": [header]}
        expected = served.verdict(scope)[0]
        assert served.ask(scope)[1] == ([] if expected is None else [expected])
