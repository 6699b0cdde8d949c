"""OAuthProvider finds the server behind a token URL, and trusts no other one."""

import asyncio
import base64
import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import OAuthProvider
from fastmcp_rs.errors import MissingAudienceWarning

OPAQUE = "an-opaque-token"
SECRET = "p+ &é%"
AUDIENCE = "https://server.example/mcp"
KEY_FILE = Path(__file__).parents[2] / "vectors" / "keys" / "p256.private.pem"
WELL_KNOWN = "/.well-known/openid-configuration"


class Server:
    """An authorization server whose every document a test may change."""

    def __init__(self, endpoint, reply, pair, path=""):
        self.endpoint, self.reply, self.pair = endpoint, reply, pair
        self.issuer = f"{endpoint.base}{path}"
        self.token_url = f"{self.issuer}/token"
        self.metadata = {
            "issuer": self.issuer,
            "token_endpoint": self.token_url,
            "jwks_uri": f"{endpoint.base}/jwks",
            "introspection_endpoint": f"{endpoint.base}/introspect",
        }
        self.answer = {"active": True, "sub": "alice", "aud": AUDIENCE, "scope": "read"}
        self.route("/jwks", {"keys": [pair.jwk("a")]})
        self.publish(f"{path}{WELL_KNOWN}")
        self.introspect()

    def route(self, path, document, status=200, **headers):
        self.endpoint.routes[path] = self.reply(status, json.dumps(document), **headers)

    def publish(self, path=WELL_KNOWN, **changes):
        metadata = {**self.metadata, **changes}
        self.route(path, {name: value for name, value in metadata.items() if value is not None})

    def introspect(self, **changes):
        self.route("/introspect", {**self.answer, **changes})

    def token(self, **options):
        return self.pair.create_token(**{"issuer": self.issuer, "audience": AUDIENCE, "kid": "a", **options})

    def provider(self, **options):
        options = {"audience": AUDIENCE, "scope": None, **options}
        return OAuthProvider("a:b", SECRET, options.pop("token_url", self.token_url), **options)

    def asked(self, path="/introspect"):
        return [request for request in self.endpoint.requests if request.target == path]


@pytest.fixture
def server(new_endpoint, reply, pair):
    return Server(new_endpoint(), reply, pair)


def judged(judgement, server, provider):
    return judgement(provider, server.token()), judgement(provider, OPAQUE)


async def accepts(provider, token):
    try:
        return await provider.verify_token(token) is not None
    except Exception as error:
        unavailable = _compat.unavailable_error()
        if unavailable is None or not isinstance(error, unavailable):
            raise
        return False


BOTH_ACCEPTED = ("accepted", "accepted")
OUT_OF_REACH = ("keys_unavailable", "introspection_unavailable")


@pytest.mark.parametrize("path", ["", "/realms/x", "/a/b/c"])
@pytest.mark.parametrize("token_path", ["/token", "/protocol/openid-connect/token", "/oauth/token/", "/token?tenant=x"])
def test_the_metadata_is_found_below_a_prefix_of_the_token_url(path, token_path, new_endpoint, reply, pair, judgement):
    server = Server(new_endpoint(), reply, pair, path)
    server.token_url = f"{server.issuer}{token_path}"
    server.publish(f"{path}{WELL_KNOWN}", token_endpoint=server.token_url)
    assert judged(judgement, server, server.provider()) == BOTH_ACCEPTED


@pytest.mark.parametrize(
    "well_known",
    [
        "/.well-known/oauth-authorization-server/realms/x",
        "/.well-known/openid-configuration/realms/x",
        "/realms/x/.well-known/oauth-authorization-server",
        "/realms/x/.well-known/openid-configuration",
    ],
)
def test_8414_3_1_metadata_is_found_in_each_form_that_servers_have(well_known, new_endpoint, reply, pair, judgement):
    server = Server(new_endpoint(), reply, pair, "/realms/x")
    del server.endpoint.routes[f"/realms/x{WELL_KNOWN}"]
    server.publish(well_known)
    assert judged(judgement, server, server.provider()) == BOTH_ACCEPTED


def test_an_issuer_with_a_slash_at_its_end_is_found_and_is_the_one_in_tokens(server, judgement):
    server.issuer += "/"
    server.publish(issuer=server.issuer)
    server.introspect(iss=server.issuer)
    provider = server.provider()
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    assert judgement(provider, server.token(issuer=server.issuer[:-1])) == "issuer_mismatch"


@pytest.mark.parametrize("other", ["token", "token/", "other", "token?x=y"])
def test_a_document_with_another_token_endpoint_is_another_servers(other, server, judgement):
    server.publish(token_endpoint=f"{server.issuer}/{other}x")
    assert judged(judgement, server, server.provider()) == OUT_OF_REACH
    server.publish(token_endpoint=None)
    assert judged(judgement, server, server.provider()) == OUT_OF_REACH
    assert server.asked() == server.asked("/jwks") == []


@pytest.mark.parametrize("issuer", ["https://issuer.example", "http://127.0.0.1", "", None, 1])
def test_8414_3_3_a_document_of_another_issuer_does_not_count(issuer, server, judgement):
    server.publish(issuer=issuer)
    assert judged(judgement, server, server.provider()) == OUT_OF_REACH
    assert server.asked() == server.asked("/jwks") == []


@pytest.mark.parametrize(
    "page", [(200, "<html>"), (302, ""), (200, '{"issuer":"https://x.example"}'), (500, "")], ids=lambda page: page[0]
)
def test_a_server_that_answers_at_every_url_hides_no_metadata(page, new_endpoint, reply, pair, judgement):
    server = Server(new_endpoint(), reply, pair, "/realms/x")
    server.token_url = f"{server.issuer}/a/b/token"
    server.publish(f"/realms/x{WELL_KNOWN}", token_endpoint=server.token_url)
    server.endpoint.answer = reply(*page, location="/login")
    assert judged(judgement, server, server.provider()) == BOTH_ACCEPTED


def test_i6_cve_2026_104850_metadata_sends_the_secret_to_no_other_host(server, new_endpoint, judgement, key_log):
    elsewhere = new_endpoint()
    elsewhere.answer = server.endpoint.routes["/introspect"]
    server.publish(introspection_endpoint=f"{elsewhere.base}/introspect")
    assert judged(judgement, server, server.provider()) == ("accepted", "introspection_unavailable")
    assert elsewhere.connections == 0
    (message,) = key_log(1)
    assert '"introspection_endpoint" is on another host' in message

    named = server.provider(introspection_url=f"{elsewhere.base}/introspect")
    assert judged(judgement, server, named) == BOTH_ACCEPTED
    assert elsewhere.requests


@pytest.mark.parametrize("named", ["https://honest.example", "http://127.0.0.1:1", "http://127.0.0.1:1/token"])
def test_i8_cve_2025_27370_cve_2025_27371_metadata_chooses_no_other_audience_for_an_assertion(named, server, judgement):
    server.publish(issuer=named)
    asking = OAuthProvider("robot", None, server.token_url, audience=AUDIENCE, private_key_file=KEY_FILE)
    assert judgement(asking, OPAQUE) == "introspection_unavailable"
    assert server.asked() == []


def test_an_assertion_is_for_the_issuer_that_belongs_to_the_token_url(server, judgement):
    asking = OAuthProvider("robot", None, server.token_url, audience=AUDIENCE, private_key_file=KEY_FILE)
    assert judgement(asking, OPAQUE) == "accepted"
    assertion = parse_qs(server.asked()[-1].body.decode())["client_assertion"][0]
    claims = assertion.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"] == server.issuer


def test_new_metadata_counts_though_the_keys_are_the_same(server, judgement, other):
    server.route("/jwks", {"keys": [server.pair.jwk("a")]}, etag='"same"')
    provider = server.provider(jwks_refresh_interval=0)
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    server.publish(introspection_endpoint=f"{server.endpoint.base}/moved")
    server.endpoint.routes["/moved"] = server.endpoint.routes.pop("/introspect")
    assert judgement(provider, other.create_token(kid="never published")) == "unknown_key"
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    assert server.asked("/moved")
    assert not [request for request in server.asked("/jwks") if "if-none-match" in request.headers]


def test_a_server_without_keys_issues_opaque_tokens_alone(server, judgement):
    server.publish(jwks_uri=None)
    assert judged(judgement, server, server.provider()) == ("unknown_key", "accepted")


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"keys": []}, 200, "it is empty"),
        ({"keys": [{"kty": "RSA", "kid": "a"}]}, 200, 'the member "n" is missing'),
        ({"error": "x"}, 404, "status 404"),
    ],
)
def test_unreachable_keys_do_not_affect_opaque_tokens(document, status, message, server, judgement):
    server.route("/jwks", document, status)
    provider = server.provider()
    assert judged(judgement, server, provider) == ("keys_unavailable", "accepted")
    assert message in provider.stats()["keys"]["last_error"]


def test_known_keys_stay_when_a_fetched_set_is_empty(server, judgement):
    provider = server.provider(jwks_refresh_interval=0)
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    server.route("/jwks", {"keys": []})
    judgement(provider, server.token(kid="made-up"))
    assert judged(judgement, server, provider) == BOTH_ACCEPTED


def test_a_server_without_introspection_issues_jwts_alone(server, judgement, records):
    server.publish(introspection_endpoint=None)
    assert judged(judgement, server, server.provider()) == ("accepted", "malformed_token")
    message = records()[-1]
    assert message.levelname == "WARNING"
    assert "introspection_url" in message.getMessage()


def test_the_introspection_endpoint_alone_is_asked_about_every_token(server, judgement):
    provider = server.provider(token_url=None, introspection_url=f"{server.endpoint.base}/introspect")
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    # Both entry points, for a JWT and for an opaque token.
    assert [request.target for request in server.endpoint.requests] == ["/introspect"] * 4
    assert provider.stats()["keys"] == {}
    server.introspect(active=False)
    assert judged(judgement, server, provider) == ("inactive_token", "inactive_token")


@pytest.mark.parametrize("where", [{"jwks_uri": "/jwks"}, {"issuer": ""}])
def test_with_keys_and_introspection_endpoint_jwts_are_verified_by_the_keys(where, server, judgement):
    options = {name: f"{server.endpoint.base}{path}" for name, path in where.items()}
    introspection_url = f"{server.endpoint.base}/introspect"
    provider = server.provider(token_url=None, introspection_url=introspection_url, **options)
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    assert len(server.asked()) == 2


def test_token_url_or_introspection_url_is_needed():
    with pytest.raises(ValueError, match=r"token_url is missing: .*introspection_url"):
        OAuthProvider("a", "b", audience="c")


def test_8725_3_8_a_token_that_names_another_issuer_is_refused(server, judgement):
    provider = server.provider()
    for other in ("https://other.example", f"{server.issuer}/", server.issuer.upper(), ""):
        assert judgement(provider, server.token(issuer=other)) == "issuer_mismatch"
        server.introspect(iss=other)
        assert judgement(provider, OPAQUE) == "issuer_mismatch"
    server.introspect(iss=server.issuer)
    assert judgement(provider, OPAQUE) == "accepted"


def test_rfc_6749_2_3_1_the_credentials_are_form_encoded_before_base64(server, judgement):
    assert judgement(server.provider(), OPAQUE) == "accepted"
    request = server.asked()[-1]
    scheme, _, credentials = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials) == b"a%3Ab:p%2B+%26%C3%A9%25"
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "token": [OPAQUE],
        "token_type_hint": ["access_token"],
    }


def test_client_secret_post_is_used_where_the_metadata_says_so(server, judgement):
    server.publish(introspection_endpoint_auth_methods_supported=["client_secret_post"])
    assert judgement(server.provider(), OPAQUE) == "accepted"
    request = server.asked()[-1]
    assert "authorization" not in request.headers
    form = {"token": [OPAQUE], "token_type_hint": ["access_token"], "client_id": ["a:b"], "client_secret": [SECRET]}
    assert parse_qs(request.body.decode(), strict_parsing=True) == form


def test_configured_urls_take_the_place_of_discovery(server, judgement):
    del server.endpoint.routes[WELL_KNOWN]
    jwks, introspect = f"{server.endpoint.base}/jwks", f"{server.endpoint.base}/introspect"
    assert judged(judgement, server, server.provider(issuer=server.issuer, jwks_uri=jwks)) == (
        "accepted",
        "introspection_unavailable",
    )
    assert judged(judgement, server, server.provider(introspection_url=introspect)) == ("keys_unavailable", "accepted")
    everything = {"issuer": server.issuer, "jwks_uri": jwks, "introspection_url": introspect}
    before = len(server.endpoint.requests)
    provider = server.provider(**everything)
    assert judged(judgement, server, provider) == BOTH_ACCEPTED
    asked = [request.target for request in server.endpoint.requests[before:]]
    assert set(asked) <= {"/jwks", "/introspect"}
    assert judgement(provider, server.token(issuer="https://other.example")) == "issuer_mismatch"
    server.introspect(iss="https://other.example")
    assert judgement(provider, OPAQUE) == "issuer_mismatch"


def test_a_jwks_uri_alone_still_learns_the_issuer(server, new_endpoint, judgement, other, reply):
    keys = new_endpoint()
    keys.answer = reply(200, json.dumps({"keys": [other.jwk("b")]}))
    provider = server.provider(jwks_uri=keys.url)
    theirs = other.create_token(issuer=server.issuer, audience=AUDIENCE, kid="b")
    assert judgement(provider, theirs) == "accepted"
    assert judgement(provider, other.create_token(issuer="https://x.example", audience=AUDIENCE, kid="b")) == (
        "issuer_mismatch"
    )
    assert judgement(provider, server.token()) == "unknown_key"
    assert server.asked("/jwks") == []


def test_a_configured_issuer_is_looked_up_at_its_own_urls_only(
    server, new_endpoint, reply, pair, judgement, eventually
):
    other = Server(new_endpoint(), reply, pair)
    provider = server.provider(issuer=other.issuer)
    assert judged(judgement, server, provider) == OUT_OF_REACH, "it has another token endpoint"
    assert server.endpoint.connections == 0
    other.publish(token_endpoint=server.token_url, introspection_endpoint=f"{server.endpoint.base}/introspect")
    server.issuer = other.issuer
    # The metadata can come between the two questions of one judgement, so wait by single questions.
    eventually(lambda: all(asyncio.run(accepts(provider, token)) for token in (server.token(), OPAQUE)))
    assert judged(judgement, server, provider) == BOTH_ACCEPTED


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/introspect", ("accepted", "introspection_unavailable")),
        ("/jwks", ("keys_unavailable", "accepted")),
        (WELL_KNOWN, OUT_OF_REACH),
    ],
)
def test_no_redirect_is_followed(path, expected, status, server, new_endpoint, reply, judgement):
    target = new_endpoint()
    target.answer = server.endpoint.routes[path]
    server.endpoint.routes[path] = reply(status, location=target.url)
    assert judged(judgement, server, server.provider()) == expected
    assert target.connections == 0


def test_a_missing_audience_causes_a_warning():
    with pytest.warns(MissingAudienceWarning):
        OAuthProvider("id", "secret", "https://a.example/token")
