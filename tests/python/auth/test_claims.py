"""Claims are exactly what Python's own json makes of them, and fill the documented access token and FastMCP's."""

import json
import time
from datetime import datetime, timezone

import pytest
from fastmcp.server.auth import AccessToken as FastMCPAccessToken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastmcp_rs.auth import AccessToken, JWTVerifier

# Claims whose type is checked, so that they cannot be any value.
TYPED = {"exp", "nbf", "iat", "iss", "sub", "client_id", "azp", "jti", "aud", "scope", "scp", "cnf"}
DEEPEST = 32

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts.filter(lambda name: name not in TYPED)
numbers = st.one_of(
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**4000]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 1e23, 0.1, 1e16, 123456789012345680.0]),
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
# Numbers as they may be written, of which json.dumps writes only some.
lexemes = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def exactly(value) -> str:
    """The value with its types and its order, which equality does not tell: 1 == 1.0 == True."""
    return repr(value)


@pytest.fixture(scope="module")
def verifier(secret):
    return JWTVerifier(secret, audience="server")


@pytest.fixture(scope="module")
def verified(ask, forge, verifier):
    """The claims of a payload, once both entry points agree on them."""

    def claims(payload: bytes):
        documented, fastmcp = ask(verifier, forge(payload))
        assert documented is not None, payload
        assert exactly(documented.metadata) == exactly(fastmcp.claims)
        return documented.metadata

    return claims


@given(claims=st.dictionaries(names, values, max_size=8), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
@settings(deadline=None, max_examples=250)
@example(claims={"": None, "a": [{}, [], "", 0, False]}, ascii_only=True, indent=None)
@example(claims={"\0": "\0\x1f\x7f\u2028\U0001f600\ufeff\ufffe", "é": "e\u0301"}, ascii_only=True, indent=None)
@example(claims={str(number): number for number in range(1000)}, ascii_only=True, indent=None)
def test_any_strict_json_becomes_what_pythons_json_module_makes_of_it(verified, claims, ascii_only, indent):
    payload = json.dumps({"aud": "server", **claims}, ensure_ascii=ascii_only, indent=indent).encode()
    assert exactly(verified(payload)) == exactly(json.loads(payload))


@given(st.lists(lexemes, max_size=20))
@settings(deadline=None, max_examples=250)
@example(["-0", "-0.0", "0e0", "1E400", "-1e999", "1e-999", "9007199254740993", "2.2250738585072011e-308"])
@example(["0.1000000000000000055511151231257827", "1.0", "1", "100e-2", "1e5", "123456789012345678901234567890.0"])
@example(["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"])
def test_a_number_becomes_what_pythons_json_module_makes_of_it(verified, written):
    payload = f'{{"aud":"server","numbers":[{",".join(written)}]}}'.encode()
    assert exactly(verified(payload)) == exactly(json.loads(payload))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_claims_are_nested_up_to_the_bound_and_no_deeper(ask, forge, verifier, verified, opening, closing):
    def payload(depth: int) -> bytes:
        inner = depth - 1  # The payload itself is the first object.
        return f'{{"aud":"server","nested":{opening * inner}1{closing * inner}}}'.encode()

    for depth in (2, DEEPEST - 1, DEEPEST):
        assert exactly(verified(payload(depth))) == exactly(json.loads(payload(depth)))
    for depth in (DEEPEST + 1, DEEPEST + 2, 100, 1000):
        assert ask(verifier, forge(payload(depth))) == (None, None), depth


def test_an_integer_has_at_most_the_digits_that_python_reads(ask, forge, verifier, verified):
    most = b'{"aud":"server","n":%s}' % (b"9" * 4300)
    assert exactly(verified(most)) == exactly(json.loads(most))
    more = b'{"aud":"server","n":%s}' % (b"9" * 4301)
    with pytest.raises(ValueError, match="4300"):
        json.loads(more)
    assert ask(verifier, forge(more)) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"aud":"server","a":1,"a":1}',
        b'{"aud":"server","a":{"b":1,"\\u0062":2}}',
        b'\xef\xbb\xbf{"aud":"server"}',
        '{"aud":"server"}'.encode("utf-16"),
        b'{"aud":"server","a":"\\ud800"}',
        b'{"aud":"server","a":"\xff"}',
        b'{"aud":"server","a":"\xed\xa0\x80"}',
        b'{"aud":"server","a":"\n"}',
        b'{"aud":"server","a":NaN}',
        b'{"aud":"server","a":-Infinity}',
        b'{"aud":"server","a":01}',
        b'{"aud":"server","a":1.}',
        b'{"aud":"server","a":1,}',
        b'{"aud":"server"} x',
        b'{"aud":"server"}{}',
        b"{'aud':'server'}",
        b'{"aud":"server" /**/}',
        b'[{"aud":"server"}]',
        b'"server"',
        b"null",
        b"",
    ],
)
def test_what_is_not_one_strict_json_object_is_refused(ask, forge, verifier, payload):
    assert ask(verifier, forge(payload)) == (None, None)
    assert None not in ask(verifier, forge(b' {"aud" : "server"}\r\n\t'))


def test_each_caller_gets_a_dict_of_its_own(ask, forge, verifier):
    token = forge({"aud": "server", "sub": "alice", "scope": "read", "roles": [{"name": "user"}]})
    documented, fastmcp = ask(verifier, token)
    for claims in (documented.metadata, documented.metadata, fastmcp.claims):
        claims["sub"] = "mallory"
        claims["roles"][0]["name"] = "root"
        claims["roles"].append("root")
    documented.scope.append("admin")
    fastmcp.scopes.append("admin")
    again, fastmcp_again = ask(verifier, token)
    for metadata in (documented.metadata, again.metadata, fastmcp_again.claims):
        assert metadata["sub"] == "alice"
        assert metadata["roles"] == [{"name": "user"}]
    assert documented.scope == again.scope == fastmcp_again.scopes == ["read"]


@pytest.mark.parametrize(
    ("claims", "client_id"),
    [
        ({"client_id": "client", "azp": "party", "sub": "alice"}, "client"),
        ({"azp": "party", "sub": "alice"}, "party"),
        ({"sub": "alice"}, "alice"),
        ({}, "unknown"),
        ({"client_id": "", "azp": "party", "sub": "alice"}, "party"),
        ({"client_id": "", "azp": "", "sub": "alice"}, "alice"),
        ({"client_id": "", "azp": "", "sub": ""}, "unknown"),
    ],
)
def test_the_client_is_the_first_of_three_claims_that_is_not_empty(ask, forge, verifier, claims, client_id):
    documented, fastmcp = ask(verifier, forge({"aud": "server", **claims}))
    assert fastmcp.client_id == client_id
    assert fastmcp.subject == documented.user_id == claims.get("sub")


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "read write"}, ["read", "write"]),
        ({"scope": " read  write "}, ["read", "write"]),
        ({"scope": ["read", "write"]}, ["read", "write"]),
        ({"scope": ["read write"]}, ["read write"]),
        ({"scp": "read write"}, ["read", "write"]),
        ({"scp": ["read", "write"]}, ["read", "write"]),
        ({"scope": "read", "scp": "write"}, ["read"]),
        ({"scope": "", "scp": "write"}, []),
        ({"scope": [], "scp": "write"}, []),
        ({"scope": "READ"}, ["READ"]),
        ({"scope": "read\twrite"}, ["read\twrite"]),
        ({}, []),
    ],
)
def test_the_scopes_are_those_of_scope_and_of_scp_only_without_it(ask, forge, verifier, claims, scopes):
    documented, fastmcp = ask(verifier, forge({"aud": "server", **claims}))
    assert documented.scope == fastmcp.scopes == scopes


@pytest.mark.parametrize("ahead", [60, 60.5, 3600, 10**9])
def test_the_expiry_is_whole_seconds_for_fastmcp_and_a_time_in_utc_for_the_documented_token(
    ask, forge, verifier, ahead
):
    exp = int(time.time()) + ahead
    documented, fastmcp = ask(verifier, forge({"aud": "server", "exp": exp}))
    assert type(fastmcp.expires_at) is int
    assert fastmcp.expires_at == int(exp)
    assert documented.expires_at == datetime.fromtimestamp(exp, timezone.utc)
    assert not documented.is_expired()


def test_the_leeway_moves_fastmcps_expires_at_and_not_the_documented_tokens(ask, forge, secret):
    exp = int(time.time()) - 20
    documented, fastmcp = ask(JWTVerifier(secret, audience="server", leeway=60), forge({"aud": "server", "exp": exp}))
    assert fastmcp.expires_at == exp + 60
    assert documented.expires_at == datetime.fromtimestamp(exp, timezone.utc)


def test_without_an_expiry_there_is_none(ask, forge, verifier):
    documented, fastmcp = ask(verifier, forge({"aud": "server"}))
    assert documented.expires_at is None
    assert fastmcp.expires_at is None


@pytest.mark.parametrize(
    ("expected", "aud", "resource"),
    [
        ("https://server.example/mcp", "https://server.example/mcp", "https://server.example/mcp"),
        (["api", "https://server.example"], ["x", "api", "https://server.example"], "https://server.example"),
        ("http://localhost:8000", ["http://localhost:8000"], "http://localhost:8000"),
        ("api", ["api", "https://server.example"], None),
        ("api", "api", None),
        ("urn:server", "urn:server", None),
    ],
)
def test_the_resource_is_an_audience_that_is_a_url_and_expected(ask, forge, secret, expected, aud, resource):
    _, fastmcp = ask(JWTVerifier(secret, audience=expected), forge({"aud": aud}))
    assert fastmcp.resource == resource


def test_without_an_expected_audience_there_is_no_resource(ask, forge, secret):
    with pytest.warns(UserWarning, match="no audience"):
        verifier = JWTVerifier(secret)
    assert ask(verifier, forge({"aud": "https://server.example"}))[1].resource is None


def test_each_access_token_is_of_the_class_that_its_interface_names(ask, forge, verifier):
    claims = {"aud": "server", "sub": "alice", "scope": "read", "role": "admin"}
    token = forge(claims)
    documented, fastmcp = ask(verifier, token)
    assert documented == AccessToken(token, "bearer", None, ["read"], "alice", claims)
    assert type(fastmcp) is FastMCPAccessToken
    assert fastmcp == FastMCPAccessToken(
        token=token, client_id="alice", scopes=["read"], subject="alice", claims=claims
    )
