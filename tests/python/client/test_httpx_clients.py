"""Requests of bare httpx and httpx2 clients, in an event loop and without one."""

import logging

import httpx
import httpx2
import pytest

from fastmcp_rs.client.auth import BearerAuth, OAuth

LIBRARIES = (httpx, httpx2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_both_libraries_accept_the_classes_as_auth(library, oauth_of, issuer):
    for auth in (BearerAuth("t"), oauth_of(issuer)):
        assert isinstance(auth, library.Auth)


def test_a_bearer_token_is_in_every_request(send, protected):
    answers = send(BearerAuth("token-1"), *[("GET", f"{protected.url}/{number}") for number in range(3)])
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [request.bearer for request in protected.requests] == ["token-1"] * 3


def test_a_bearer_token_that_is_refused_is_sent_once(send, protected):
    (answer,) = send(BearerAuth("other"), ("GET", protected.url))
    assert answer.status_code == 401
    assert len(protected.requests) == 1


def test_a_token_is_in_every_request_and_asked_for_once(send, protected, issuer, oauth_of):
    answers = send(oauth_of(issuer), *[("POST", f"{protected.url}/mcp", ("content", b"x"))] * 3)
    assert [answer.json() for answer in answers] == [{"hello": "token-1"}] * 3
    assert len(issuer.requests) == 1


def test_a_401_refreshes_once_and_the_request_is_sent_again_once(send, protected, issuer, oauth_of):
    protected.accepted = {"token-2"}
    (answer,) = send(oauth_of(issuer), ("POST", f"{protected.url}/mcp", ("content", b"the body")))
    assert answer.json() == {"hello": "token-2"}
    assert [(request.bearer, request.body) for request in protected.requests] == [
        ("token-1", b"the body"),
        ("token-2", b"the body"),
    ]
    assert len(issuer.requests) == 2


def test_a_second_401_is_the_answer(send, protected, issuer, oauth_of):
    protected.accepted = set()
    (answer,) = send(oauth_of(issuer), ("GET", protected.url))
    assert answer.status_code == 401
    assert (len(protected.requests), len(issuer.requests)) == (2, 2)


def test_a_403_that_asks_for_more_scope_is_the_answer(send, new_server, issuer, oauth_of):
    challenge = {"www-authenticate": 'Bearer error="insufficient_scope", scope="read write"'}
    server = new_server(lambda _: (403, {}, challenge))
    (answer,) = send(oauth_of(issuer, scope=["read"]), ("GET", server.url))
    assert answer.status_code == 403
    assert (len(server.requests), len(issuer.requests)) == (1, 1)
    assert issuer.requests[0].form["scope"] == "read"


def test_no_token_is_sent_to_another_origin(send, protected, issuer, oauth_of, new_server, caplog):
    other = new_server(lambda _: (200, {}))
    oauth = oauth_of(issuer)
    with caplog.at_level(logging.WARNING, logger="fastmcp_rs.client"):
        send(oauth, ("GET", f"{protected.url}/mcp"), ("GET", f"{other.url}/mcp"), ("GET", f"{protected.url}/mcp"))
    assert ["authorization" in request.headers for request in other.requests] == [False]
    assert [request.bearer for request in protected.requests] == ["token-1"] * 2
    assert len(caplog.records) == 1
    assert "token-1" not in caplog.text


@pytest.mark.parametrize("given", ["resource", "server_url"])
def test_with_server_url_no_other_server_gets_a_token(given, send, protected, issuer, oauth_of, new_server):
    other = new_server(lambda _: (200, {}))
    oauth = oauth_of(issuer, **{given: f"{protected.url}/mcp"})
    send(oauth, ("GET", other.url), ("GET", protected.url))
    assert ["authorization" in request.headers for request in other.requests] == [False]
    assert [request.bearer for request in protected.requests] == ["token-1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_sends_no_token(status, send, new_server, issuer, oauth_of):
    other = new_server(lambda _: (401, {}))
    server = new_server(lambda _: (status, {}, {"location": f"{other.url}/mcp"}))
    for auth in (oauth_of(issuer), BearerAuth("token-1")):
        (answer,) = send(auth, ("GET", server.url), follow_redirects=True)
        assert answer.status_code == 401
        assert [request.bearer for request in server.requests] == ["token-1"]
        server.requests.clear()
    assert [request.headers.get("authorization") for request in other.requests] == [None, None]
    assert len(issuer.requests) == 1, "who has not seen the token has not refused it"


def test_i7_cve_2026_63127_the_servers_challenge_names_no_other_issuer(send, protected, issuer, oauth_of, new_server):
    evil = new_server(lambda _: (200, {"access_token": "evil", "token_type": "Bearer"}))
    challenge = {
        "www-authenticate": f'Bearer resource_metadata="{evil.url}/meta", authorization_uri="{evil.url}/token"'
    }
    protected.answer = lambda _: (401, {}, challenge)
    (answer,) = send(oauth_of(issuer), ("GET", protected.url))
    assert answer.status_code == 401
    assert evil.requests == []
    assert {request.basic[1] for request in issuer.requests} == {"what only the robot knows"}
    assert all("Basic" not in request.headers["authorization"] for request in protected.requests)


def test_two_clients_of_two_issuers_share_nothing(send, protected, issuer, new_server):
    other = new_server(lambda _: (200, {"access_token": "of-other", "token_type": "Bearer"}))
    protected.accepted = {"token-1", "of-other"}
    for at, secret, expected in [(issuer, "s1", "token-1"), (other, "s2", "of-other")]:
        (answer,) = send(OAuth("robot", secret, f"{at.url}/token"), ("GET", protected.url))
        assert answer.json() == {"hello": expected}
        assert [request.basic for request in at.requests] == [["robot", secret]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_streamed_body_is_not_sent_again_and_the_next_request_has_a_new_token(library, protected, issuer, oauth_of):
    protected.accepted = {"token-2"}
    with library.Client(auth=oauth_of(issuer)) as client:
        answer = client.post(protected.url, content=iter([b"a", b"b"]), headers={"content-length": "2"})
        assert answer.status_code == 401
        assert len(protected.requests) == 1
        assert client.get(protected.url).json() == {"hello": "token-2"}
    assert len(issuer.requests) == 2


def test_the_resource_is_the_server_of_the_first_request(send, protected, issuer, oauth_of):
    send(oauth_of(issuer), ("GET", f"{protected.url.upper().replace('HTTP', 'http')}/mcp/?session=1"))
    assert issuer.requests[0].form["resource"] == f"{protected.url}/mcp"


def test_a_configured_resource_is_requested(send, protected, issuer, oauth_of):
    oauth = oauth_of(issuer, resource="HTTPS://Public.Example/mcp/", server_url=protected.url)
    (answer,) = send(oauth, ("GET", f"{protected.url}/mcp"))
    assert answer.status_code == 200
    assert issuer.requests[0].form["resource"] == "https://public.example/mcp"
