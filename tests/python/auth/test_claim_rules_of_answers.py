"""Rules about claims, where an endpoint is asked about each token: the same rules hold for its responses."""

import asyncio
import json
import time

import pytest

from fastmcp_rs.auth import OAuthProvider

NOW = int(time.time())


def test_the_same_rules_hold_for_introspection_responses(new_endpoint, reply, records):
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps({"active": True, "client_id": "app", "scope": "admin", "tenant": "acme"}))

    def made(**rules):
        return OAuthProvider(
            *("id", "a client's secret", f"{endpoint.base}/token"),
            issuer=endpoint.base,
            jwks_uri=f"{endpoint.base}/jwks",
            introspection_url=endpoint.url,
            allowed_client_id="app",
            scope_hierarchy={"admin": "read"},
            **rules,
        )

    request = {"headers": {"authorization": "Bearer opaque"}}
    accepted = asyncio.run(made(expected_claims={"tenant": "acme"}).authenticate(request))
    assert accepted.scope == ["admin", "read"]
    for rules, code in [
        ({"expected_claims": {"tenant": "corp"}}, "claim_mismatch"),
        ({"required_claims": "email"}, "missing_claim"),
    ]:
        assert asyncio.run(made(**rules).authenticate(request)) is None
        assert records()[-1].reason == code
    provider = made()
    provider.allowed_client_id = ["other"]
    assert asyncio.run(provider.authenticate(request)) is None
    assert records()[-1].reason == "client_mismatch"
    explanation = asyncio.run(provider.explain("opaque"))
    assert explanation.code == "client_mismatch"
    assert "set allowed_client_id to what the token says" in explanation.fix
    provider = made(scope="write")
    explanation = asyncio.run(provider.explain("opaque"))
    assert "take it out of scope" in explanation.fix


REMOTE_RULES = [
    ({"expected_claims": {"tenant": "acme"}}, {"tenant": "corp"}, "claim_mismatch"),
    ({"required_claims": "/org/id"}, {"org": {}}, "missing_claim"),
    ({"scope_claims": "/realm/roles", "required": "write"}, {"realm": {"roles": ["read write"]}}, "insufficient_scope"),
    ({"scope_hierarchy": {"admin": "write"}, "required": "write"}, {"scope": "reader"}, "insufficient_scope"),
    ({"max_age": 60}, {"auth_time": NOW - 1000}, "insufficient_user_authentication"),
    ({"max_age": 60}, {"auth_time": None}, "insufficient_user_authentication"),
    ({"iat_leeway": 30}, {"iat": NOW + 1000}, "issued_in_future"),
    ({"client_id_claim": "appid"}, {"appid": ["a"]}, "claim_mismatch"),
    ({"subject_claim": "/user/id"}, {"user": {"id": 7}}, "claim_mismatch"),
]
HOLDS = {
    "tenant": "acme",
    "org": {"id": 7},
    "realm": {"roles": ["write"]},
    "scope": "admin",
    # Later than now, since these are asked about long after they are collected.
    "auth_time": NOW + 86_400,
    "iat": NOW,
    "appid": "app",
    "user": {"id": "alice"},
}


@pytest.mark.parametrize("cache_ttl_seconds", [None, 60])
@pytest.mark.parametrize(("rules", "change", "code"), REMOTE_RULES)
def test_each_rule_holds_for_the_responses_of_each_provider_that_asks(
    asker, service, reply, yes, records, rules, change, code, cache_ttl_seconds
):
    required = {"scope": rules["required"]} if "required" in rules else {}
    rules = {name: rule for name, rule in rules.items() if name != "required"}
    provider = asker.make(service.url, cache_ttl_seconds=cache_ttl_seconds, **required, **rules)
    request = {"headers": {"authorization": "Bearer opaque"}}

    def answered(**members):
        service.answer = reply(200, json.dumps({**yes, **HOLDS, **members}))

    answered(**change)
    assert asyncio.run(provider.authenticate(request)) is None
    assert records()[-1].reason == code
    answered()
    for _ in range(2):
        assert asyncio.run(provider.authenticate(request)) is not None
    assert len(service.requests) == (3 if cache_ttl_seconds is None else 2)


def test_the_rules_choose_client_subject_and_scopes_of_a_response(asker, service, reply, yes):
    service.answer = reply(200, json.dumps({**yes, **HOLDS}))
    provider = asker.make(
        service.url,
        client_id_claim="appid",
        subject_claim="/user/id",
        scope_claims=["/realm/roles", "scope"],
        scope_hierarchy={"write": "read"},
    )
    token = asyncio.run(provider.verify_token("opaque"))
    assert (token.client_id, token.subject, token.scopes) == ("app", "alice", ["write", "admin", "read"])
