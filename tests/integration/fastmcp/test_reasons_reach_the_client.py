"""What the response to each refusal says, over HTTP on every line: RFC 6750 section 3 and the MCP specification."""

import json
import re
import time

import pytest
from fastmcp.server.auth.auth import RemoteAuthProvider, TokenVerifier

from fastmcp_rs.auth import AuthProvider, JWTVerifier

BASE_URL = "https://server.example"
QUOTED = re.compile(r'Bearer( [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*)?')
NOT_ACCEPTED = "The token is not accepted"


def parameters(reply) -> dict[str, str]:
    """Read a challenge, which must be one and well formed (RFC 9110 section 11.6.1)."""
    challenge = reply.headers["www-authenticate"]
    assert QUOTED.fullmatch(challenge), challenge
    pairs = re.findall(r'([a-z_]+)="([^"]*)"', challenge)
    assert len(dict(pairs)) == len(pairs), "each attribute stands once"
    return dict(pairs)


@pytest.fixture(scope="module")
def verifier(issuer):
    return JWTVerifier(public_key=issuer.public_key, required_scopes=["read", "write"], **issuer.expected)


@pytest.fixture(scope="module")
def server(verifier, serve):
    with serve(verifier) as server:
        yield server


@pytest.fixture
def names_scopes(line):
    """FastMCP from 4.0 on names the scopes in each challenge."""
    return {"scope": "read write"} if line >= (4,) else {}


def test_without_credentials_the_challenge_has_no_error(server, names_scopes):
    for authorization in (None, "Basic x", "Token t", "BearerX t", "t"):
        reply = server.post(authorization)
        assert (reply.status, reply.body) == (401, b""), authorization
        assert parameters(reply) == names_scopes


def test_the_challenge_says_that_and_when_a_token_expired(server, issuer, names_scopes):
    at = int(time.time()) - 60
    reply = server.post(f"Bearer {issuer.token(exp=at)}")
    said = parameters(reply)
    described = time.strftime("The token expired at %Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    assert reply.status == 401
    assert said == {"error": "invalid_token", "error_description": described, **names_scopes}
    assert json.loads(reply.body) == {"error": "invalid_token", "error_description": described}


def test_a_missing_scope_is_a_403_with_all_scopes_that_are_needed(server, issuer):
    reply = server.post(f"Bearer {issuer.token(scope='read')}")
    said = parameters(reply)
    assert (reply.status, said["error"], said["scope"]) == (403, "insufficient_scope", "read write")
    assert json.loads(reply.body)["error"] == "insufficient_scope"


def test_credentials_that_are_presented_twice_are_a_bad_request(server, issuer):
    token = issuer.token()
    replies = [
        server.post(f"Bearer {token}, Bearer {token}"),
        server.request("POST", "/mcp?access_token=x", "{}", {"Authorization": f"Bearer {token}"}),
    ]
    for reply in replies:
        assert (reply.status, parameters(reply)["error"]) == (400, "invalid_request")
    only_in_the_query = server.request("POST", f"/mcp?access_token={token}", "{}")
    assert (only_in_the_query.status, "error" in parameters(only_in_the_query)) == (401, False)


def test_a_scheme_with_nothing_behind_it_is_no_credential_and_so_no_error(server):
    for authorization in ("Bearer", "bearer", "Bearer ", "Bearer    "):
        reply = server.post(authorization)
        assert (reply.status, reply.body, "error" in parameters(reply)) == (401, b"", False), authorization


def test_reasons_found_without_a_key_are_in_the_challenge(server):
    for token, description in (
        ("garbage", "The token is not of the form that tokens have here"),
        ("eyJhbGciOiJub25lIn0.e30.", "The token's algorithm is not supported"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.e30", "The token's algorithm is not accepted here"),
    ):
        reply = server.post(f"Bearer {token}")
        assert (reply.status, parameters(reply)["error_description"]) == (401, description)


def test_other_reasons_do_not_reveal_whether_a_signature_is_valid(server, issuer, issuers, reasons):
    forged = issuers("PyJWT", "RS256").token()
    answers = set()
    for token in (
        forged,
        issuer.token(iss="https://evil.example"),
        issuer.token(aud="https://other.example"),
        issuer.token(nbf=int(time.time()) + 600),
        issuer.token(exp="tomorrow"),
        issuer.token(cnf={"jkt": "x"}),
    ):
        reply = server.post(f"Bearer {token}")
        answers.add((reply.status, reply.headers["www-authenticate"], reply.body))
    assert len(set(reasons())) == 6, "the log tells them apart"
    assert len(answers) == 1
    (answer,) = answers
    assert NOT_ACCEPTED in answer[1]


def test_with_detailed_errors_the_client_gets_all_that_the_log_has(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, detailed_errors=True, **issuer.expected)
    with serve(verifier) as server:
        reply = server.post(f"Bearer {issuer.token(aud='https://other.example')}")
        said = parameters(reply)["error_description"]
        assert said == (
            "The audience is not the expected one (got 'https://other.example', expected 'https://server.example/mcp')"
        )
        assert json.loads(reply.body) == {
            "error": "invalid_token",
            "error_description": said,
            "reason": "audience_mismatch",
        }
        assert server.post(None).body == b""


HOSTILE = ['"', "\\", "a\r\nX-Injected: 1", "\0\x1b[31m", "é\U0001f600", "x" * 10_000, '", error="none']


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_whatever_a_token_holds_the_challenge_is_well_formed(issuer, serve, text):
    verifier = JWTVerifier(public_key=issuer.public_key, detailed_errors=True, **issuer.expected)
    with serve(verifier) as server:
        for claim in ("iss", "aud"):
            reply = server.post(f"Bearer {issuer.token(**{claim: text})}")
            said = parameters(reply)
            assert said["error"] == "invalid_token"
            assert "x-injected" not in reply.headers
            assert len(reply.headers["www-authenticate"]) < 600


def test_scopes_and_resource_metadata_are_named_as_fastmcps_own_verifiers_do(issuer, serve, line):
    class Theirs(TokenVerifier):
        async def verify_token(self, _token):
            return None

    url = {"resource_server_url" if line == (2, 12, 0) else "base_url": BASE_URL}
    ours = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **url, **issuer.expected)
    named = []
    for provider in (ours, Theirs(required_scopes=["read"], **url)):
        with serve(provider) as server:
            challenges = [parameters(server.post(authorization)) for authorization in (None, "Bearer x.y.z")]
        named.append([{name: one.get(name) for name in ("scope", "resource_metadata")} for one in challenges])
    assert named[0] == named[1]
    assert (named[0][0]["resource_metadata"] is None) == (line >= (4,)), "what the lines do is itself tested"


def test_inside_fastmcps_remote_auth_provider_the_reason_reaches_the_log(issuer, serve, reasons, line):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    url = {"resource_server_url" if line == (2, 12, 0) else "base_url": BASE_URL}
    provider = RemoteAuthProvider(verifier, ["https://issuer.example"], **url)
    with serve(provider) as server:
        assert server.status(issuer.token(aud="https://other.example")) == 401
    assert reasons() == ["audience_mismatch"]


def test_a_provider_that_refuses_without_a_reason_gives_denied(serve, reasons):
    class Closed(AuthProvider):
        async def authenticate(self, _request):
            return None

    with serve(Closed()) as server:
        reply = server.post("Bearer x")
        assert (reply.status, parameters(reply)["error_description"]) == (401, NOT_ACCEPTED)
        assert server.post(None).status == 401
    assert set(reasons()) == {"denied"}


def test_of_several_verifiers_the_refusal_of_the_latest_check_is_reported(issuer, issuers, serve):
    class Either(AuthProvider):
        """Asks one verifier after another."""

        def __init__(self, *verifiers):
            self.verifiers = verifiers

        async def verify_token(self, token):
            for verifier in self.verifiers:
                answer = await verifier.verify_token(token)
                if answer is not None:
                    return answer
            return None

    other = issuers("PyJWT", "RS256")
    either = Either(*(JWTVerifier(public_key=one.public_key, **one.expected) for one in (issuer, other)))
    with serve(either) as server:
        for one in (issuer, other):
            assert server.status(one.token()) == 200
            reply = server.post(f"Bearer {one.token(exp=1)}")
            assert parameters(reply)["error_description"] == "The token expired at 1970-01-01T00:00:01Z"
