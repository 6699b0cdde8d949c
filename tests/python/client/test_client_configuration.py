"""What clients can be configured with, and what is shown of it."""

import asyncio
import copy
import logging
import pickle
import traceback

import pytest

from fastmcp_rs.client.auth import BearerAuth, OAuth
from fastmcp_rs.errors import OAuthError, TokenUnavailableError

SECRET = "what only/the robot knows"
SPELLINGS = (SECRET, "what+only%2Fthe+robot+knows", "cm9ib3Q6d2hhdCtvbmx5JTJGdGhlK3JvYm90K2tub3dz", "token-")


@pytest.mark.parametrize(
    "token", ["", " ", "a b", "Bearer a", "a\n", "a\r\nX: y", "é", "a,b", "=", "a=b", '"a"', b"a", None, 1]
)
def test_a_bearer_token_has_the_syntax_of_rfc_6750(token):
    with pytest.raises(ValueError, match=r"^token "):
        BearerAuth(token)


@pytest.mark.parametrize("token", ["a", "a.b.c", "AZaz09-._~+/==", "x" * 100_000])
def test_a_good_bearer_token_is_accepted(token):
    assert BearerAuth(token)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": " "}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"client_id": "a\n"}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_secret": "secret\n"}, "client_secret"),
        ({"client_secret": b"secret"}, "client_secret"),
        ({"token_url": ""}, "token_url"),
        ({"token_url": None}, "token_url"),
        ({"token_url": "/token"}, "token_url"),
        ({"token_url": "http://issuer.example/token"}, "allow_http=True"),
        ({"token_url": "ftp://issuer.example/token"}, "token_url"),
        ({"token_url": "https://robot:secret@issuer.example/token"}, "token_url"),
        ({"token_url": "https://issuer.example/token#x"}, "token_url"),
        ({"scope": ["a b"]}, "scope"),
        ({"scope": [""]}, "scope"),
        ({"scope": [1]}, "scope"),
        ({"scope": 1}, "scope"),
        ({"audience": ""}, "audience"),
        ({"audience": ["a"]}, "audience"),
        ({"resource": "mcp"}, "resource"),
        ({"resource": "https://server.example/mcp#x"}, "resource"),
        ({"server_url": "mcp"}, "server_url"),
        ({"token_endpoint_auth_method": "basic"}, "client_secret_basic, client_secret_post"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "needs a private_key_file"),
        ({"token_endpoint_auth_method": 1}, "token_endpoint_auth_method"),
        ({"client_secret": None}, "client_secret is missing"),
    ],
)
def test_a_configuration_that_cannot_work_is_an_error_that_names_it(changes, named):
    good = {"client_id": "robot", "client_secret": SECRET, "token_url": "https://issuer.example/token"}
    assert OAuth(**good)
    with pytest.raises(ValueError, match=named) as caught:
        OAuth(**{**good, **changes})
    assert "secret" not in str(caught.value).replace("client_secret", "")


def test_http_urls_are_allowed_on_loopback_and_by_allow_http():
    for url in ("http://127.0.0.1:1/token", "http://localhost/token", "http://[::1]/token"):
        assert OAuth("robot", SECRET, url)
    assert OAuth("robot", SECRET, "http://issuer.example/token", allow_http=True)


def test_the_documented_arguments_come_in_the_documented_order():
    assert OAuth("robot", SECRET, "https://issuer.example/token", ["mcp:access"], "mcp-server")
    assert OAuth("robot", SECRET, "https://issuer.example/token", scope="mcp:access read")


def test_copies_share_the_token_and_pickling_is_refused(issuer, token):
    oauth = OAuth("robot", SECRET, f"{issuer.url}/token")
    assert {token(one) for one in (oauth, copy.copy(oauth), copy.deepcopy([oauth])[0])} == {"token-1"}
    for auth in (oauth, BearerAuth("token-1")):
        assert copy.copy(auth) is auth
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(auth)


def shown(error):
    """Everything that a report of this error may hold, local variables included."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    # The frames of the test hold what the test knows.
    report.stack[:] = [frame for frame in report.stack if "fastmcp_rs" in frame.filename]
    assert len(report.stack) >= 2
    return "".join([*report.format(), repr(error), repr(vars(error)), repr(error.args)])


def test_no_secret_and_no_token_is_shown(new_server, caplog, send):
    caplog.set_level(logging.DEBUG)
    echoes = {"error": "invalid_client", "error_description": " or ".join(SPELLINGS[:3])}
    server = new_server(lambda _: (401, echoes))
    oauth = OAuth("robot", SECRET, f"{server.url}/token")
    texts = [repr(oauth), repr(vars(oauth)), repr(BearerAuth("token-1")), repr(vars(BearerAuth("token-1")))]
    with pytest.raises(OAuthError) as caught:
        send(oauth, ("GET", server.url))
    assert caught.value.error_description == "[redacted] or [redacted] or [redacted]"
    texts.append(shown(caught.value))
    server.answer = lambda _: (200, {"access_token": "token-1", "token_type": "Bearer"})
    send(oauth, ("GET", server.url))

    def fails(request):
        return (503, b"") if request.path == "/token" else (401, b"")

    server.answer = fails
    with pytest.raises(TokenUnavailableError) as caught:
        send(oauth, ("GET", server.url))
    texts += [shown(caught.value), repr(vars(oauth)), caplog.text]
    for spelling in SPELLINGS:
        assert all(spelling not in text for text in texts), spelling
    assert "robot" in texts[0]


def test_errors_survive_a_pickle():
    error = TokenUnavailableError("no token", "temporarily_unavailable", "later", 503)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert type(again) is TokenUnavailableError
    assert (str(again), again.error, again.error_description, again.status) == (
        "no token",
        "temporarily_unavailable",
        "later",
        503,
    )


def test_one_object_works_in_one_event_loop_after_another(issuer, oauth_of):
    oauth = oauth_of(issuer)
    assert [asyncio.run(oauth.get_token()) for _ in range(3)] == ["token-1"] * 3
    assert len(issuer.requests) == 1
