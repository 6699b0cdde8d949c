"""``OAuth(..., dpop=True)``: proofs that another library verifies, nonces of both servers, and no downgrade."""

import base64
import hashlib
import json
import time
import urllib.parse

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from fastmcp_rs.errors import OAuthError


def opened(proof: str) -> tuple[dict, dict]:
    """Header and claims of a proof, whose signature joserfc checks under the key in it."""
    header = json.loads(base64.urlsafe_b64decode(proof.partition(".")[0] + "=="))
    assert header.keys() == {"typ", "alg", "jwk"}
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}, "the public key alone"
    found = jws.deserialize_compact(proof, ECKey.import_key(header["jwk"]), algorithms=["ES256"])
    return header, json.loads(found.payload)


def proof_of(request) -> dict:
    return opened(request.headers["dpop"])[1]


@pytest.fixture
def binding(new_server):
    """A token endpoint that issues bound tokens, after it has given its ``nonce`` where it has one."""

    def answer(request):
        claims = proof_of(request)
        assert (claims["htm"], claims["htu"]) == ("POST", f"{server.url}/token")
        if server.nonce and claims.get("nonce") != server.nonce:
            return 400, {"error": "use_dpop_nonce"}, {"DPoP-Nonce": server.nonce}
        return 200, {"access_token": f"token-{len(server.requests)}", "token_type": server.token_type}

    server = new_server(answer)
    server.nonce, server.token_type = None, "DPoP"
    return server


@pytest.fixture
def resource(new_server):
    """A server that accepts any bound token with a proof that has its ``nonce``, where it has one."""

    def answer(request):
        claims = proof_of(request)
        scheme, _, token = request.headers["authorization"].partition(" ")
        assert scheme == "DPoP"
        digest = hashlib.sha256(token.encode()).digest()
        assert claims["ath"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert (claims["htm"], claims["htu"]) == (request.method, server.url + urllib.parse.urlsplit(request.path).path)
        assert abs(claims["iat"] - time.time()) < 5
        assert claims["jti"] not in server.seen
        server.seen.add(claims["jti"])
        if server.nonce and claims.get("nonce") != server.nonce:
            challenge = 'Bearer, DPoP error="use_dpop_nonce", algs="ES256"'
            return 401, {}, {"WWW-Authenticate": challenge, "DPoP-Nonce": server.nonce}
        if server.accepts(token):
            server.nonce = server.next_nonce or server.nonce
            return 200, {"hello": token}, {"DPoP-Nonce": server.nonce} if server.nonce else {}
        return 401, {}, {"WWW-Authenticate": 'DPoP error="invalid_token"'}

    server = new_server(answer)
    server.seen, server.nonce, server.next_nonce, server.accepts = set(), None, None, lambda _: True
    return server


def test_each_request_has_a_proof_of_its_own_by_one_key(send, resource, binding, oauth_of):
    requests = [("POST", f"{resource.url}/mcp?a=b", ("content", b"x")), ("GET", f"{resource.url}/mcp")]
    answers = send(oauth_of(binding, dpop=True), *requests)
    assert [answer.json() for answer in answers] == [{"hello": "token-1"}] * 2
    keys = {json.dumps(opened(it.headers["dpop"])[0]["jwk"]) for it in [*binding.requests, *resource.requests]}
    assert len(keys) == 1
    assert "ath" not in proof_of(binding.requests[0])


def test_two_objects_have_two_keys(send, resource, binding, oauth_of):
    for _ in range(2):
        send(oauth_of(binding, dpop=True), ("GET", resource.url + "/"))
    assert len({json.dumps(opened(request.headers["dpop"])[0]["jwk"]) for request in resource.requests}) == 2


def test_the_nonces_of_both_servers_are_followed_and_kept_apart(send, resource, binding, oauth_of):
    binding.nonce, resource.nonce, resource.next_nonce = "of-the-issuer", "first", "second"
    oauth = oauth_of(binding, dpop=True)
    answers = send(oauth, *[("POST", f"{resource.url}/mcp", ("content", b"the body"))] * 3)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [proof_of(request).get("nonce") for request in binding.requests] == [None, "of-the-issuer"]
    nonces = [proof_of(request).get("nonce") for request in resource.requests]
    assert nonces == [None, "first", "second", "second"]
    assert {request.body for request in resource.requests} == {b"the body"}


def test_a_server_that_demands_a_new_nonce_each_time_ends_in_its_401(send, new_server, binding, oauth_of):
    def answer(_):
        nonce = f"nonce-{len(server.requests)}"
        return 401, {}, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": nonce}

    server = new_server(answer)
    (reply,) = send(oauth_of(binding, dpop=True), ("GET", server.url + "/"))
    assert reply.status_code == 401
    # Once for the nonce, and once with a new token.
    assert (len(server.requests), len(binding.requests)) == (3, 2)


def test_an_issuer_that_demands_a_new_nonce_each_time_is_an_error(new_server, oauth_of, token):
    def answer(_):
        return 400, {"error": "use_dpop_nonce"}, {"DPoP-Nonce": f"nonce-{len(server.requests)}"}

    server = new_server(answer)
    with pytest.raises(OAuthError, match="use_dpop_nonce"):
        token(oauth_of(server, dpop=True))
    assert len(server.requests) == 2


def test_a_bearer_token_is_discarded(send, resource, binding, oauth_of):
    binding.token_type = "Bearer"
    with pytest.raises(OAuthError, match="token_type is not DPoP"):
        send(oauth_of(binding, dpop=True), ("GET", resource.url + "/"))
    assert resource.requests == []


def test_a_bound_token_that_was_not_asked_for_is_discarded_too(send, resource, new_server, oauth_of):
    issuer = new_server(lambda _: (200, {"access_token": "t", "token_type": "DPoP"}))
    with pytest.raises(OAuthError, match="token_type is not Bearer"):
        send(oauth_of(issuer), ("GET", resource.url + "/"))
    assert resource.requests == []


def test_a_refused_token_is_replaced_once(send, resource, binding, oauth_of):
    resource.accepts = lambda token: token == "token-2"
    (answer,) = send(oauth_of(binding, dpop=True), ("POST", f"{resource.url}/mcp", ("content", b"x")))
    assert answer.json() == {"hello": "token-2"}
    assert len(resource.requests) == 2


def test_a_redirected_request_has_a_proof_for_its_target(send, new_server, binding, oauth_of):
    def answer(request):
        if request.path == "/mcp/":
            return 307, {}, {"Location": "/mcp"}
        if proof_of(request)["htu"] == f"{server.url}/mcp":
            return 200, {"body": request.body.decode()}
        return 401, {}, {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'}

    server = new_server(answer)
    request = ("POST", f"{server.url}/mcp/", ("content", b"the body"))
    (reply,) = send(oauth_of(binding, dpop=True), request, follow_redirects=True)
    assert reply.json() == {"body": "the body"}


def test_another_origin_gets_neither_token_nor_proof(send, resource, binding, oauth_of, new_server):
    other = new_server(lambda _: (200, {}, {"DPoP-Nonce": "of-another"}))
    send(oauth_of(binding, dpop=True), ("GET", f"{resource.url}/"), ("GET", other.url), ("GET", f"{resource.url}/"))
    assert [request.headers.get("dpop") for request in other.requests] == [None]
    assert [proof_of(request).get("nonce") for request in resource.requests] == [None, None]
