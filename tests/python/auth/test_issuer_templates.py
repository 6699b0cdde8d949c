"""Tenants of one issuer, by a template of it; and metadata that lies at no well-known place of its issuer."""

import asyncio
import json

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import KeysUnavailableError

AUDIENCE = "0b1c-notes"
ONE = "72f988bf-86f1-41af-91ab-2d7cd011db47"
TWO = "9188040d-6c67-4c5b-b112-36a304b66dad"
V2 = "https://login.microsoftonline.com/{tenantid}/v2.0"
V1 = "https://sts.windows.net/{tenantid}/"


@pytest.fixture
def entra(new_endpoint, reply, rsa_pairs):
    """Metadata and keys as Entra's ``organizations`` endpoint has them: the issuer of both is the template."""
    endpoint = new_endpoint()
    endpoint.shared, endpoint.consumers = rsa_pairs("shared"), rsa_pairs("consumers")
    keys = [
        {**json.loads(json.dumps(endpoint.shared.jwk("shared"))), "issuer": V2},
        {**json.loads(json.dumps(endpoint.consumers.jwk("consumers"))), "issuer": V2.replace("{tenantid}", TWO)},
    ]
    endpoint.answer = reply(404)
    endpoint.metadata_url = f"{endpoint.base}/organizations/v2.0/.well-known/openid-configuration"
    endpoint.routes = {
        "/organizations/v2.0/.well-known/openid-configuration": reply(
            200, json.dumps({"issuer": V2, "jwks_uri": f"{endpoint.base}/keys"})
        ),
        "/keys": reply(200, json.dumps({"keys": keys})),
    }
    return endpoint


def token(pair, iss, tid, kid="shared", **claims):
    more = {"tid": tid, "ver": "2.0", **claims}
    return pair.create_token(issuer=iss, audience=AUDIENCE, kid=kid, additional_claims=more)


@pytest.mark.parametrize("tenants", ["any", [ONE], (ONE.upper(), TWO)])
def test_a_token_of_a_tenant_names_the_tenants_issuer(entra, judgement, tenants):
    verifier = JWTVerifier.from_issuer(V2, metadata_url=entra.metadata_url, tenants=tenants, audience=AUDIENCE)
    of_one, of_two = (V2.replace("{tenantid}", tenant) for tenant in (ONE, TWO))
    assert judgement(verifier, token(entra.shared, of_one, ONE)) == "accepted"
    two = "accepted" if TWO in tenants or tenants == "any" else "issuer_mismatch"
    assert judgement(verifier, token(entra.shared, of_two, TWO)) == two
    for iss, tid in [
        (of_one, TWO),
        (of_two, ONE),
        (V2, "{tenantid}"),
        (V2, ONE),
        (V2.replace("{tenantid}", "organizations"), "organizations"),
        (f"https://login.microsoftonline.com/{ONE}/x/v2.0", f"{ONE}/x"),
        (f"https://login.microsoftonline.com/{ONE}/../{TWO}/v2.0", f"{ONE}/../{TWO}"),
        (f"https://evil.example/{ONE}/v2.0", ONE),
        (of_one + "/", ONE),
        (V1.replace("{tenantid}", ONE), ONE),
    ]:
        assert judgement(verifier, token(entra.shared, iss, tid)) == "issuer_mismatch", (iss, tid)
    assert judgement(verifier, token(entra.shared, of_one, [ONE])) == "issuer_mismatch"
    no_tid = entra.shared.create_token(issuer=of_one, audience=AUDIENCE, kid="shared")
    assert judgement(verifier, no_tid) == "issuer_mismatch"


def test_a_key_of_one_tenant_verifies_no_token_of_another(entra, judgement):
    verifier = JWTVerifier.from_issuer(V2, metadata_url=entra.metadata_url, tenants="any", audience=AUDIENCE)
    of_one, of_two = (V2.replace("{tenantid}", tenant) for tenant in (ONE, TWO))
    assert judgement(verifier, token(entra.consumers, of_two, TWO, "consumers")) == "accepted"
    assert judgement(verifier, token(entra.consumers, of_one, ONE, "consumers")) == "issuer_mismatch"


def test_entra_tokens_of_both_versions_are_accepted(entra, judgement):
    verifier = JWTVerifier(jwks_uri=f"{entra.base}/keys", issuer=[V2, V1], tenants=[ONE], audience=AUDIENCE)
    for template in (V1, V2):
        assert judgement(verifier, token(entra.shared, template.replace("{tenantid}", ONE), ONE)) == "accepted"
        assert judgement(verifier, token(entra.shared, template.replace("{tenantid}", TWO), TWO)) == "issuer_mismatch"
    explanation = asyncio.run(verifier.explain(token(entra.shared, V1, ONE)))
    assert explanation.code == "issuer_mismatch"
    verifier.issuer = V1
    assert judgement(verifier, token(entra.shared, V1.replace("{tenantid}", ONE), ONE)) == "accepted"
    for wrong in (None, "https://login.microsoftonline.com/common/v2.0"):
        with pytest.raises(ValueError, match="tenantid"):
            verifier.issuer = wrong
    assert verifier.issuer == V1


def test_a_v1_token_may_name_the_issuer_of_its_key(new_endpoint, reply, judgement, rsa_pairs):
    endpoint, pair = new_endpoint(), rsa_pairs("a")
    endpoint.answer = reply(200, json.dumps({"keys": [{**pair.jwk("a"), "issuer": V1}]}))
    verifier = JWTVerifier(jwks_uri=endpoint.url, issuer=V2, tenants=[ONE], audience=AUDIENCE)
    assert judgement(verifier, token(pair, V1.replace("{tenantid}", ONE), ONE, "a")) == "accepted"
    assert judgement(verifier, token(pair, V1.replace("{tenantid}", TWO), TWO, "a")) == "issuer_mismatch"


def test_without_a_template_the_issuer_of_a_key_is_ignored(new_endpoint, reply, judgement, rsa_pairs):
    endpoint, pair = new_endpoint(), rsa_pairs("a")
    endpoint.answer = reply(200, json.dumps({"keys": [{**pair.jwk("a"), "issuer": V2}]}))
    verifier = JWTVerifier(jwks_uri=endpoint.url, issuer="https://issuer.example", audience=AUDIENCE)
    assert judgement(verifier, token(pair, "https://issuer.example", ONE, "a")) == "accepted"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"issuer": V2}, "tenants"),
        ({"issuer": "https://{tenantid}.ciamlogin.com/x/v2.0", "tenants": "any"}, "host"),
        ({"issuer": "https://issuer.example", "tenants": "any"}, "tenants are given"),
        ({"tenants": "any"}, "tenants are given"),
        ({"issuer": V2, "tenants": []}, "tenants must be"),
        ({"issuer": V2, "tenants": "common"}, "tenants must be"),
        ({"issuer": V2, "tenants": ["any"]}, "tenants must be"),
        ({"issuer": V2, "tenants": 7}, "tenants must be"),
    ],
)
def test_a_template_that_cannot_be_right_is_an_error(options, said):
    with pytest.raises(ValueError, match=said):
        JWTVerifier(jwks_uri="https://login.example/keys", audience=AUDIENCE, **options)


def test_a_template_needs_a_metadata_url():
    with pytest.raises(ValueError, match="metadata_url"):
        JWTVerifier.from_issuer(V2, tenants="any", audience=AUDIENCE)


def test_metadata_url_may_differ_from_the_issuer(new_endpoint, reply, judgement, rsa_pairs):
    """Azure AD B2C and CIAM: the issuer is a URL below which there is no metadata."""
    endpoint, pair = new_endpoint(), rsa_pairs("a")
    issuer = f"https://contoso.b2clogin.com/{ONE}/v2.0/"
    endpoint.answer = reply(404)
    endpoint.routes = {
        "/policy/openid": reply(200, json.dumps({"issuer": issuer, "jwks_uri": f"{endpoint.base}/keys"})),
        "/keys": reply(200, json.dumps({"keys": [pair.jwk("a")]})),
    }
    verifier = JWTVerifier.from_issuer(issuer, metadata_url=f"{endpoint.base}/policy/openid", audience=AUDIENCE)
    assert judgement(verifier, token(pair, issuer, ONE, "a")) == "accepted"
    assert judgement(verifier, token(pair, issuer.rstrip("/"), ONE, "a")) == "issuer_mismatch"
    assert [request.target for request in endpoint.requests] == ["/policy/openid", "/keys"]


def test_the_error_for_metadata_of_another_issuer_names_both_issuers_and_the_parameter(new_endpoint, reply):
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps({"issuer": "https://other.example", "jwks_uri": f"{endpoint.base}/keys"}))
    for issuer, options in [
        (endpoint.base, {}),
        ("https://issuer.example", {"metadata_url": f"{endpoint.base}/openid"}),
    ]:
        verifier = JWTVerifier.from_issuer(issuer, audience=AUDIENCE, **options)
        with pytest.raises(KeysUnavailableError) as failed:
            asyncio.run(verifier.warm_up())
        for word in ('"https://other.example"', f'"{issuer}"', "metadata_url"):
            assert word in str(failed.value)


@pytest.mark.parametrize("url", ["", "ftp://a.example/x", "http://a.example/x", 7, "x\n"])
def test_a_metadata_url_that_cannot_be_fetched_is_an_error(url):
    with pytest.raises(ValueError, match="metadata_url"):
        JWTVerifier.from_issuer("https://issuer.example", metadata_url=url, audience=AUDIENCE)
