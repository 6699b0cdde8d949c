"""Both entry points give the same token: one derived from an override loses nothing and keeps its changes."""

import asyncio
from datetime import datetime, timezone

import pytest

from fastmcp_rs.auth import AccessToken, JWTVerifier, StaticTokenVerifier

AUDIENCE = "https://server.example"


class Authenticate:
    async def authenticate(self, request):
        return await super().authenticate(request)


class VerifyToken:
    async def verify_token(self, token):
        return await super().verify_token(token)


class LoadAccessToken:
    async def load_access_token(self, token):
        return await super().load_access_token(token)


OVERRIDES = [
    (Authenticate,),
    (VerifyToken,),
    (LoadAccessToken,),
    (Authenticate, VerifyToken),
    (VerifyToken, LoadAccessToken),
    (Authenticate, VerifyToken, LoadAccessToken),
]
each_override = pytest.mark.parametrize(
    "overrides", OVERRIDES, ids=lambda overrides: "+".join(mixin.__name__ for mixin in overrides)
)


def overriding(base, overrides) -> type:
    """A class for each override, one deriving from the other."""
    for mixin in overrides:
        base = type(mixin.__name__, (mixin, base), {})
    return base


@each_override
@pytest.mark.parametrize("leeway", [None, 60])
def test_an_override_that_accepts_a_token_leaves_the_answers_as_they_are(ask_each, forge, secret, overrides, leeway):
    """With a fraction, a leeway and a resource, which a bridge to the other entry point could lose."""
    claims = {"exp": 4_000_000_000.5, "scope": "read write", "sub": "alice", "azp": "client", "n": [1.0, 1, True]}
    token = forge({"aud": ["x", AUDIENCE], **claims})
    plain = ask_each(JWTVerifier(secret, audience=AUDIENCE, leeway=leeway), token)
    answers = ask_each(overriding(JWTVerifier, overrides)(secret, audience=AUDIENCE, leeway=leeway), token)
    assert answers == plain
    assert repr(answers) == repr(plain)
    assert repr(answers["authenticate"].metadata) == repr(plain["authenticate"].metadata)
    assert answers["verify_token"].resource == AUDIENCE


@each_override
@pytest.mark.parametrize("metadata", [{"user_id": "alice"}, {"client_id": "c"}, {"sub": "s", "client_id": "c"}, {}])
def test_an_override_that_accepts_a_static_token_leaves_the_answers_as_they_are(ask_each, overrides, metadata):
    tokens = {"t": {"scope": ["read"], "expires_at": 4_000_000_000.5, **metadata}}
    plain = ask_each(StaticTokenVerifier(tokens, "api_key"), "t")
    assert ask_each(overriding(StaticTokenVerifier, overrides)(tokens, "api_key"), "t") == plain
    assert plain["authenticate"].token_type == "api_key"


@each_override
def test_with_overrides_each_caller_gets_objects_of_its_own(ask_each, forge, secret, overrides):
    verifier = overriding(JWTVerifier, overrides)(secret, audience=AUDIENCE)
    token = forge({"aud": AUDIENCE, "deep": {"role": "user"}, "scope": "read"})
    for _ in range(2):
        answers = ask_each(verifier, token)
        documented = answers.pop("authenticate")
        assert documented.metadata["deep"] == {"role": "user"}
        assert documented.scope == ["read"]
        for fastmcp in answers.values():
            assert fastmcp.claims["deep"] == {"role": "user"}
            fastmcp.claims["deep"]["role"] = "root"
            fastmcp.scopes.append("admin")


def copied(answer):
    return answer.model_copy(update={"scopes": ["read"], "subject": "bob", "expires_at": 4_000_000_000})


def changed_in_place(answer):
    answer.scopes.remove("write")
    answer.subject = "bob"
    answer.expires_at = 4_000_000_000
    return answer


def made_anew(answer):
    fields = {"client_id": "c", "scopes": ["read"], "subject": "bob", "expires_at": 4_000_000_000, "claims": {"a": 1}}
    return type(answer)(token=answer.token, **fields)


@pytest.mark.parametrize("change", [copied, changed_in_place, made_anew])
@pytest.mark.parametrize("overridden", ["verify_token", "load_access_token"])
def test_an_override_of_verify_token_decides_for_authenticate(ask_each, forge, secret, overridden, change):
    async def override(self, token):
        return change(await getattr(super(changing, self), overridden)(token))

    changing = type("Changing", (JWTVerifier,), {overridden: override})
    token = forge({"aud": AUDIENCE, "sub": "alice", "scope": "read write", "exp": 4_100_000_000})
    answers = ask_each(changing(secret, audience=AUDIENCE), token)
    documented = answers.pop("authenticate")
    assert (documented.user_id, documented.scope) == ("bob", ["read"])
    assert documented.expires_at == datetime.fromtimestamp(4_000_000_000, timezone.utc)
    for fastmcp in answers.values():
        assert (fastmcp.subject, fastmcp.scopes, fastmcp.expires_at) == ("bob", ["read"], 4_000_000_000)
        assert fastmcp.claims == documented.metadata


@pytest.mark.parametrize(("expires_at", "year"), [(10**30, 9999), (2**60, 9999), (-(10**30), 1)])
def test_an_exp_beyond_datetimes_range_becomes_the_nearest_datetime(ask, forge, secret, expires_at, year):
    class Endless(JWTVerifier):
        async def verify_token(self, token):
            return (await super().verify_token(token)).model_copy(update={"expires_at": expires_at})

    documented, fastmcp = ask(Endless(secret, audience=AUDIENCE), forge({"aud": AUDIENCE}))
    assert (documented.expires_at.year, documented.expires_at.tzinfo) == (year, timezone.utc)
    assert fastmcp.expires_at == expires_at


def test_a_claim_that_an_override_removes_is_missing_from_every_answer(ask_each, forge, secret):
    class Redacts(JWTVerifier):
        async def verify_token(self, token):
            answer = await super().verify_token(token)
            del answer.claims["deep"]["secret"]
            return answer

    verifier = Redacts(secret, audience=AUDIENCE)
    answers = ask_each(verifier, forge({"aud": AUDIENCE, "deep": {"secret": 1, "other": 2}}))
    assert answers.pop("authenticate").metadata["deep"] == {"other": 2}
    for fastmcp in answers.values():
        assert fastmcp.claims["deep"] == {"other": 2}


def test_an_override_of_authenticate_decides_for_verify_token(ask_each, forge, secret):
    expires_at = datetime(2099, 1, 1, tzinfo=timezone.utc)

    class Changes(JWTVerifier):
        async def authenticate(self, request):
            answer = await super().authenticate(request)
            return AccessToken(answer.token, "api_key", expires_at, ["read"], "bob", {"client_id": "c", "role": "user"})

    token = forge({"aud": AUDIENCE, "sub": "alice", "scope": "read write"})
    answers = ask_each(Changes(secret, audience=AUDIENCE), token)
    assert answers.pop("authenticate").user_id == "bob"
    for fastmcp in answers.values():
        assert (fastmcp.subject, fastmcp.client_id, fastmcp.scopes) == ("bob", "c", ["read"])
        assert fastmcp.expires_at == int(expires_at.timestamp())
        assert fastmcp.claims == {"client_id": "c", "role": "user"}


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_an_override_of_authenticate_finds_the_header_in_any_case(forge, secret, name):
    """As it does in the requests of Starlette, which such an override is written for."""

    class ReadsTheHeader(JWTVerifier):
        async def authenticate(self, request):
            assert name in request.headers
            assert "x-other" not in request.headers
            assert request.headers.get("x-other") is None
            assert request.headers[name] == request.headers.get(name) == f"Bearer {token}"
            return await super().authenticate(request)

    token = forge({"aud": AUDIENCE})
    assert asyncio.run(ReadsTheHeader(secret, audience=AUDIENCE).verify_token(token)) is not None
