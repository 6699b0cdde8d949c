"""Requests of the client credentials grant as a token endpoint sees them, and what its responses lead to."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ports import refusing_port

from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError, TokenUnavailableError

GOOD = {"access_token": "t", "token_type": "bearer", "expires_in": 600}


def test_the_request_is_that_of_rfc_6749_4_4_2(issuer, oauth_of, token):
    oauth = oauth_of(issuer, scope=["mcp:access", "read"], audience="mcp-server", resource="https://server.example/mcp")
    assert token(oauth) == "token-1"
    (request,) = issuer.requests
    assert (request.method, request.path) == ("POST", "/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert request.form == {
        "grant_type": "client_credentials",
        "scope": "mcp:access read",
        "audience": "mcp-server",
        "resource": "https://server.example/mcp",
    }
    assert request.basic == ["robot", "what only the robot knows"]


def test_parameters_that_are_not_configured_are_not_sent(issuer, oauth_of, token):
    token(oauth_of(issuer))
    assert issuer.requests[0].form == {"grant_type": "client_credentials"}


def test_the_configured_authentication_method_is_used(issuer, token):
    # RFC 6749 section 2.3.1: both parts are form-encoded.
    token(OAuth("a:b", "p+ &é%", f"{issuer.url}/token"))
    assert issuer.requests[0].basic == ["a:b", "p+ &é%"]
    assert set(issuer.requests[0].form) == {"grant_type"}
    token(OAuth("a:b", "p+ &é%", f"{issuer.url}/token", token_endpoint_auth_method="client_secret_post"))
    assert "authorization" not in issuer.requests[1].headers
    assert issuer.requests[1].form == {
        "grant_type": "client_credentials",
        "client_id": "a:b",
        "client_secret": "p+ &é%",
    }


def test_a_refused_method_is_not_replaced_by_another(new_server, oauth_of, token):
    server = new_server(lambda _: (401, {"error": "invalid_client"}))
    with pytest.raises(OAuthError):
        token(oauth_of(server))
    assert len(server.requests) == 1


def test_many_callers_in_many_loops_and_threads_cause_one_request(new_server, oauth_of):
    callers = 64
    waiting = threading.Barrier(8 + 1)

    def answer(_):
        waiting.wait(30)
        return 200, GOOD

    server = new_server(answer)
    oauth = oauth_of(server)

    async def eight():
        tokens = [asyncio.ensure_future(oauth.get_token()) for _ in range(callers // 8)]
        await asyncio.sleep(0)
        waiting.wait(30)
        return await asyncio.gather(*tokens)

    with ThreadPoolExecutor(8) as pool:
        tokens = [token for tokens in pool.map(asyncio.run, [eight() for _ in range(8)]) for token in tokens]
    assert tokens == ["t"] * callers
    assert len(server.requests) == 1


def test_a_caller_that_times_out_cancels_no_request(new_server, oauth_of):
    goes_on = threading.Event()

    def answer(_):
        goes_on.wait(30)
        return 200, GOOD

    server = new_server(answer)
    oauth = oauth_of(server)

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(oauth.get_token(), 0.05)

    asyncio.run(gives_up())
    goes_on.set()
    assert asyncio.run(oauth.get_token()) == "t"
    assert len(server.requests) == 1


def test_a_token_is_kept_and_one_that_expires_at_once_is_not(issuer, oauth_of, token):
    oauth = oauth_of(issuer)
    assert [token(oauth), token(oauth)] == ["token-1"] * 2
    issuer.more = {"expires_in": 0}
    oauth = oauth_of(issuer)
    assert [token(oauth), token(oauth)] == ["token-2", "token-3"]


@pytest.mark.parametrize("expires_in", [None, 3600, 1.5, "3600", 10**30])
def test_rfc_6749_5_1_a_valid_expires_in_is_used(expires_in, issuer, oauth_of, token):
    issuer.more = {"expires_in": expires_in}
    oauth = oauth_of(issuer)
    assert [token(oauth), token(oauth)] == ["token-1"] * 2


@pytest.mark.parametrize("expires_in", [-1, "soon", "-1", "", True, [60], {}])
def test_rfc_6749_5_1_an_invalid_expires_in_is_ignored(expires_in, issuer, oauth_of, token):
    issuer.more = {"expires_in": expires_in}
    with pytest.raises(OAuthError, match="expires_in"):
        token(oauth_of(issuer))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"token_type": "mac"}, "token_type"),
        ({"token_type": None}, "token_type"),
        ({"access_token": None}, "access_token"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": "a b"}, "access_token"),
    ],
)
def test_rfc_6749_5_1_a_response_without_a_bearer_token_is_an_error(more, named, issuer, oauth_of, token):
    issuer.more = more
    with pytest.raises(OAuthError, match=named) as caught:
        token(oauth_of(issuer))
    assert not isinstance(caught.value, TokenUnavailableError)
    assert (caught.value.error, caught.value.status) == (None, 200)


@pytest.mark.parametrize("body", [b"", b"access_token=t&token_type=bearer", b"[]", b"<html>", b'{"a":' * 1000])
def test_rfc_6749_5_1_a_response_that_is_no_json_object_is_an_error(body, new_server, oauth_of, token):
    with pytest.raises(OAuthError, match="not a JSON object"):
        token(oauth_of(new_server(lambda _: (200, body))))


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    ("status", "error"), [(400, "invalid_scope"), (400, "unauthorized_client"), (401, "invalid_client")]
)
def test_rfc_6749_5_2_a_refusal_raises_its_code_and_description(status, error, blocking, new_server, oauth_of, token):
    server = new_server(lambda _: (status, {"error": error, "error_description": "Ask\nthe \x1b[31madministrator"}))
    oauth = oauth_of(server)
    with pytest.raises(OAuthError) as caught:
        next(oauth.sync_auth_flow(_Request(server.url))) if blocking else token(oauth)
    raised = caught.value
    assert type(raised) is OAuthError
    assert (raised.error, raised.error_description, raised.status) == (error, "Ask the  [31madministrator", status)
    assert (
        str(raised) == f"the token endpoint refused the request: {error} (Ask the  [31madministrator), status {status}"
    )


class _Request:
    """As much of a request as an authentication looks at."""

    def __init__(self, url):
        self.url, self.headers = url, {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_h4_cve_2026_64684_a_redirect_is_a_failure_and_its_target_sees_nothing(status, new_server, oauth_of, token):
    target = new_server(lambda _: (200, GOOD))
    server = new_server(lambda _: (status, GOOD, {"location": f"{target.url}/token"}))
    with pytest.raises(OAuthError, match="redirect") as caught:
        token(oauth_of(server))
    assert caught.value.status == status
    assert not isinstance(caught.value, TokenUnavailableError)
    assert target.requests == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_error_is_unavailable_and_the_next_call_asks_again(status, new_server, oauth_of, token):
    server = new_server(lambda _: (status, b"oh no"))
    oauth = oauth_of(server)
    with pytest.raises(TokenUnavailableError) as caught:
        token(oauth)
    assert (caught.value.error, caught.value.status) == (None, status)
    server.answer = lambda _: (200, GOOD)
    assert token(oauth) == "t"


def test_a_server_that_is_down_is_unavailable(token):
    with refusing_port() as port:
        for scheme in ("http", "https"):
            with pytest.raises(TokenUnavailableError, match="no connection") as caught:
                token(OAuth("robot", "secret", f"{scheme}://127.0.0.1:{port}/token"))
            assert (caught.value.error, caught.value.error_description, caught.value.status) == (None, None, None)


def test_a_server_without_tls_is_sent_nothing_over_https(new_server, token):
    server = new_server(lambda _: (200, GOOD))
    with pytest.raises(TokenUnavailableError):
        token(OAuth("robot", "secret", f"{server.url.replace('http', 'https')}/token"))
    assert server.requests == []


def test_an_endless_response_is_not_read(new_server, oauth_of, token):
    with pytest.raises(OAuthError, match="larger than is read"):
        token(oauth_of(new_server(lambda _: (200, b" " * 1_000_000))))


FORKS = """
import asyncio, os, sys
from fastmcp_rs.client.auth import OAuth

oauth = OAuth("robot", "secret", sys.argv[1])
print(asyncio.run(oauth.get_token()), flush=True)
child = os.fork()
if child == 0:
    print(asyncio.run(oauth.get_token()), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(asyncio.run(oauth.get_token()))
"""


def test_a_forked_child_gets_its_own_token(issuer):
    # Python 3.12 warns of forks where there are threads: the tests show that they are safe here.
    command = [sys.executable, "-W", "ignore", "-c", FORKS, f"{issuer.url}/token"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert finished.stdout.split() == ["token-1", "token-2", "token-1"]
    assert len(issuer.requests) == 2


def test_an_object_whose_construction_failed_has_a_repr():
    seen = []

    class Seen(OAuth):
        def __init__(self, *arguments):
            seen.append(self)
            super().__init__(*arguments)

    with pytest.raises(ValueError, match="client_id must be a str"):
        Seen(1, 2, 3)
    assert repr(seen[0]) == "OAuth(not constructed)"
