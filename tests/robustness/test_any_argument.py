"""Any text or bytes to the entry points that are not asked by requests: an answer or the error that is documented."""

import asyncio
import contextlib
import json
import string
import warnings
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp_rs import jws
from fastmcp_rs.auth import AccessToken, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.client.auth import BearerAuth, OAuth
from fastmcp_rs.errors import TokenRejectedError
from fastmcp_rs.testing import KeyPair

PAIR = KeyPair.generate("ES256")
CLOSED = "https://127.0.0.1:9/"
VERIFIER = JWTVerifier(public_key=PAIR.public_key, algorithm="ES256", audience="server")
GOOD = PAIR.create_token(audience="server")

texts = st.text(st.characters(exclude_categories=[]), max_size=200)
anything = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary() | st.lists(texts, max_size=3)
# What comes close: a good token with another text or octet in it, and keys likewise.
near_tokens = st.builds(lambda at, text: GOOD[:at] + text + GOOD[at:], st.integers(0, len(GOOD)), texts)
near_keys = st.builds(
    lambda at, text: PAIR.public_key[:at] + text + PAIR.public_key[at + len(text) :],
    st.integers(0, len(PAIR.public_key)),
    texts | st.text(string.printable),
)
jwks = st.dictionaries(
    st.sampled_from([*PAIR.jwk(), "k", "keys", "kid", "use"]), st.sampled_from([*PAIR.jwk().values()]) | texts
)
keys = anything | near_keys | st.builds(lambda jwk: json.dumps({**PAIR.jwk(), **jwk}), jwks)
algorithms = st.sampled_from(["HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed448"]) | texts
urls = anything | st.builds(
    "{}{}".format, st.sampled_from(["https://", "http://127.0.0.1", "https://a.example/"]), texts
)
# JSON as Python has it, but for numbers that JSON has not.
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
REGISTERED = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "client_id", "azp", "cnf"}
settled = settings(max_examples=300, deadline=None)


def made(make, *arguments, **named):
    """What is made, or nothing where the arguments are refused as documented, in a few words."""
    with warnings.catch_warnings():
        # About weak configurations, which are not the subject here.
        warnings.simplefilter("ignore")
        try:
            return make(*arguments, **named)
        except (ValueError, TypeError) as refused:
            said = str(refused)
    assert 0 < len(said) < 2000
    return None


@settled
@given(token=near_tokens | texts | st.none() | st.binary())
def test_any_token_is_explained_as_it_is_decided(token):
    explanation = asyncio.run(VERIFIER.explain(token))
    accepted = asyncio.run(VERIFIER.verify_token(token))
    assert explanation.outcome == ("rejected" if accepted is None else "accepted")
    assert (explanation.code is None) == (accepted is not None)
    assert explanation.signature_verified == (token == GOOD)


@settled
@given(token=near_tokens | texts | st.binary() | near_tokens.map(lambda token: token.encode("utf-8", "surrogatepass")))
def test_any_signed_document_comes_back_or_is_refused(token):
    unchanged = token in {GOOD, GOOD.encode()}
    with contextlib.nullcontext() if unchanged else pytest.raises(TokenRejectedError):
        assert jws.verify(token, PAIR.public_key)


@settled
@given(key=keys, algorithm=algorithms)
def test_any_key_makes_a_verifier_or_is_refused_and_verifies_nothing_but_its_own(key, algorithm):
    for argument in ("public_key", "secret"):
        verifier = made(JWTVerifier, **{argument: key}, algorithm=algorithm, audience="server")
        if verifier is not None:
            accepted = asyncio.run(verifier.verify_token(GOOD)) is not None
            assert not accepted or PAIR.jwk()["x"] in str(key) or "PUBLIC KEY" in str(key)
    with contextlib.suppress(TokenRejectedError):
        made(jws.verify, GOOD, key, [algorithm])


@settled
@given(url=urls, text=anything, other=anything)
def test_any_configuration_is_accepted_or_a_value_error(url, text, other):
    # Nothing is fetched at construction.
    made(JWTVerifier, jwks_uri=url, algorithm="ES256", audience=text, issuer=other)
    made(JWTVerifier.from_issuer, url, algorithm="ES256", audience=text)
    made(OAuthProvider, text, other, url, audience="server")
    made(RemoteAuthProvider, url, {"X-Key": text}, audience="server", timeout=other)
    made(OAuth, text, other, url, resource=url)
    made(StaticTokenVerifier, {"a": {"client_id": text, "scopes": other}})
    if made(BearerAuth, text) is not None:
        assert set(text) <= set(string.ascii_letters + string.digits + "-._~+/=")


@settled
@given(
    token=st.text(),
    at=st.datetimes(timezones=st.just(timezone.utc)) | st.none(),
    scope=st.lists(st.text()),
    data=values,
)
def test_any_access_token_has_what_it_was_made_of(token, at, scope, data):
    made_token = AccessToken(token, expires_at=at, scope=scope, user_id="u", metadata={"data": data})
    assert (made_token.token, made_token.scope, made_token.metadata) == (token, scope, {"data": data})
    assert made_token.expires_at == at
    elsewhere = at and at.astimezone(timezone(timedelta(hours=5)))
    assert made_token == AccessToken(token, expires_at=elsewhere, scope=scope, user_id="u", metadata={"data": data})


@settled
@given(claims=st.dictionaries(st.text(max_size=8).filter(lambda name: name not in REGISTERED), values, max_size=5))
def test_any_claims_come_out_as_they_went_in(claims):
    token = PAIR.create_token("alice", audience="server", additional_claims=claims)
    found = asyncio.run(VERIFIER.verify_token(token)).claims
    read = {name: found[name] for name in claims}
    # As text too: 1, 1.0 and True are equal.
    assert (read, repr(read)) == (claims, repr(claims))
