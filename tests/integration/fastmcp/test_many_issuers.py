"""A server that trusts several issuers, over real HTTP on every line."""

import json
import warnings

import pytest

from fastmcp_rs import _compat
from fastmcp_rs.auth import FROM_RESOURCE, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.errors import MissingAudienceWarning

URL_PARAMETER = _compat.server_url_parameter()


def test_a_server_accepts_tokens_of_two_issuers(issuers, serve, reasons):
    one, two = issuers("PyJWT", "RS256"), issuers("PyJWT", "ES256")
    verifier = JWTVerifier.from_issuers(
        [
            {"issuer": "https://one.example", "public_key": one.public_key, "algorithm": "RS256"},
            {"issuer": "https://two.example", "public_key": two.public_key, "algorithm": "ES256"},
        ],
        audience=one.expected["audience"],
        required_scopes=["read"],
        opaque_token_provider=StaticTokenVerifier({"an-api-key": {"client_id": "robot", "scope": "read"}}),
    )
    with serve(verifier) as server:
        for good in [one.token(iss="https://one.example"), two.token(iss="https://two.example"), "an-api-key"]:
            assert server.post(f"Bearer {good}").status == 200
        for token, status, reason in [
            (one.token(iss="https://three.example"), 401, "issuer_mismatch"),
            (one.token(iss="https://two.example"), 401, "algorithm_not_allowed"),
            (two.token(iss="https://two.example", scope="write"), 403, "insufficient_scope"),
            ("another-key", 401, "unknown_token"),
        ]:
            reply = server.post(f"Bearer {token}")
            assert (reply.status, reasons()[-1]) == (status, reason)
            assert "three.example" not in reply.headers["www-authenticate"]
        verifier.remove_issuer("https://two.example")
        reply = server.post(f"Bearer {two.token(iss='https://two.example')}")
        assert (reply.status, json.loads(reply.body)["error"]) == (401, "invalid_token")


def url_of(server_url):
    """What is configured: 2.12.0 takes the URL of the resource, the later lines that of the server."""
    return {URL_PARAMETER: server_url if URL_PARAMETER == "base_url" else f"{server_url}/mcp"}


def test_the_served_resource_is_the_audience_of_each_issuers_tokens(issuers, serve, reasons):
    pairs = {f"https://{number}.example": issuers("PyJWT", "RS256") for number in ("one", "two", "later")}

    def listed(issuer, **options):
        return {"issuer": issuer, "public_key": pairs[issuer].public_key, "algorithm": "RS256", **options}

    one, two, later = pairs
    made = []

    def of_server(url):
        issuers = [listed(one), listed(two, audience="its-own")]
        made.append(JWTVerifier.from_issuers(issuers, authorization_servers=[one, two], **url_of(url)))
        return made[0]

    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingAudienceWarning)
        with serve(of_server) as server:
            made[0].add_issuer(listed(later))
            for issuer, audience, reason in [
                (one, server.url, None),
                (later, server.url, None),
                (two, "its-own", None),
                (one, "https://other.example/mcp", "audience_mismatch"),
                (later, "its-own", "audience_mismatch"),
                (one, None, "audience_mismatch"),
                (two, server.url, "audience_mismatch"),
            ]:
                reply = server.post(f"Bearer {pairs[issuer].token(iss=issuer, aud=audience)}")
                assert reply.status == (200 if reason is None else 401), (issuer, audience)
                assert reason is None or reasons()[-1] == reason
            path = "/.well-known/oauth-protected-resource/mcp"
            metadata = json.loads(server.request("GET", path).body)
            assert (metadata["resource"], metadata["authorization_servers"]) == (server.url, [one, two])


def test_the_metadata_names_the_issuers_that_name_their_keys():
    template = {
        "issuer": "https://login.example/{tenantid}/v2.0",
        "tenants": "any",
        "metadata_url": "https://login.example/",
    }
    with_keys = {"issuer": "https://keys.example", "jwks_uri": "https://keys.example/jwks"}
    issuers = ["https://one.example", {"issuer": "https://two.example/"}, template, with_keys]
    verifier = JWTVerifier.from_issuers(issuers, **url_of("https://server.example"))
    assert verifier.authorization_servers == ["https://one.example", "https://two.example/"]
    with pytest.warns(MissingAudienceWarning):
        without = JWTVerifier.from_issuers([with_keys], **url_of("https://server.example"))
    assert not hasattr(without, "authorization_servers")


def test_the_metadata_follows_the_issuers_unless_the_operator_named_them(serve):
    one, two, later = (f"https://{number}.example" for number in ("one", "two", "later"))
    with_keys = {"issuer": "https://keys.example", "jwks_uri": "https://keys.example/jwks"}
    for given, named in ((None, [one, later]), ([two], [two])):
        made = []

        def of_server(url, given=given, made=made):
            made.append(JWTVerifier.from_issuers([one, two], authorization_servers=given, **url_of(url)))
            return made[0]

        with serve(of_server) as server:
            verifier = made[0]
            verifier.add_issuer(later)
            verifier.add_issuer(with_keys)
            with pytest.raises(ValueError, match="twice"):
                verifier.add_issuer(one)
            verifier.remove_issuer(two)
            published = json.loads(server.request("GET", "/.well-known/oauth-protected-resource/mcp").body)
            assert published["authorization_servers"] == verifier.authorization_servers == named
            verifier.remove_issuer(one)
            verifier.remove_issuer(later)
            published = json.loads(server.request("GET", "/.well-known/oauth-protected-resource/mcp").body)
            assert published.get("authorization_servers", []) == ([] if given is None else named)


def test_a_verifier_of_a_resource_of_its_own_is_an_error():
    own = JWTVerifier.from_issuer("https://one.example", **url_of("https://server.example"))
    assert own.audience is FROM_RESOURCE
    with pytest.raises(ValueError, match="authorization_servers"):
        JWTVerifier.from_issuers([own])
