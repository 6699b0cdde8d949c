"""Many issuers in one verifier: the token's ``iss`` chooses, and exactly that issuer's keys and rules decide."""

import asyncio
import base64
import itertools
import json
import threading

import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, StaticTokenVerifier
from fastmcp_rs.auth.remote_keys import soonest_fetch
from fastmcp_rs.errors import KeysUnavailableError, MissingAudienceWarning
from fastmcp_rs.testing import KeyPair

A, B = "https://a.example", "https://b.example"
PAIRS = {name: KeyPair.generate("ES256") for name in (A, B, "https://c.example")}


def listed(issuer, **parameters):
    """An issuer whose key is given, under an id that the other's has as well."""
    keys = json.dumps({"keys": [PAIRS[issuer].jwk("same")]})
    return {"issuer": issuer, "public_key": keys, "algorithm": "ES256", "audience": "server", **parameters}


def token(issuer, by=None, **claims):
    claims = {"aud": "server", "sub": "alice", **claims}
    return PAIRS[by or issuer].sign({"alg": "ES256", "kid": "same"}, {"iss": issuer, **claims})


@pytest.fixture
def realm(new_endpoint, reply, rsa_pairs):
    """Make an issuer with metadata and one key: ``realm.pair`` signs, and ``realm.requests`` were asked."""

    pairs = map(rsa_pairs, itertools.count())

    def made(kid="same"):
        endpoint, pair = new_endpoint(), next(pairs)
        endpoint.answer = reply(404)
        metadata = {"issuer": endpoint.base, "jwks_uri": f"{endpoint.base}/keys"}
        endpoint.routes = {
            "/.well-known/openid-configuration": reply(200, json.dumps(metadata)),
            "/keys": reply(200, json.dumps({"keys": [pair.jwk(kid)]})),
        }
        endpoint.pair = pair
        endpoint.token = lambda issuer=endpoint.base, **claims: pair.create_token(
            issuer=issuer, audience="server", kid=kid, additional_claims=claims
        )
        return endpoint

    return made


def test_step_up_is_a_setting_of_the_server_and_not_of_an_issuer():
    assert JWTVerifier.from_issuers([listed(A)]).step_up
    assert not JWTVerifier.from_issuers([listed(A)], step_up=False).step_up


@pytest.mark.parametrize("cache_size", [0, 100])
def test_the_issuer_that_a_token_names_decides_alone(judgement, cache_size):
    verifier = JWTVerifier.from_issuers([listed(A), listed(B)], cache_size=cache_size)
    assert verifier.issuer == [A, B]
    for _ in range(2):
        assert judgement(verifier, token(A)) == "accepted"
        assert judgement(verifier, token(B)) == "accepted"
        assert judgement(verifier, token(A, by=B)) == "invalid_signature"
        assert judgement(verifier, token(B, by=A)) == "invalid_signature"
    for unknown in ["https://c.example", f"{A}/", A.upper(), "", "a.example"]:
        assert judgement(verifier, token(unknown, by=A)) == "issuer_mismatch", unknown
    assert judgement(verifier, PAIRS[A].sign({"alg": "ES256"}, {"aud": "server"})) == "issuer_mismatch"
    assert judgement(verifier, token(A, exp="tomorrow")) == "malformed_claims"
    assert judgement(verifier, token(A, by=B, exp="tomorrow")) == "invalid_signature"
    assert judgement(verifier, PAIRS[A].sign({"alg": "ES256"}, {"iss": [A], "aud": "server"})) == "malformed_claims"
    assert judgement(verifier, "opaque") == "malformed_token"


def test_each_issuer_has_rules_of_its_own(judgement):
    verifier = JWTVerifier.from_issuers(
        [
            listed(A, audience="one", required_claims="email", typ="at+jwt"),
            listed(B, audience=["two", "three"], algorithm="ES384", public_key=KeyPair.generate("ES384").public_key),
        ],
        required_scopes=["read"],
    )

    def typed(**claims):
        claims = {"iss": A, "aud": "one", "scope": "read", "sub": "alice", "email": "a@example.com", **claims}
        return PAIRS[A].sign({"alg": "ES256", "kid": "same", "typ": "at+jwt"}, claims)

    assert judgement(verifier, typed()) == "accepted"
    assert judgement(verifier, typed(aud="two")) == "audience_mismatch"
    assert judgement(verifier, typed(email=None)) == "missing_claim"
    assert judgement(verifier, typed(scope="write")) == "insufficient_scope"
    assert judgement(verifier, token(A, aud="one", scope="read", email="a")) == "wrong_type"
    assert judgement(verifier, token(B, aud="two", scope="read")) == "algorithm_not_allowed"


def test_scopes_that_are_set_later_are_demanded_of_remembered_tokens(judgement):
    verifier = JWTVerifier.from_issuers([listed(A), listed(B)])
    good = token(A, scope="read")
    assert judgement(verifier, good) == "accepted"
    verifier.required_scopes = ["write"]
    assert judgement(verifier, good) == "insufficient_scope"
    verifier.required_scopes.remove("write")
    assert judgement(verifier, good) == "accepted"


def test_a_verifier_is_an_issuer_with_its_own_rules(judgement):
    one = JWTVerifier(**listed(A))
    verifier = JWTVerifier.from_issuers([one, listed(B)])
    assert judgement(verifier, token(A)) == "accepted"
    one.audience = "another"
    assert judgement(verifier, token(A)) == "audience_mismatch"
    assert judgement(verifier, token(B)) == "accepted"


def test_each_issuer_without_an_audience_causes_a_warning():
    with pytest.warns(MissingAudienceWarning) as warned:
        JWTVerifier.from_issuers([listed(A, audience=None), listed(B, audience=None), listed("https://c.example")])
    assert [name in str(one.message) for name, one in zip((A, B), warned, strict=True)] == [True, True]


def test_issuers_are_added_and_removed_while_tokens_are_verified(judgement):
    verifier = JWTVerifier.from_issuers([listed(A)])
    assert judgement(verifier, token(B)) == "issuer_mismatch"
    verifier.add_issuer(listed(B))
    assert judgement(verifier, token(B)) == "accepted"
    verifier.remove_issuer(B)
    assert judgement(verifier, token(B)) == "issuer_mismatch", "also of a token that was remembered"
    assert judgement(verifier, token(A)) == "accepted"
    assert verifier.issuer == [A]
    other = KeyPair.generate("ES256")
    verifier.add_issuer(listed(B, public_key=other.public_key))
    assert judgement(verifier, token(B)) == "invalid_signature", "the key of before is not its key now"
    for add_or_remove, issuer in [(verifier.add_issuer, listed(A)), (verifier.remove_issuer, "https://c.example")]:
        with pytest.raises(ValueError, match="issuer"):
            add_or_remove(issuer)


def test_a_token_that_is_remembered_does_not_outlive_the_key_of_its_issuer(judgement):
    verifier = JWTVerifier.from_issuers([listed(A), listed(B)], cache_size=100)
    good = token(A)
    assert [judgement(verifier, good) for _ in range(2)] == ["accepted"] * 2
    verifier.remove_issuer(A)
    assert judgement(verifier, good) == "issuer_mismatch"
    verifier.add_issuer({**listed(B), "issuer": A})
    assert judgement(verifier, good) == "invalid_signature"


def test_a_removed_template_accepts_no_tenant(judgement):
    tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    template = "https://login.example/{tenantid}/v2.0"
    verifier = JWTVerifier.from_issuers([{**listed(A, tenants="any"), "issuer": template}, listed(B)], cache_size=100)
    good = token(template.replace("{tenantid}", tenant), by=A, tid=tenant)
    assert [judgement(verifier, good) for _ in range(2)] == ["accepted"] * 2
    verifier.remove_issuer(template)
    assert judgement(verifier, good) == "issuer_mismatch"


def test_threads_verify_while_issuers_change():
    verifier = JWTVerifier.from_issuers([listed(A)])
    good, ends, wrong = token(A), threading.Event(), []

    def verify():
        while not ends.is_set():
            if asyncio.run(verifier.verify_token(good)) is None:
                wrong.append(good)

    threads = [threading.Thread(target=verify) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        verifier.add_issuer(listed(B))
        verifier.remove_issuer(B)
    ends.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_keys_are_found_by_each_issuers_metadata_and_an_unknown_one_fetches_nothing(realm, judgement):
    one, two = realm(), realm()
    verifier = JWTVerifier.from_issuers([one.base, {"issuer": two.base}], audience="server")
    assert judgement(verifier, one.token("https://evil.example")) == "issuer_mismatch"
    assert (one.requests, two.requests) == ([], [])
    assert judgement(verifier, one.token()) == "accepted"
    assert two.requests == []
    # Else the first token could name its key after the fetch that it waits for began, and nothing would be known of it.
    asyncio.run(verifier.warm_up())
    asked = len(one.requests)
    foreign = two.pair.create_token(issuer=two.base, audience="server", kid="unknown there")
    assert judgement(verifier, foreign) == "unknown_key"
    assert len(one.requests) == asked, "a foreign key id refreshes nothing of another issuer"
    assert judgement(verifier, one.token(two.base)) == "invalid_signature"
    assert set(verifier.keys()) == {one.base, two.base}
    assert verifier.keys()[one.base]["fetches"] == 1
    stats = verifier.stats()
    assert (stats["accepted"], stats["cache"]["hits"]) == (2, 1)
    assert stats["rejected"]["issuer_mismatch"] == 2


def test_keys_out_of_reach_of_one_issuer_are_unavailable_for_it_alone(realm, judgement):
    one, two = realm(), realm()
    two.routes = {}
    verifier = JWTVerifier.from_issuers([one.base, two.base], audience="server", unavailable="none")
    verifier.unavailable = "none"
    assert judgement(verifier, one.token()) == "accepted"
    assert judgement(verifier, two.token()) == "keys_unavailable"
    with pytest.raises(KeysUnavailableError):
        asyncio.run(verifier.warm_up())


def test_explain_follows_the_rules_of_the_issuer(realm):
    one = realm()
    verifier = JWTVerifier.from_issuers([one.base, listed(A)], audience="server")
    assert asyncio.run(verifier.explain(one.token())).outcome == "accepted"
    explanation = asyncio.run(verifier.explain(token(A, aud="other")))
    assert explanation.code == "audience_mismatch"
    explanation = asyncio.run(verifier.explain(token("https://evil.example", by=A)))
    (issuer,) = [check for check in explanation.checks if check.name == "issuer"]
    assert (explanation.code, issuer.got) == ("issuer_mismatch", ["https://evil.example"])
    assert set(issuer.expected) == {one.base, A}
    assert not explanation.signature_verified
    assert "https://evil.example" in explanation.fix
    verifier.required_scopes = ["read"]
    assert asyncio.run(verifier.explain(one.token())).code == "insufficient_scope"


def test_an_opaque_token_goes_to_opaque_token_provider(judgement, new_endpoint, reply):
    static = StaticTokenVerifier({"api-key": {"client_id": "robot", "scope": "read"}})
    verifier = JWTVerifier.from_issuers([listed(A)], opaque_token_provider=static)
    assert judgement(verifier, "api-key") == "accepted"
    assert judgement(verifier, "other-key") == "unknown_token"
    assert judgement(verifier, token(A)) == "accepted"
    assert judgement(verifier, token(B)) == "issuer_mismatch"
    verifier.required_scopes = ["write"]
    assert judgement(verifier, "api-key") == "insufficient_scope"

    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps({"active": True, "client_id": "app"}))
    oauth = OAuthProvider(
        *("id", "a client's secret", f"{endpoint.base}/token"),
        issuer=endpoint.base,
        jwks_uri=f"{endpoint.base}/jwks",
        introspection_url=endpoint.url,
        allowed_client_id="app",
    )
    verifier = JWTVerifier.from_issuers([listed(A)], opaque_token_provider=oauth)
    assert judgement(verifier, "opaque") == "accepted"
    asked = len(endpoint.requests)
    assert judgement(verifier, token(B)) == "issuer_mismatch"
    assert len(endpoint.requests) == asked, "a JWT is asked about nowhere"


def test_a_function_may_allow_issuers_that_are_not_listed(judgement):
    asked = []

    def allow(issuer):
        asked.append(issuer)
        return {key: value for key, value in listed(B).items() if key != "issuer"} if issuer == B else False

    verifier = JWTVerifier.from_issuers([listed(A)], unlisted_issuers=allow)
    for _ in range(3):
        assert judgement(verifier, token(A)) == "accepted"
        assert judgement(verifier, token(B)) == "accepted"
        assert judgement(verifier, token(B, by=A)) == "invalid_signature"
        assert judgement(verifier, token("https://c.example", by=A)) == "issuer_mismatch"
    assert asked == [B, "https://c.example"]
    assert verifier.issuer == [A, B]


def test_an_allowed_issuer_is_fetched_from_public_addresses_over_https_only(realm, judgement, caplog):
    one = realm()
    verifier = JWTVerifier.from_issuers(
        [listed(A)], unlisted_issuers=lambda _: True, audience="server", allow_http=True, unavailable="none"
    )
    assert judgement(verifier, one.token()) == "issuer_mismatch"
    assert "cannot be trusted" in caplog.text
    assert judgement(verifier, one.token(f"https://127.0.0.1:{one.base.rpartition(':')[2]}")) == "keys_unavailable"
    assert one.requests == []


def test_refused_names_are_bounded_and_a_function_that_raises_allows_nothing(judgement):
    asked = []

    def allow(issuer):
        asked.append(issuer)
        raise RuntimeError("planted")

    verifier = JWTVerifier.from_issuers([], unlisted_issuers=allow)
    assert judgement(verifier, token("https://x.example", by=A)) == "issuer_mismatch"
    assert judgement(verifier, token("x" * 5000, by=A)) == "issuer_mismatch"
    assert asked == ["https://x.example"]
    for number in range(1100):
        asyncio.run(verifier.verify_token(token(f"https://{number}.example", by=A)))
    assert len(asked) == 1101
    assert judgement(verifier, token("https://1099.example", by=A)) == "issuer_mismatch"
    assert len(asked) == 1101, "a name that is remembered is not asked about"
    assert judgement(verifier, token("https://x.example", by=A)) == "issuer_mismatch"
    assert len(asked) == 1102, "the oldest was forgotten"


def test_no_more_than_1000_unlisted_issuers_are_trusted(judgement):
    key = {name: value for name, value in listed(A).items() if name != "issuer"}
    verifier = JWTVerifier.from_issuers([listed(B)], unlisted_issuers=lambda _: key)
    for number in range(1005):
        asyncio.run(verifier.verify_token(token(f"https://{number}.example", by=A)))
    assert len(verifier.issuer) == 1001
    assert judgement(verifier, token("https://999.example", by=A)) == "accepted"
    assert judgement(verifier, token("https://1004.example", by=A)) == "issuer_mismatch"


def test_no_more_than_10000_issuers_are_trusted_and_none_of_a_longer_list_is_looked_at():
    many = [{**listed(A), "issuer": [f"{name}/{number}" for number in range(5_001)]} for name in (A, B)]
    for issuers in (many, [7] * 10_001):
        with pytest.raises(ValueError, match="more than 10000 issuers"):
            JWTVerifier.from_issuers(issuers)


def test_a_template_is_an_issuer_too(judgement):
    tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    template = "https://login.example/{tenantid}/v2.0"
    verifier = JWTVerifier.from_issuers([{**listed(A), "issuer": template, "tenants": [tenant]}, listed(B)])
    filled = template.replace("{tenantid}", tenant)
    for _ in range(2):
        assert judgement(verifier, token(filled, by=A, tid=tenant)) == "accepted"
    assert judgement(verifier, token(filled, by=A, tid="72f988bf-86f1-41af-91ab-2d7cd011db48")) == "issuer_mismatch"
    assert judgement(verifier, token(template, by=A, tid="{tenantid}")) == "issuer_mismatch"
    assert judgement(verifier, token(filled, by=B, tid=tenant)) == "invalid_signature"


@pytest.mark.parametrize(
    ("issuers", "options", "said"),
    [
        ([], {}, "issuers is empty"),
        (A, {}, "issuers must be a list"),
        (None, {}, "issuers must be a list"),
        ([listed(A), listed(A)], {}, "given twice"),
        ([7], {}, "not int"),
        ([{"public_key": "x"}], {}, "an issuer"),
        ([{**listed(A), "issuer": None}], {}, "issuer"),
        ([listed(A)], {"opaque_token_provider": object()}, "opaque_token_provider"),
        ([listed(A)], {"unlisted_issuers": 7}, "unlisted_issuers"),
        ([listed(A)], {"cache_size": -1}, "cache_size"),
        ([listed(A)], {"required_scopes": "é"}, "required_scopes"),
        (["ftp://a.example"], {}, "issuer"),
        ([listed(A, scope_claims=[])], {}, "scope_claims"),
    ],
)
def test_a_configuration_that_cannot_be_right_is_an_error(issuers, options, said):
    with pytest.raises(ValueError, match=said):
        JWTVerifier.from_issuers(issuers, **options)


def test_a_coroutine_function_is_an_error():
    async def allow(_issuer):
        return True

    with pytest.raises(ValueError, match="asynchronous"):
        JWTVerifier.from_issuers([listed(A)], unlisted_issuers=allow)


def test_a_verifier_whose_overrides_would_not_be_called_is_an_error():
    class Own(JWTVerifier):
        def _validate_issuer(self, _issuer):
            return True

    for issuers, maker in [([Own(**listed(A))], JWTVerifier), ([listed(A)], Own)]:
        with pytest.raises(ValueError, match="overrides _validate_issuer"):
            maker.from_issuers(issuers)


def test_no_key_of_a_thousand_issuers_is_tried_on_anothers_token(judgement):
    many = [{**listed(A), "issuer": f"https://{number}.example"} for number in range(1000)]
    verifier = JWTVerifier.from_issuers([*many, listed(B)])
    assert judgement(verifier, token("https://999.example", by=A)) == "accepted"
    assert judgement(verifier, token(B, by=A)) == "invalid_signature"
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    assert judgement(verifier, f"{header}.{token(B).split('.')[1]}.") == "unsupported_algorithm"


@pytest.mark.parametrize(
    ("waits", "expected"),
    [([], None), ([None], None), ([0.0, None], 0.0), ([0.0, 7.0, 3.0], 3.0), ([None, 7.0], 7.0)],
)
def test_the_soonest_fetch_is_the_shortest_wait_above_zero(waits, expected):
    assert soonest_fetch(waits) == expected
