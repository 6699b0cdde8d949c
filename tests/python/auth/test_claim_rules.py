"""Rules about claims, for tokens as real issuers make them: client, subject, scopes and refusals."""

import asyncio
import json
import logging
import time
import warnings

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import MissingAudienceWarning

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
NOW = int(time.time())
TIMES = {"iat": NOW, "nbf": NOW, "exp": NOW + 86_400}

# The claims of access tokens as the issuers' documentation and their servers show them.
TOKENS = {
    "Entra v1": {
        "aud": "api://notes",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "acr": "1",
        "appid": "app-v1",
        "appidacr": "0",
        "oid": "11111111-aaaa",
        "scp": "Notes.Read Notes.Write",
        "sub": "pairwise",
        "tid": TENANT,
        "ver": "1.0",
    },
    "Entra v2": {
        "aud": "0b1c-notes",
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "azp": "app-v2",
        "azpacr": "1",
        "oid": "11111111-aaaa",
        "scp": "Notes.Read",
        "sub": "pairwise",
        "tid": TENANT,
        "ver": "2.0",
    },
    "Entra app-only": {
        "aud": "0b1c-notes",
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "azp": "daemon",
        "oid": "22222222-bbbb",
        "roles": ["Notes.Read.All", "Notes.Write.All"],
        "idtyp": "app",
        "sub": "22222222-bbbb",
        "tid": TENANT,
        "ver": "2.0",
    },
    "Keycloak": {
        "iss": "https://keycloak.example/realms/notes",
        "aud": "account",
        "sub": "f:1:alice",
        "typ": "Bearer",
        "azp": "notes-web",
        "acr": "1",
        "realm_access": {"roles": ["offline_access", "admin"]},
        "resource_access": {"notes": {"roles": ["notes-writer"]}},
        "scope": "openid email",
        "email_verified": True,
    },
    "Cognito": {
        "sub": "aaaa-bbbb",
        "cognito:groups": ["writers"],
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example",
        "client_id": "3n4b5urk1ft4fl3mg5e62d9ado",
        "origin_jti": "x",
        "token_use": "access",
        "scope": "notes/read",
        "auth_time": NOW - 100,
        "username": "alice",
    },
    "Okta": {
        "ver": 1,
        "iss": "https://dev-1.okta.com/oauth2/default",
        "aud": "api://default",
        "cid": "0oa1",
        "uid": "00u1",
        "scp": ["openid", "notes.read"],
        "sub": "alice@example.com",
        "auth_time": NOW - 100,
    },
    "Auth0": {
        "iss": "https://notes.eu.auth0.com/",
        "sub": "auth0|1",
        "aud": ["https://notes.example", "https://notes.eu.auth0.com/userinfo"],
        "azp": "client-0",
        "scope": "openid profile",
        "permissions": ["read:notes", "write:notes"],
        "https://notes.example/tenant": "acme",
    },
    "Google": {
        "iss": "https://accounts.google.com",
        "azp": "1-a.apps.googleusercontent.com",
        "aud": "1-a.apps.googleusercontent.com",
        "sub": "1234567890",
        "hd": "example.com",
        "email": "alice@example.com",
        "email_verified": True,
    },
    "Cloudflare": {
        "aud": ["32eafc7626e737a9"],
        "iss": "https://team.cloudflareaccess.com",
        "type": "app",
        "common_name": "e3a0.access",
        "sub": "",
    },
    "Supabase": {
        "iss": "https://ref.supabase.co/auth/v1",
        "sub": "5b1c",
        "aud": "authenticated",
        "role": "authenticated",
        "aal": "aal1",
        "app_metadata": {"provider": "email", "tenants": [{"id": 7, "roles": ["editor"]}]},
        "session_id": "s",
        "is_anonymous": False,
    },
}


@pytest.fixture
def verified(ask, forge, secret):
    """The FastMCP access token that a verifier with these rules makes of a token, which both entry points accept."""

    def of(claims, **rules):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MissingAudienceWarning)
            documented, fastmcps = ask(JWTVerifier(secret, **rules), forge({**TIMES, **claims}))
        assert documented is not None
        assert (documented.scope, documented.user_id) == (fastmcps.scopes, fastmcps.subject)
        return fastmcps

    return of


@pytest.fixture
def notices(caplog):
    """The log records about accepted tokens: ``notices()``."""
    return lambda: [record for record in caplog.records if record.name == "fastmcp_rs.claims"]


@pytest.fixture
def reason(forge, secret, records):
    def of(claims, **rules):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MissingAudienceWarning)
            verifier = JWTVerifier(secret, **rules)
        request = {"headers": {"authorization": f"Bearer {forge({**TIMES, **claims})}"}}
        assert asyncio.run(verifier.authenticate(request)) is None
        return records()[-1].reason

    return of


@pytest.mark.parametrize(
    ("issuer", "rules", "client", "subject", "scopes"),
    [
        ("Entra v1", {"client_id_claim": "appid"}, "app-v1", "pairwise", ["Notes.Read", "Notes.Write"]),
        ("Entra v1", {"client_id_claim": ["azp", "appid"], "subject_claim": "oid"}, "app-v1", "11111111-aaaa", ...),
        ("Entra v2", {"client_id_claim": ["azp", "appid"]}, "app-v2", "pairwise", ["Notes.Read"]),
        (
            "Entra app-only",
            {"scope_claims": ["scp", "roles"]},
            *("daemon", "22222222-bbbb", ["Notes.Read.All", "Notes.Write.All"]),
        ),
        (
            "Keycloak",
            {"scope_claims": ["scope", "/realm_access/roles", "/resource_access/notes/roles"]},
            *("notes-web", "f:1:alice", ["openid", "email", "offline_access", "admin", "notes-writer"]),
        ),
        (
            "Cognito",
            {"scope_claims": ["scope", "cognito:groups"], "client_id": "3n4b5urk1ft4fl3mg5e62d9ado"},
            *("3n4b5urk1ft4fl3mg5e62d9ado", "aaaa-bbbb", ["notes/read", "writers"]),
        ),
        (
            "Cognito",
            {"subject_claim": "username", "max_age": 86_400},
            "3n4b5urk1ft4fl3mg5e62d9ado",
            "alice",
            ["notes/read"],
        ),
        ("Okta", {"client_id_claim": "cid", "subject_claim": "uid"}, "0oa1", "00u1", ["openid", "notes.read"]),
        (
            "Auth0",
            {"scope_claims": "permissions", "expected_claims": {"https://notes.example/tenant": "acme"}},
            *("client-0", "auth0|1", ["read:notes", "write:notes"]),
        ),
        (
            "Google",
            {
                "required_claims": "hd",
                "expected_claims": {"email_verified": True, "hd": ["example.com", "other.example"]},
            },
            *("1-a.apps.googleusercontent.com", "1234567890", []),
        ),
        (
            "Cloudflare",
            {"client_id_claim": "common_name", "subject_claim": ["sub", "common_name"]},
            *("e3a0.access", "e3a0.access", []),
        ),
        (
            "Supabase",
            {
                "scope_claims": ["role", "/app_metadata/tenants/0/roles"],
                "expected_claims": {"/app_metadata/tenants/0/id": 7},
            },
            *("5b1c", "5b1c", ["authenticated", "editor"]),
        ),
    ],
)
def test_the_rules_choose_client_subject_and_scopes_of_real_issuers_tokens(
    verified, issuer, rules, client, subject, scopes
):
    token = verified(TOKENS[issuer], **rules)
    assert (token.client_id, token.subject) == (client, subject)
    assert scopes is ... or token.scopes == scopes
    assert json.loads(json.dumps(token.claims)) == {**TIMES, **TOKENS[issuer]}, "the claims stay as they are"


@pytest.mark.parametrize("issuer", TOKENS)
def test_without_rules_fastmcps_mapping_stands(verified, issuer):
    claims = TOKENS[issuer]
    token = verified(claims)
    assert token.client_id == (claims.get("client_id") or claims.get("azp") or claims["sub"] or "unknown")
    assert token.subject == claims["sub"]


@pytest.mark.parametrize(
    ("issuer", "change", "rules", "code"),
    [
        ("Cognito", {}, {"client_id": "another"}, "client_mismatch"),
        ("Cognito", {}, {"audience": "notes"}, "audience_mismatch"),
        ("Okta", {}, {"client_id": "0oa1"}, "client_mismatch"),
        ("Okta", {"cid": "other"}, {"client_id": ["0oa1"], "client_id_claim": "cid"}, "client_mismatch"),
        ("Okta", {"cid": ["0oa1"]}, {"client_id_claim": "cid"}, "claim_mismatch"),
        ("Google", {"hd": None}, {"required_claims": "hd"}, "missing_claim"),
        ("Google", {"email_verified": "true"}, {"expected_claims": {"email_verified": True}}, "claim_mismatch"),
        ("Google", {"email_verified": 1}, {"expected_claims": {"email_verified": True}}, "claim_mismatch"),
        ("Supabase", {}, {"expected_claims": {"is_anonymous": 0}}, "claim_mismatch"),
        ("Supabase", {}, {"expected_claims": {"/app_metadata/tenants/0/id": "7"}}, "claim_mismatch"),
        ("Supabase", {}, {"expected_claims": {"/app_metadata/tenants/1/id": 7}}, "missing_claim"),
        ("Supabase", {}, {"expected_claims": {"/app_metadata/tenants/id": 7}}, "missing_claim"),
        ("Okta", {"auth_time": NOW - 100_000}, {"max_age": 86_400}, "insufficient_user_authentication"),
        ("Auth0", {}, {"max_age": 86_400}, "insufficient_user_authentication"),
        ("Auth0", {"iat": NOW + 100_000}, {"iat_leeway": 30}, "issued_in_future"),
        (
            "Keycloak",
            {"realm_access": {"roles": ["admin write"]}},
            {"scope_claims": "/realm_access/roles", "required_scopes": "write"},
            "insufficient_scope",
        ),
        ("Keycloak", {}, {"scope_claims": "realm_access"}, "claim_mismatch"),
    ],
)
def test_a_token_that_breaks_a_rule_is_refused_with_its_reason(reason, issuer, change, rules, code):
    assert reason({**TOKENS[issuer], **change}, **rules) == code


def test_the_log_names_the_claim_its_value_and_what_was_expected(reason, records):
    reason({**TOKENS["Auth0"], "tenant": "evil"}, expected_claims={"tenant": ["acme", "corp"]})
    (record,) = records()
    assert record.getMessage() == (
        'Bearer token rejected: the claim "tenant" is not what is expected (got "evil", expected "acme", "corp")'
    )
    assert (record.got, record.expected) == (["evil"], ["acme", "corp"])


def test_implied_scopes_are_in_the_access_token(verified, reason):
    rules = {"scope_hierarchy": {"admin": ["write"], "write": "read"}, "required_scopes": ["read"]}
    assert verified({"scope": "admin"}, **rules).scopes == ["admin", "write", "read"]
    assert verified({"scope": "read other"}, **rules).scopes == ["read", "other"]
    assert reason({"scope": "other"}, **rules) == "insufficient_scope"


def test_a_token_without_a_client_is_logged_once_for_each_issuer(verified, notices):
    for _ in range(3):
        assert verified({"iss": "https://no-client.example"}).client_id == "unknown"
    verified({"iss": "https://no-client.example", "azp": "a"})
    (record,) = notices()
    assert record.levelno == logging.WARNING
    assert "https://no-client.example" in record.getMessage()
    assert "client_id_claim" in record.getMessage()


def test_a_value_that_is_no_scope_token_is_logged_once(verified, notices):
    claims = {"iss": "https://spaces.example", "sub": "a", "roles": ["admin write", "ok", 7]}
    for _ in range(3):
        assert verified(claims, scope_claims="roles").scopes == ["ok"]
    (record,) = notices()
    assert record.levelno == logging.WARNING
    assert '"admin write"' in record.getMessage()


def test_explain_shows_the_rule_that_fails_and_the_fix(forge, secret):
    verifier = JWTVerifier(secret, audience="a", expected_claims={"/org/id": 7}, scope_claims="roles")
    explanation = asyncio.run(verifier.explain(forge({"aud": "a", "org": {"id": "7"}})))
    (failed,) = [check for check in explanation.checks if check.result == "failed"]
    assert (failed.name, failed.code, failed.got, failed.expected) == (
        "claim_rules",
        "claim_mismatch",
        ["7"],
        ["7 (a number)"],
    )
    assert "/org/id" in explanation.fix
    for claims, rules, word in [
        ({"client_id": "c"}, {"audience": "a"}, 'client_id to what the token says, "c"'),
        ({}, {"required_claims": "email"}, "required_claims"),
        ({"iat": NOW + 100_000}, {"iat_leeway": 0}, "iat_leeway"),
        ({"auth_time": NOW - 1000}, {"max_age": 10}, "sign in again"),
        ({}, {"max_age": 10}, "auth_time"),
    ]:
        verifier = JWTVerifier(secret, **{"audience": "a", **rules})
        token = forge({**({} if "client_id" in claims else {"aud": "a"}), **claims})
        assert word in asyncio.run(verifier.explain(token)).fix
