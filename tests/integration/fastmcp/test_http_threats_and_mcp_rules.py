"""The threats at the HTTP edge (rows I1 to I5 of SECURITY.md) and the MCP specification's rules for servers.

S9, S11 and S13 bind no verifier: it passes no token on, puts into a challenge what the operator names, and serves no
authorization endpoint.
"""

import asyncio
import json
import re
import time

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server import http as fastmcp_http
from fastmcp.server.auth.auth import RemoteAuthProvider

from fastmcp_rs.auth import JWTVerifier

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
ONE_CHALLENGE = re.compile(r'Bearer( [a-z_]+="[^"\\]*"(, [a-z_]+="[^"\\]*")*)?')


@pytest.fixture(scope="module")
def server(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["read", "write"], **issuer.expected)
    with serve(verifier, header_bytes=2_000_000) as server:
        yield server


def challenge(reply) -> str:
    assert ONE_CHALLENGE.fullmatch(reply.headers["www-authenticate"]), reply.headers["www-authenticate"]
    return reply.headers["www-authenticate"]


def test_i1_cve_2026_47673_another_scheme_is_no_credentials(server, issuer):
    token = issuer.token()
    for authorization in (f"Basic {token}", f"Token {token}", token, f"BearerX {token}", f"Bearer\t{token}"):
        reply = server.post(authorization)
        assert (reply.status, "error=" in challenge(reply)) == (401, False), authorization[:10]
    for scheme in ("bearer", "BEARER", "Bearer"):
        assert server.post(f"{scheme} {token}").status == 200, scheme


def test_i2_several_credentials_are_a_bad_request_and_none_of_them_counts(server, issuer, http_request):
    token = issuer.token()
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    joined = server.post(f"Bearer {token}, Bearer {token}")
    query = server.request("POST", "/mcp?access_token=x", "{}", {**headers, "Authorization": f"Bearer {token}"})
    for reply in (joined, query):
        assert (reply.status, 'error="invalid_request"' in challenge(reply)) == (400, True)
    twice = http_request(server.base_url, "POST", "/mcp", "{}", _Twice({**headers}, f"Bearer {token}"))
    assert twice.status == 400


class _Twice(dict):
    """Headers with two of one name, which a dict cannot have."""

    def __init__(self, headers, authorization):
        super().__init__(headers)
        self._authorization = authorization

    def items(self):
        yield from super().items()
        yield "Authorization", self._authorization
        yield "Authorization", self._authorization


@pytest.mark.parametrize(
    "token",
    [b"a b", b"a\tb", b"\xc3\xa9", b"\xff", b"a" * 1_000_000, b"a.b.c d", b"%00", b"{}", b'"', b"a,b"],
    ids=lambda token: repr(token[:8]),
)
def test_i3_a_token_outside_the_syntax_is_a_4xx_and_never_a_5xx(server, token):
    reply = server.post(b"Bearer " + token)
    assert reply.status in {400, 401}
    challenge(reply)


def test_i4_no_text_of_a_token_reaches_a_header_unquoted(issuer, serve, reasons):
    verifier = JWTVerifier(public_key=issuer.public_key, detailed_errors=True, **issuer.expected)
    with serve(verifier) as server:
        for text in ('"', "\\", "a\r\nSet-Cookie: x=1", "é\U0001f600", "x" * 10_000, '", error="none'):
            reply = server.post(f"Bearer {issuer.token(iss=text)}")
            challenge(reply)
            assert "set-cookie" not in reply.headers
    assert set(reasons()) == {"issuer_mismatch"}


def test_i5_cve_2025_66416_cve_2026_59950_cve_2026_42559_a_bad_origin_is_refused_by_fastmcp_first(
    issuer, serve, line, reasons
):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    if not hasattr(fastmcp_http, "HostOriginGuardMiddleware"):
        assert line < (3, 3), "older lines have no such check"
        return
    with serve(verifier, host_origin_protection=True) as server:
        assert server.post("Bearer garbage", origin="https://evil.example").status == 403
        assert reasons() == []
        assert server.post(f"Bearer {issuer.token()}").status == 200


def test_the_metadata_is_served_and_the_challenge_leads_to_it(issuer, serve, line):
    def around(base_url):
        verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
        url = {"resource_server_url" if line == (2, 12, 0) else "base_url": base_url}
        return RemoteAuthProvider(verifier, ["https://issuer.example"], **url)

    with serve(around) as server:
        url = re.search(r'resource_metadata="([^"]+)"', challenge(server.post(None)))[1]
        metadata = json.loads(server.request("GET", url.removeprefix(server.base_url)).body)
    assert [server.rstrip("/") for server in metadata["authorization_servers"]] == ["https://issuer.example"]


def test_the_challenge_names_every_scope_that_is_needed_at_once(server, issuer, line):
    too_little = challenge(server.post(f"Bearer {issuer.token(scope='read')}"))
    assert 'scope="read write"' in too_little
    # In a 401, as FastMCP has it: from 4.0 on.
    assert ('scope="read write"' in challenge(server.post(None))) == (line >= (4,))


def test_every_request_of_a_session_is_verified(server, issuer):
    good = f"Bearer {issuer.token()}"
    session = server.post(good).headers["mcp-session-id"]
    assert server.post(good, INITIALIZED, session).status == 202
    assert server.post(good, PING, session).status == 200
    for authorization, status in ((None, 401), ("Bearer garbage", 401), (f"Bearer {issuer.token(exp=1)}", 401)):
        assert server.post(authorization, PING, session).status == status, authorization


def test_a_token_for_another_audience_is_refused(server, issuer):
    for audience in ("https://other.example/mcp", ["https://other.example"], None, "https://server.example", ""):
        assert server.status(issuer.token(aud=audience)) == 401, audience


def test_each_kind_of_refusal_has_its_status(server, issuer):
    statuses = [
        server.status(issuer.token(exp=int(time.time()) - 5)),
        server.status("garbage"),
        server.status(issuer.token(scope="read")),
        server.post("Bearer x, Bearer y").status,
    ]
    assert statuses == [401, 401, 403, 400]


def test_a_403_has_error_scope_and_metadata(issuer, serve, line):
    url = {"resource_server_url" if line == (2, 12, 0) else "base_url": "https://server.example"}
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["admin"], **url, **issuer.expected)
    with serve(verifier) as server:
        reply = server.post(f"Bearer {issuer.token()}")
    said = challenge(reply)
    assert reply.status == 403
    assert said.startswith('Bearer error="insufficient_scope", ')
    assert 'scope="admin"' in said
    # From 4.0 on FastMCP names the document only where the provider serves it.
    assert ("resource_metadata=" in said) == (line < (4,))


def test_a_token_in_the_query_is_never_taken(server, issuer):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert server.request("POST", f"/mcp?access_token={issuer.token()}", "{}", headers).status == 401


def test_f6_cve_2026_52869_a_session_is_no_credential_and_stays_with_its_user(server, issuer):
    alice, bob = (f"Bearer {issuer.token(sub=sub)}" for sub in ("alice", "bob"))
    session = server.post(alice).headers["mcp-session-id"]
    assert server.post(alice, INITIALIZED, session).status == 202
    assert server.post(None, PING, session).status == 401
    assert server.post(bob, PING, session).status == 404
    assert server.post(alice, PING, session).status == 200


def test_a_missing_scope_is_403_where_this_project_answers(server, issuer):
    # That it is never a 200 inside MultiAuth, which checks no scopes, is tested beside MultiAuth.
    assert server.status(issuer.token(scope="read")) == 403


@pytest.mark.parametrize(
    ("token_of", "message"),
    [
        (lambda issuer: issuer.token(), None),
        (lambda issuer: issuer.token(exp=1), "401"),
        (lambda issuer: issuer.token(scope="read"), "403"),
        (lambda _: "garbage", "401"),
    ],
    ids=["good", "expired", "too little", "garbage"],
)
def test_fastmcps_own_client_sees_an_error_for_each_refusal_and_none_for_a_good_token(
    server, issuer, token_of, message
):
    async def connects():

        async with Client(StreamableHttpTransport(server.url, auth=token_of(issuer)), timeout=20) as client:
            return await client.call_tool("whoami", {})

    if message is None:
        assert asyncio.run(connects())
    else:
        with pytest.raises(Exception, match=rf"{message}|Unauthorized|Forbidden|error response|Session"):
            asyncio.run(connects())
