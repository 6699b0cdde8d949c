"""Two realms of a real OpenID Provider behind one verifier, one of which changes its keys."""

import asyncio

from fastmcp_rs.auth import JWTVerifier


def both(provider, own_provider, resource, **options):
    return JWTVerifier.from_issuers(
        [
            {"issuer": provider.issuer, "algorithm": provider.algorithm},
            {"issuer": own_provider.issuer, "algorithm": own_provider.algorithm},
        ],
        audience=resource,
        jwks_refresh_interval=0,
        **options,
    )


def test_each_realms_tokens_are_accepted_by_its_own_keys(provider, own_provider, resource, verify, reasons):
    verifier = both(provider, own_provider, resource, required_scopes=["read"])
    for realm in (provider, own_provider):
        accepted = verify(verifier, realm.token())
        assert (accepted.client_id, accepted.claims["iss"]) == ("robot", realm.issuer)
    alone = JWTVerifier.from_issuers([provider.issuer], audience=resource)
    assert verify(alone, own_provider.token()) is None
    assert reasons() == ["issuer_mismatch"]


def test_a_realm_that_rotates_is_fetched_anew_and_the_other_is_left_alone(provider, own_provider, resource, verify):
    verifier = both(provider, own_provider, resource)
    before = [provider.token(), own_provider.token()]
    assert all(verify(verifier, token) for token in before)
    untouched = provider.fetches()
    for _ in range(3):
        own_provider.rotate()
        assert verify(verifier, own_provider.token())
    own_provider.withdraw()
    assert verify(verifier, before[0])
    assert provider.fetches() == untouched

    async def under_load():
        tokens = [provider.token(), own_provider.token()] * 20
        answers = await asyncio.gather(*(verifier.verify_token(token) for token in tokens))
        return all(answers)

    own_provider.rotate()
    assert asyncio.run(under_load())
    assert provider.fetches() == untouched


def test_a_realm_that_is_down_does_not_affect_the_other(provider, own_provider, resource, verify):
    verifier = both(provider, own_provider, resource)
    good = own_provider.token()
    own_provider.stop()
    assert verify(verifier, provider.token())
    fresh = both(provider, own_provider, resource, unavailable="none")
    assert verify(fresh, provider.token())
    assert verify(fresh, good) is None
    assert fresh.stats()["unavailable"] == {"keys_unavailable": 1}
