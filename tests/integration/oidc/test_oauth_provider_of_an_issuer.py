"""OAuthProvider knows no more than a token URL and a client, and accepts the tokens of a real OpenID Provider."""

import asyncio
import time

import pytest

from fastmcp_rs.auth import OAuthProvider

OPAQUE = "https://opaque.example/"
CLIENTS = [("robot", "what only the robot knows"), ("a:b", "p+ &%")]


@pytest.fixture(scope="session")
def oauth_of(resource):
    """Make a provider of a server's tokens: ``oauth_of(server, audience="a")``."""

    def made(server, client=CLIENTS[0], **options):
        both = [resource, OPAQUE]
        return OAuthProvider(*client, f"{server.issuer}/token", **{"scope": ["read"], "audience": both, **options})

    return made


@pytest.mark.parametrize("audience", [None, OPAQUE], ids=["JWT", "opaque"])
@pytest.mark.parametrize("client", CLIENTS, ids=["plain", "to be encoded"])
def test_tokens_of_the_issuer_are_accepted(client, audience, provider, oauth_of, resource):
    audience = audience or resource
    token = provider.token(audience)
    assert ("." in token) == (audience == resource)
    accepted = asyncio.run(oauth_of(provider, client).verify_token(token))
    assert (accepted.client_id, accepted.scopes) == ("robot", ["read"])
    assert accepted.claims["aud"] == audience
    assert accepted.claims["iss"] == provider.issuer
    assert accepted.expires_at == pytest.approx(time.time() + 600, abs=60)


def test_construction_sends_nothing_and_metadata_and_keys_are_fetched_once(own_provider, oauth_of, judgement):
    provider = oauth_of(own_provider)
    metadata, introspection = "/.well-known/openid-configuration", "/token/introspection"
    paths = (metadata, "/jwks", introspection)
    assert [own_provider.requests(path) for path in paths] == [0, 0, 0]
    signed = own_provider.token()
    assert {judgement(provider, signed) for _ in range(5)} == {"accepted"}
    assert [own_provider.requests(path) for path in paths] == [1, 1, 0]
    opaque = own_provider.token(OPAQUE)
    assert judgement(provider, opaque) == "accepted"
    assert [own_provider.requests(path) for path in paths] == [1, 1, 2], "once for each face, and never remembered"


def test_a_jwt_is_never_sent_to_introspection(own_provider, oauth_of, judgement):
    provider = oauth_of(own_provider)
    header, claims, signature = own_provider.token().split(".")
    for token, reason in (
        (f"{header}.{claims}.{signature[:-4]}AAAA", "invalid_signature"),
        (f"{header}.{claims}.", "invalid_signature"),
        (f"{header}=.{claims}.{signature}", "malformed_token"),
        (f"{header}.!.{signature}", "malformed_token"),
    ):
        assert judgement(provider, token) == reason
    assert own_provider.requests("/token/introspection") == 0


@pytest.mark.parametrize("audience", [None, OPAQUE], ids=["JWT", "opaque"])
def test_a_token_for_another_audience_is_refused(audience, provider, oauth_of, resource, judgement):
    token = provider.token(audience or resource)
    for other in ("https://other.example/", ["https://other.example/", "https://server.example/"]):
        assert judgement(oauth_of(provider, audience=other), token) == "audience_mismatch"


@pytest.mark.parametrize("audience", [None, OPAQUE], ids=["JWT", "opaque"])
def test_a_token_that_lacks_a_scope_is_refused(audience, provider, oauth_of, resource, judgement):
    token = provider.token(audience or resource)
    assert judgement(oauth_of(provider, scope=["read", "write"]), token) == "insufficient_scope"
    assert judgement(oauth_of(provider, scope=None), token) == "accepted"


def test_an_unknown_and_a_revoked_token_are_refused(provider, oauth_of, judgement):
    oauth = oauth_of(provider)
    token = provider.token(OPAQUE)
    assert judgement(oauth, "never-issued") == "inactive_token"
    assert judgement(oauth, token) == "accepted"
    provider.revoke(token)
    assert judgement(oauth, token) == "inactive_token"


def test_a_revoked_token_is_refused_within_the_stated_time_and_at_once_where_it_is_invalidated(
    provider, oauth_of, judgement
):
    invalidating, waiting = oauth_of(provider, cache_ttl_seconds=60), oauth_of(provider, cache_ttl_seconds=1)
    token = provider.token(OPAQUE)
    assert [judgement(oauth, token) for oauth in (invalidating, waiting)] == ["accepted"] * 2
    provider.revoke(token)
    assert judgement(invalidating, token) == "accepted", "that is the stated staleness"
    asyncio.run(invalidating.invalidate(token))
    assert judgement(invalidating, token) == "inactive_token"
    time.sleep(1)
    assert judgement(waiting, token) == "inactive_token"


def test_a_token_that_is_invalidated_in_one_worker_is_refused_in_the_other(provider, oauth_of, judgement):
    from key_value.aio.stores.memory import MemoryStore  # noqa: PLC0415 - not every environment has it

    options = {"cache_ttl_seconds": 60, "cache_store": MemoryStore(), "cache_secret": "a secret of all workers " * 2}
    one, other, third = (oauth_of(provider, cache_local_seconds=0, **options) for _ in range(3))
    token = provider.token(OPAQUE)
    assert [judgement(oauth, token) for oauth in (one, other)] == ["accepted"] * 2
    provider.revoke(token)
    assert judgement(other, token) == "accepted", "that is the stated staleness"
    asyncio.run(one.invalidate(token))
    assert [judgement(oauth, token) for oauth in (one, other, third)] == ["inactive_token"] * 3


@pytest.mark.parametrize("client", [("robot", "wrong"), ("unknown", "what only the robot knows")])
def test_rfc_7662_2_3_wrong_credentials_are_a_misconfiguration_and_no_refusal(client, provider, oauth_of, records):
    oauth = oauth_of(provider, client)
    opaque, signed = provider.token(OPAQUE), provider.token()

    async def asked(token):
        return await oauth.authenticate({"headers": [("authorization", f"Bearer {token}")]})

    assert asyncio.run(asked(opaque)) is None
    (record,) = records()
    assert (record.reason, record.levelname) == ("credentials_refused", "WARNING")
    assert "misconfigured" in record.getMessage()
    assert asyncio.run(asked(signed)), "which takes no credentials"


def test_a_server_that_is_down_is_no_refusal_and_one_that_is_back_serves_again(own_provider, oauth_of, judgement):
    oauth, cold = oauth_of(own_provider), oauth_of(own_provider, issuer=own_provider.issuer)
    signed, opaque = own_provider.token(), own_provider.token(OPAQUE)
    assert [judgement(oauth, token) for token in (signed, opaque)] == ["accepted", "accepted"]
    own_provider.stop()
    assert judgement(oauth, signed) == "accepted", "the keys are at hand"
    assert judgement(oauth, opaque) == "introspection_unavailable"
    assert judgement(cold, signed) == "keys_unavailable"
    assert judgement(cold, opaque) == "introspection_unavailable"
    own_provider.start()
    opaque = own_provider.token(OPAQUE)
    assert judgement(oauth, opaque) == "accepted"


def test_metadata_with_another_token_endpoint_is_refused(provider, oauth_of, judgement):
    class Elsewhere:
        issuer = f"{provider.issuer}/elsewhere"

    assert judgement(oauth_of(Elsewhere), provider.token()) == "keys_unavailable"
    assert judgement(oauth_of(Elsewhere), provider.token(OPAQUE)) == "introspection_unavailable"


def test_a_rotated_key_is_followed(own_provider, oauth_of, judgement):
    oauth = oauth_of(own_provider, jwks_refresh_interval=0)
    assert judgement(oauth, own_provider.token()) == "accepted"
    own_provider.rotate()
    assert judgement(oauth, own_provider.token()) == "accepted"
