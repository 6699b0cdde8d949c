"""Nothing that a client sends makes an entry point raise: anything but a valid token is refused."""

import asyncio
import base64
import time
from types import MappingProxyType, SimpleNamespace

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

MEGABYTE = 2**20
NESTED = {depth: b'{"alg":"HS256","x":' + b"[" * depth + b"]" * depth + b"}" for depth in (33, 1_000, 20_000, 100_000)}


def part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


HEADER = part(b'{"alg":"HS256"}')

TEXTS = {
    "empty": "",
    "space": " ",
    "dot": ".",
    "two dots": "..",
    "a million dots": "." * 1_000_000,
    "a million dots with text": "a." * 500_000,
    "a megabyte of garbage": "\x00\xff~" * (MEGABYTE // 3),
    "a megabyte of base64": "A" * MEGABYTE,
    "a megabyte in each part": ".".join(["A" * MEGABYTE] * 3),
    "just within the bound": f"{HEADER}.{'A' * (65_536 - len(HEADER) - 2)}.",
    "lone surrogate": "\ud800",
    "surrogates in a token": f"{HEADER}.\udcff.\udfff",
    "NUL": "\0",
    "NUL behind a token": f"{HEADER}.e30.e30\0",
    "newlines": "\r\n\r\n",
    "emoji": "\U0001f600.\U0001f600.\U0001f600",
    "right to left": "\u202e\u202d",
    "percent": "%s%s%s%n%(x)s",
    "braces": "{0.__class__}",
    "five parts": f"{HEADER}.e30.e30.e30.e30",
    "no header": ".e30.e30",
    "header of null": f"{part(b'null')}.e30.e30",
    "header of a number": f"{part(b'1' * 5000)}.e30.e30",
    "header of a list": f"{part(b'[]')}.e30.e30",
    "header without alg": f"{part(b'{}')}.e30.e30",
    "header in UTF-16": f"{part('{}'.encode('utf-16'))}.e30.e30",
    "header that is no UTF-8": f"{part(bytes(range(256)))}.e30.e30",
    "JSON serialisation": '{"payload":"e30","protected":"e30","signature":""}',
    "no compact serialisation": f'["{HEADER}","e30","e30"]',
    **{f"header nested {depth} deep": f"{part(octets)}.e30.e30" for depth, octets in NESTED.items()},
    **{f"payload nested {depth} deep": f"{HEADER}.{part(octets)}.e30" for depth, octets in NESTED.items()},
}


class Text(str):
    """A token of a subclass is its text, whatever the subclass says of itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("asked for its text")

    __repr__ = __eq__ = __str__
    __hash__ = None


class Raising:
    """Raises whatever is asked of it."""

    def __getattr__(self, _name):
        raise RuntimeError("asked for an attribute")

    def __str__(self) -> str:
        raise RuntimeError("asked for its text")

    __repr__ = __bytes__ = __len__ = __iter__ = __bool__ = __str__


NO_TEXTS = (None, 0, 1, 10**100, 1.5, True, b"", b"\xff", bytearray(b"x"), [], ["a"], {}, (), object(), Raising(), str)


@pytest.fixture(scope="module", params=["JWT", "JWT with a public key", "static", "JWT with overrides"])
def verifier(request, secret):
    class Overridden(JWTVerifier):
        def _validate_issuer(self, issuer):
            return super()._validate_issuer(issuer)

        def _extract_scopes(self, claims):
            return super()._extract_scopes(claims)

        async def authenticate(self, request):
            return await super().authenticate(request)

    return {
        "JWT": lambda: JWTVerifier(secret, audience="server"),
        "JWT with a public key": lambda: JWTVerifier(public_key=KeyPair.generate().public_key, audience="server"),
        "static": lambda: StaticTokenVerifier({"a-static-token": {}}),
        "JWT with overrides": lambda: Overridden(secret, audience="server"),
    }[request.param]()


def everywhere(verifier, token) -> list:
    """The answers of all entry points to a token, and to requests with it."""
    entries = [verifier.verify_token(token), verifier.authenticate({"headers": {"authorization": token}})]
    if hasattr(verifier, "load_access_token"):
        entries.append(verifier.load_access_token(token))
    if isinstance(token, str):
        text = str.__add__("Bearer ", token)
        # As ASGI servers give it: octets, which need not be UTF-8.
        octets = text.encode("utf-8", "surrogatepass")
        entries.append(verifier.authenticate({"type": "http", "headers": [(b"authorization", octets)]}))
        entries.append(verifier.authenticate(SimpleNamespace(headers={"Authorization": text})))

    async def answers() -> list:
        return [await entry for entry in entries]

    return asyncio.run(answers())


def refused(verifier, token) -> bool:
    return all(answer is None for answer in everywhere(verifier, token))


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_text_is_refused_and_raises_nothing(verifier, name):
    assert refused(verifier, TEXTS[name])


@pytest.mark.parametrize("token", NO_TEXTS, ids=lambda token: type(token).__name__)
def test_what_is_no_str_is_refused_and_raises_nothing(verifier, token):
    assert refused(verifier, token)


def test_a_subclass_of_str_is_read_as_the_str_that_it_is(forge, secret):
    verifier = JWTVerifier(secret, audience="server")
    token = forge({"aud": "server"})
    assert asyncio.run(verifier.verify_token(Text(token))).client_id == "unknown"
    assert asyncio.run(verifier.verify_token(Text("garbage"))) is None


@given(st.text(st.characters(exclude_categories=[])) | st.binary() | st.text("ey.JAB=-_+/"))
@settings(deadline=None, max_examples=200)
def test_any_str_or_bytes_are_refused(secret, token):
    for one in (JWTVerifier(secret, audience="server"), StaticTokenVerifier(["a-static-token"])):
        assert refused(one, token)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=100))
@settings(deadline=None, max_examples=100)
def test_any_octets_in_the_three_parts_are_refused(secret, header, payload, signature):
    assert refused(JWTVerifier(secret, audience="server"), f"{part(header)}.{part(payload)}.{part(signature)}")


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=100)
def test_any_payload_that_the_issuer_signed_raises_nothing(forge, secret, payload):
    everywhere(JWTVerifier(secret, audience="server"), forge(payload))


@pytest.mark.parametrize("name", ["a million dots", "a megabyte of garbage", "a megabyte in each part"])
def test_a_token_that_is_too_large_is_refused_at_once(secret, name):
    """Rows G1 and G2 of the threats: by its length, before anything is read."""
    verifier = JWTVerifier(secret, audience="server")

    async def seconds() -> float:
        started = time.perf_counter()
        for _ in range(100):
            await verifier.verify_token(TEXTS[name])
        return time.perf_counter() - started

    # Twenty times what a slow machine needs to encode the text as UTF-8; a parser of a megabyte would need more.
    assert asyncio.run(seconds()) < 2


def scope(headers) -> dict:
    return {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": headers}


def octets(name: str, value: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"server.example"), (name.encode(), value.encode()), (b"accept", b"*/*")]


SHAPES = {
    "ASGI scope": lambda name, value: scope(octets(name, value)),
    "ASGI scope with lists": lambda name, value: scope([list(pair) for pair in octets(name, value)]),
    "ASGI scope with an iterator": lambda name, value: scope(iter(octets(name, value))),
    "Starlette request": lambda name, value: Request(scope(octets(name.lower(), value))),
    "Starlette connection": lambda name, value: HTTPConnection(scope(octets(name.lower(), value))),
    "websocket connection": lambda name, value: HTTPConnection(
        {**scope(octets(name.lower(), value)), "type": "websocket"}
    ),
    "Starlette headers": lambda name, value: SimpleNamespace(headers=Headers({name: value})),
    "httpx request": lambda name, value: httpx2.Request("POST", "https://x.example", headers={name: value}),
    "dict": lambda name, value: SimpleNamespace(headers={"host": "x", name: value}),
    "dict of bytes": lambda name, value: SimpleNamespace(headers={name.encode(): value.encode()}),
    "mapping": lambda name, value: SimpleNamespace(headers=MappingProxyType({name: value})),
    "pairs": lambda name, value: SimpleNamespace(headers=[("host", "x"), (name, value)]),
    "pairs of bytes": lambda name, value: SimpleNamespace(headers=octets(name, value)),
    "dict with headers": lambda name, value: {"headers": {name: value}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_token_is_found_in_a_request_of_any_shape_under_a_header_of_any_case(forge, secret, shape):
    verifier = JWTVerifier(secret, audience="server")
    token = forge({"aud": "server"})

    def answer(name: str, value: str):
        return asyncio.run(verifier.authenticate(SHAPES[shape](name, value)))

    for name in ("authorization", "Authorization", "AUTHORIZATION", "aUTHORIZATIOn"):
        assert answer(name, f"Bearer {token}").token == token, name
    for name in ("x-authorization", "authorization2", "proxy-authorization", "cookie"):
        assert answer(name, f"Bearer {token}") is None, name
    for scheme in ("bearer", "BEARER", "bEaReR", "Bearer ", " Bearer"):
        assert answer("authorization", f"{scheme} {token}").token == token, scheme
    for value in (token, f"BearerX {token}", f"Bearer{token}", f"Basic {token}", f"Token {token}", f"Bearer\t{token}"):
        assert answer("authorization", value) is None, value
    for value in (f"Bearer {token}, Bearer {token}", f"Bearer {token},", f"Basic x, Bearer {token}", "Bearer", ""):
        assert answer("authorization", value) is None, value


def test_credentials_that_are_given_twice_are_refused(forge, secret):
    verifier = JWTVerifier(secret, audience="server")
    good = f"Bearer {forge({'aud': 'server'})}"

    def answer(*values: str):
        pairs = [("authorization", value) for value in values]
        pairs[1:] = [(name.title(), value) for name, value in pairs[1:]]
        raw = [(name.lower().encode(), value.encode()) for name, value in pairs]
        requests = [SimpleNamespace(headers=pairs), scope(raw), Request(scope(raw))]
        return [asyncio.run(verifier.authenticate(request)) for request in requests]

    assert None not in answer(good)
    for values in ((good, good), (good, "Basic x"), ("Basic x", good), (good, ""), (good, "Bearer x", good)):
        assert answer(*values) == [None] * 3, values


class Endless:
    """Has whatever attribute is asked for."""

    def __getattr__(self, _name):
        return self

    def __call__(self, *_arguments):
        return self


WEIRD = [
    *(None, 0, "", "Bearer x", b"Bearer x", [], (), {}, object(), Request, Raising(), Endless()),
    *({"headers": headers} for headers in (None, 0, "", "Bearer x", b"authorization", [None], [1], [()], [("a",)])),
    *({"headers": [pair]} for pair in (("a", "b", "c"), "ab", b"ab", {"authorization": "x"}, Raising())),
    *({"headers": {name: "x"}} for name in (None, 0, (), b"\xff", "\ud800", object)),
    *(
        {"headers": {"authorization": value}}
        for value in (None, 0, [], {}, ["Bearer x"], b"Bearer \xff", "\ud800", Raising)
    ),
    *(SimpleNamespace(headers=headers) for headers in (None, 0, "x", Raising(), Endless(), dict, [{}])),
]


@pytest.mark.parametrize("number", range(len(WEIRD)))
def test_an_object_that_is_no_request_is_refused_and_raises_nothing(verifier, number):
    assert asyncio.run(verifier.authenticate(WEIRD[number])) is None


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"Authorization", b"host"]) | st.binary(), st.binary())),
)
@settings(deadline=None, max_examples=200)
def test_any_headers_are_refused(secret, headers):
    verifier = JWTVerifier(secret, audience="server")
    for request in (scope(headers), Request(scope(headers)), SimpleNamespace(headers=dict(headers))):
        assert asyncio.run(verifier.authenticate(request)) is None
