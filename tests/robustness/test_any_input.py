"""Any request, token and end: the middleware of every provider responds, nothing raises, and nothing is admitted."""

import asyncio
import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

PAIR = KeyPair.generate("ES256")
CLOSED = "https://127.0.0.1:9/"
YEAR_9999 = 253402300799
PROVIDERS = {
    "JWTVerifier": lambda: JWTVerifier(public_key=PAIR.public_key, algorithm="ES256", audience="server"),
    "StaticTokenVerifier": lambda: StaticTokenVerifier({"a-token": {"client_id": "a", "scopes": []}}),
    "OAuthProvider": lambda: OAuthProvider("id", "secret", CLOSED, CLOSED, audience="server"),
    "RemoteAuthProvider": lambda: RemoteAuthProvider(CLOSED),
}

names = st.sampled_from([b"authorization", b"Authorization", b"AUTHORIZATION", b"cookie", b"x"]) | st.binary(
    max_size=20
)
schemes = st.sampled_from([b"Bearer ", b"bearer  ", b"BEARER\t", b"Basic ", b"Bearer", b""])
headers = st.lists(
    st.tuples(names, st.builds(lambda scheme, rest: scheme + rest, schemes, st.binary(max_size=200))), max_size=5
)
# Texts that are no bearer token (RFC 6750 section 2.1), so that no provider sends them anywhere.
never_tokens = st.text(max_size=200).map(lambda text: text + "\u00e9")
settled = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return PROVIDERS[request.param]()


@settled
@given(headers=headers, query=st.binary(max_size=50), method=st.sampled_from(["GET", "POST", "OPTIONS", ""]))
def test_any_request_is_refused_and_raises_nothing(provider, headers, query, method):
    scope = {"type": "http", "method": method, "path": "/", "query_string": query, "headers": headers}
    if any(b"." in value or len(value) > 30 for _, value in headers):
        # A provider that asks another server gets only what is no token.
        scope["headers"] = [(name, value + b"\xff") for name, value in headers]
    scope["headers"] = [(name, value + b" \x00") for name, value in scope["headers"]]
    assert asyncio.run(provider.authenticate(scope)) is None


@settled
@given(request=st.none() | st.integers() | st.text() | st.binary() | st.lists(st.integers()) | st.dictionaries(
    st.sampled_from(["headers", "type", "x"]), st.none() | st.integers() | st.text() | st.lists(st.none() | st.text())
))  # fmt: skip
def test_what_is_no_request_is_refused_or_named_as_such(provider, request):
    with contextlib.suppress(TypeError):
        assert asyncio.run(provider.authenticate(request)) is None


@settled
@given(token=never_tokens | st.none() | st.integers() | st.binary() | st.lists(st.text()))
def test_what_is_no_token_is_refused(provider, token):
    assert asyncio.run(provider.verify_token(token)) is None


@settled
@given(end=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30) | st.integers(-60, 60))
def test_an_expired_token_is_refused_for_any_exp(end):
    # Small numbers are near the clock, where the edge is.
    end = end + time.time() if -60 <= end <= 60 else end
    token = PAIR.create_token(audience="server", additional_claims={"exp": end})
    before = time.time()
    found = asyncio.run(PROVIDERS["JWTVerifier"]().verify_token(token))
    if end <= before or end > YEAR_9999:
        assert found is None
    elif end > time.time() + 1:
        assert found.expires_at == int(end)
