"""Of the tokens that real servers give a client, the access token alone is accepted."""

import asyncio
import base64
from functools import partial

import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider

pytestmark = pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")


def made(token_url, secret="hush-hush", **options):
    return OAuthProvider("robot", secret, token_url, **{"audience": None, **options})


def of_oidc_provider(provider, **options):
    return made(f"{provider.issuer}/token", "what only the robot knows", **options)


@pytest.fixture(scope="module")
def of_canaille(canaille):
    return canaille, canaille.user_tokens()


@pytest.fixture(scope="module")
def of_django(django_oauth_toolkit):
    return django_oauth_toolkit, django_oauth_toolkit.user_tokens()


def test_canaille_finds_a_refresh_token_without_a_token_type_hint(of_canaille, judgement):
    server, tokens = of_canaille
    for audience in (None, "robot"):
        oauth = made(server.token_url, audience=audience)
        # It signs ID tokens as it signs access tokens, for the same audience and without a type.
        said = {kind: judgement(oauth, token) for kind, token in tokens.items()}
        assert said == {"access": "accepted", "refresh": "inactive_token", "id": "id_token"}
    assert judgement(made(server.token_url, allow_id_tokens=True), tokens["id"]) == "accepted"


def test_django_oauth_toolkit_names_no_type_and_introspects_access_tokens_only(of_django, judgement):
    server, tokens = of_django
    # Its metadata does not name the endpoint.
    endpoint = {"introspection_url": f"{server.issuer}/introspect/"}
    oauth = made(server.token_url, **endpoint)
    said = {kind: judgement(oauth, token) for kind, token in tokens.items()}
    assert said == {"access": "accepted", "refresh": "inactive_token", "id": "id_token"}
    assert judgement(made(server.token_url, **endpoint, require_token_type=True), tokens["access"]) == "untyped_token"


@pytest.fixture(scope="module", params=[("glewlwyd", "openid"), ("lemonldap_ng", "https://server.example/mcp")])
def of_debian(request):
    """A server, the tokens of its client, and an audience of its access tokens."""
    name, audience = request.param
    server = request.getfixturevalue(name)
    return server, server.user_tokens(), audience


def test_of_a_debian_servers_tokens_only_the_access_token_is_accepted(of_debian, judgement):
    server, tokens, audience = of_debian
    # Of the three, the refresh token alone is no JWT.
    by_keys = {"access": "accepted", "refresh": "malformed_token", "id": "id_token"}
    by_both = {**by_keys, "refresh": "inactive_token"}
    for options in ({"audience": None}, {"audience": audience}):
        oauth = OAuthProvider("app", "hush-hush", server.token_url, **options)
        assert {kind: judgement(oauth, token) for kind, token in tokens.items()} == by_both, options
        verifier = JWTVerifier.from_issuer(server.issuer, **options)
        assert {kind: judgement(verifier, token) for kind, token in tokens.items()} == by_keys, options
    for other in (
        OAuthProvider("app", "hush-hush", server.token_url, audience="https://other.example"),
        JWTVerifier.from_issuer(server.issuer, audience="https://other.example"),
    ):
        assert judgement(other, tokens["access"]) == "audience_mismatch"


def test_a_debian_server_introspects_only_the_access_token_as_active(of_debian, judgement):
    server, tokens, _ = of_debian
    basic = base64.b64encode(b"app:hush-hush").decode()
    asking = RemoteAuthProvider(
        server.token_url.removesuffix("token") + "introspect",
        {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"},
        audience=None,
    )
    said = {kind: judgement(asking, token) for kind, token in tokens.items()}
    assert said == {"access": "accepted", "refresh": "inactive_token", "id": "inactive_token"}


def test_oidc_provider_names_the_type_of_access_tokens_only(provider, judgement):
    tokens = provider.user_tokens()
    oauth = of_oidc_provider(provider)
    assert judgement(oauth, tokens["access"]) == "accepted"
    assert judgement(oauth, tokens["refresh"]) == "untyped_token"
    assert judgement(of_oidc_provider(provider, require_token_type=False), tokens["refresh"]) == "accepted"


@pytest.mark.parametrize("options", [{"require_token_type": True}, {"audience": "https://opaque.example/"}])
def test_oidc_provider_refresh_token_is_refused_from_the_first_on(options, provider, judgement):
    oauth = of_oidc_provider(provider, **options)
    assert judgement(oauth, provider.user_tokens()["refresh"]) in {"untyped_token", "audience_mismatch"}


def test_an_id_token_of_oidc_provider_has_no_typ(provider, judgement, resource):
    """It has neither a hash nor a type, so the audience refuses it, or what is demanded of access tokens."""
    token = provider.user_tokens()["id"]
    assert judgement(of_oidc_provider(provider), token) == "accepted"
    assert judgement(of_oidc_provider(provider, audience=resource), token) == "audience_mismatch"
    assert judgement(of_oidc_provider(provider, allow_id_tokens=False), token) == "id_token"
    assert judgement(of_oidc_provider(provider, typ="at+jwt"), token) == "wrong_type"
    for options in ({"allow_id_tokens": False}, {"typ": "at+jwt"}):
        assert asyncio.run(of_oidc_provider(provider, **options).verify_token(provider.token())), options


WRONG_AUDIENCE = "https://other.example"


def behind_both(server, by_keys, by_server, token, judgement):
    """Hold an access token against both kinds of provider, knowing no more of the server than its issuer."""
    for audience, said in ((None, "accepted"), (WRONG_AUDIENCE, "audience_mismatch")):
        assert judgement(by_server(audience=audience), token) == said
        assert judgement(JWTVerifier.from_issuer(server.issuer, audience=audience), token) == by_keys(said)
        # An issuer of opaque tokens is in one verifier with issuers of JWTs.
        both = JWTVerifier.from_issuers(
            [server.issuer], audience=audience, opaque_token_provider=by_server(audience=audience)
        )
        assert judgement(both, token) == said


def test_an_access_token_of_canaille_is_accepted_behind_both(of_canaille, judgement):
    server, tokens = of_canaille
    behind_both(server, lambda said: said, partial(made, server.token_url), tokens["access"], judgement)


def test_an_access_token_of_django_oauth_toolkit_needs_introspection(of_django, judgement, records):
    server, tokens = of_django
    # Its answers have no audience, so another one than any is never met.
    by_server = partial(made, server.token_url, introspection_url=f"{server.issuer}/introspect/")
    behind_both(server, lambda _: "malformed_token", by_server, tokens["access"], judgement)
    refused = [record for record in records() if record.reason == "malformed_token"]
    assert {record.levelname for record in refused} == {"WARNING"}
    assert "OAuthProvider" in refused[0].getMessage()


def test_an_access_token_of_a_server_of_debian_is_accepted_behind_both(of_debian, judgement):
    server, tokens, _ = of_debian
    by_server = partial(OAuthProvider, "app", "hush-hush", server.token_url)
    behind_both(server, lambda said: said, by_server, tokens["access"], judgement)


@pytest.mark.parametrize("is_jwt", [True, False], ids=["JWT", "opaque"])
def test_an_access_token_of_oidc_provider_is_accepted_behind_both(is_jwt, provider, resource, judgement):
    token = provider.token(resource if is_jwt else "https://opaque.example/")
    by_server = partial(of_oidc_provider, provider)
    behind_both(provider, lambda said: said if is_jwt else "malformed_token", by_server, token, judgement)
