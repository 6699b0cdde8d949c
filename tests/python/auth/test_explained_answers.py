"""``explain`` of the providers that ask a server about tokens: each check of what it answers, and what would help."""

import asyncio
import json

import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, introspecting_provider
from fastmcp_rs.errors import KeysUnavailableError
from fastmcp_rs.testing import KeyPair

TOKEN = "an-opaque-token-of-a-user"
SALESFORCE = "00D5e000000xyz!AQcAQ.0123456789_abc"


def explained(provider, token=TOKEN):
    return asyncio.run(provider.explain(token))


def results(explanation):
    return {check.name: check.result for check in explanation.checks}


@pytest.fixture
def provider(service, asker):
    return asker.make(service.url, audience="server", scope=["read"])


@pytest.fixture
def answer(service, reply, yes):
    """Have the service answer with these changes; ``...`` takes a member away."""

    def answers(**changes):
        members = {"aud": "server", **changes}
        service.answer = reply(
            200, json.dumps({name: members.get(name, value) for name, value in yes.items()} | members)
        )

    return answers


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({}, None, None),
        ({"active": False}, "inactive_token", "get a new one"),
        ({"aud": "server/"}, "audience_mismatch", "the slash at the end"),
        ({"exp": 1}, "expired", "get a new one"),
        ({"exp": "1"}, "malformed_claims", None),
        ({"scope": "write"}, "insufficient_scope", "have the client ask for it"),
    ],
)
def test_an_explanation_says_what_the_provider_says(changes, code, message, provider, answer, judgement, records):
    if isinstance(provider, RemoteAuthProvider):
        provider.required_scopes = ["read"]
    answer(**changes)
    before, counted = len(records()), provider.stats()["rejected"]
    explanation = explained(provider)
    assert (len(records()), provider.stats()["rejected"]) == (before, counted), "an explanation is no request"
    assert explanation.code == code
    assert judgement(provider, TOKEN) == (code or "accepted")
    assert message is None or message in explanation.fix
    failed = [check.code for check in explanation.checks if check.result == "failed"]
    assert failed[:1] == ([code] if code else [])
    assert json.loads(json.dumps(explanation.to_dict()))["checks"][0]["name"] == "size"
    if code is None:
        assert explanation.signature_verified
        assert explanation.claims["sub"] == "alice"
        assert results(explanation)["client"] == "unchecked"


def test_an_explanation_without_a_response_says_why(service, reply, provider):
    service.answer = reply(500)
    explanation = explained(provider)
    assert (explanation.outcome, results(explanation)["introspection"]) == ("unavailable", "unavailable")
    assert "500" in explanation.fix
    assert results(explanation)["audience"] == "not_reached"


def test_what_is_no_bearer_token_is_sent_nowhere(service, provider):
    explanation = explained(provider, "Bearer x")
    assert (explanation.code, results(explanation)["syntax"]) == ("malformed_token", "failed")
    assert "give the token behind it alone" in explanation.fix
    assert explained(provider, "x" * 70_000).code == "token_too_large"
    assert explained(provider, None).code == "malformed_token"
    assert service.requests == []


def test_secrets_that_the_service_repeats_are_in_no_explanation(answer, provider):
    answer(aud=TOKEN, sub="secret", nested=[{"of": TOKEN}])
    explanation = explained(provider)
    assert explanation.code == "audience_mismatch"
    assert TOKEN not in str(explanation) + json.dumps(explanation.to_dict())


def test_jwts_of_an_authorization_server_are_explained_by_its_keys(new_endpoint, reply):
    pair, server = KeyPair.generate("ES256"), new_endpoint()
    server.publish({"k": pair})
    url = server.base
    provider = OAuthProvider("id", "hush-hush", introspection_url=f"{url}/ask", jwks_uri=server.url, audience="server")
    assert provider.keys()["keys"] == []
    asyncio.run(provider.warm_up())
    assert [key["kid"] for key in provider.keys()["keys"]] == ["k"]
    good = pair.create_token("alice", audience="server", kid="k")
    assert (explained(provider, good).outcome, explained(provider, good).signature_verified) == ("accepted", True)
    refused = explained(provider, pair.create_token("alice", audience="x", kid="k"))
    assert (refused.code, results(refused)["signature"]) == ("audience_mismatch", "passed")
    server.answer = reply(404)
    out_of_reach = OAuthProvider(
        "id", "hush-hush", introspection_url=f"{url}/ask", jwks_uri=f"{url}/no", audience="server"
    )
    with pytest.raises(KeysUnavailableError, match="404"):
        asyncio.run(out_of_reach.warm_up())
    assert "404" in explained(out_of_reach, good).fix


def test_a_service_has_no_keys_to_fetch(service):
    provider = RemoteAuthProvider(service.url, audience="server")
    asyncio.run(provider.warm_up())
    assert (provider.keys(), service.requests) == ({}, [])


def test_a_server_that_cannot_be_asked_is_named(new_endpoint, reply):
    server = new_endpoint()
    url = server.base
    metadata = {"issuer": url, "token_endpoint": f"{url}/token", "jwks_uri": f"{url}/jwks"}
    server.answer = reply(200, json.dumps({**metadata, "keys": []}))
    provider = OAuthProvider("id", "hush-hush", f"{url}/token", audience="server")
    explanation = explained(provider)
    assert explanation.code == "malformed_token"
    assert "introspection_url" in explanation.fix


def test_a_token_with_an_exclamation_mark_is_sent_where_token_characters_allow_it(
    service, asker, answer, judgement, records
):
    answer(aud="server")
    provider = asker.make(service.url, audience="server")
    before = len(records())
    for _ in range(3):
        assert judgement(provider, SALESFORCE) == "malformed_token"
    levels = [record.levelname for record in records()[before:]]
    assert levels == ["WARNING"] + ["DEBUG"] * 5, "a warning once"
    assert "token_characters" in records()[before].getMessage()
    assert SALESFORCE not in records()[before].getMessage()
    assert "token_characters" in explained(provider, SALESFORCE).fix
    assert service.requests == []
    allowing = asker.make(service.url, audience="server", token_characters="!")
    assert judgement(allowing, SALESFORCE) == "accepted"
    sent = service.requests[0].body
    assert SALESFORCE.encode() in sent or b"%21AQcAQ" in sent
    assert judgement(allowing, SALESFORCE.replace("!", "|")) == "malformed_token"


@pytest.mark.parametrize("name", ["verify_token", "authenticate", "load_access_token"])
def test_an_explanation_says_that_overrides_were_not_called(name, service, answer):
    pair = KeyPair.generate("ES256")
    answer(aud="server")

    async def denied(self, asked):
        pass

    for base, options, token in (
        (JWTVerifier, {"public_key": pair.public_key, "algorithm": "ES256"}, pair.create_token("a", audience="server")),
        (RemoteAuthProvider, {"verify_url": service.url}, TOKEN),
    ):
        plain, own = base(audience="server", **options), type("Own", (base,), {name: denied})
        assert "override" not in results(explained(plain, token))
        explanation = explained(own(audience="server", **options), token)
        assert (explanation.outcome, results(explanation)["override"]) == ("accepted", "unchecked")
        assert f"{name} of Own decides in the end, and was not asked here" in explanation.fix
        setattr(plain, name, denied)
        assert results(explained(plain, token))["override"] == "unchecked"


def test_a_timeout_is_explained_as_unavailable(monkeypatch):
    async def never_called(_start, _seconds):
        raise asyncio.TimeoutError

    monkeypatch.setattr(introspecting_provider, "await_callback", never_called)
    never = explained(RemoteAuthProvider("https://service.example/"))
    assert (never.outcome, never.code, never.checks) == ("unavailable", "remote_verifier_unavailable", ())
