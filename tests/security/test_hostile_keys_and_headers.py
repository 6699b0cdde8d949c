"""Keys of a set that must not be used, and headers that must not make the verifier fetch anything."""

import asyncio
import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"


def number(value):
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def rsa_jwk(bits=None, n=None, e=65_537):
    n = rsa.generate_private_key(65_537, bits).public_key().public_numbers().n if n is None else n
    return {"kty": "RSA", "kid": "odd", "n": number(n), "e": number(e)}


ODD = {
    "D4: 1024 bits": lambda: rsa_jwk(n=(1 << 1023) + 7),
    "D4: e = 1": lambda: rsa_jwk(n=(1 << 2047) + 7, e=1),
    "D4: e even": lambda: rsa_jwk(n=(1 << 2047) + 7, e=4),
    "G8: 16 384 bits": lambda: rsa_jwk(n=(1 << 16_383) + 7),
    "G8: e of 2 KiB": lambda: rsa_jwk(n=(1 << 2047) + 7, e=(1 << 16_383) + 1),
    "A7: a secret": lambda: KeyPair.generate("HS256").jwk("odd"),
    "H5: malformed RSA": lambda: {"kty": "RSA", "kid": "odd", "n": "!", "e": "AQAB"},
    "H5: unknown kty": lambda: {"kty": "AKP", "kid": "odd"},
    "H5: list kid": lambda: {**KeyPair.generate("ES256").jwk(), "kid": ["odd"]},
    "H5: null": lambda: None,
    "H5: 5": lambda: 5,
    "for encryption": lambda: {**KeyPair.generate("ES256").jwk("odd"), "use": "enc"},
    "private": lambda: {**KeyPair.generate("ES256").jwk("odd"), "d": "AAAA"},
}


@pytest.mark.parametrize("name", ODD)
def test_h5_cve_2026_102274_a_malformed_key_is_skipped_and_the_others_stay(
    name, endpoint, pair, verifier_of, verdict, good, key_log
):
    odd = ODD[name]()
    endpoint.publish([odd, pair.jwk("a")])
    verifier = verifier_of(endpoint, algorithm="ES256")
    assert asyncio.run(verdict(verifier, good)) is True
    assert [key["kid"] for key in verifier.keys()["keys"]] == ["a"]
    if name == "for encryption":
        # Issuers publish such keys beside those that sign, so this is no fault to log.
        assert key_log(0) == []
        return
    assert len(key_log(1)) == 1
    members = odd.values() if isinstance(odd, dict) else ()
    assert not [member for member in members if len(member) > 20 and member in key_log(1)[0]]
    # Alone it makes no set.
    endpoint.publish([odd])
    assert asyncio.run(verdict(verifier_of(f"{endpoint.url}?alone"), good)) is None


def test_a7_a_published_secret_signs_nothing(endpoint, pair, verifier_of, verdict):
    secret = KeyPair.generate("HS256")
    endpoint.publish([secret.jwk("s"), pair.jwk("a")])
    verifier = verifier_of(endpoint)
    asyncio.run(verifier.warm_up())
    for kid in ("s", "a", None):
        assert asyncio.run(verdict(verifier, secret.create_token(audience=AUDIENCE, kid=kid))) is False
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("cold", [True, False])
def test_b2_no_header_of_a_token_causes_a_request(cold, endpoint, new_endpoint, other, verifier_of, verdict):
    listener = new_endpoint()
    listener.publish({"a": other, "b": other})
    verifier = verifier_of(endpoint)
    if not cold:
        asyncio.run(verifier.warm_up())
    claims = json.loads(base64.urlsafe_b64decode(other.create_token(audience=AUDIENCE).split(".")[1] + "=="))
    verdicts = []
    for more in (
        {"jku": listener.url},
        {"x5u": listener.url},
        {"jwk": other.jwk("a")},
        {"x5c": [base64.b64encode(b"certificate").decode()]},
        {"jku": listener.url, "x5u": listener.url, "jwk": other.jwk("a"), "iss": listener.base},
    ):
        for kid in ("a", "b", listener.url):
            token = other.sign({"alg": "ES256", "kid": kid, **more}, {**claims, "iss": listener.base})
            verdicts.append(asyncio.run(verdict(verifier, token)))
    assert listener.connections == 0
    # The key of an id that was first named after the keys were fetched may be newer than they are.
    assert verdicts == [False, False, False if cold else None] * 5
    assert len(endpoint.requests) <= 3, "the first, one for an unknown id, and one for ids that were named after it"


def test_what_is_no_jwt_fetches_nothing(endpoint, other, verifier_of, request_with):
    verifier = verifier_of(endpoint)
    claims = {"aud": AUDIENCE}
    junk = ["", "x", "..", "e30.e30.AAAA", "a" * 70_000, KeyPair.generate("HS256").create_token(audience=AUDIENCE)]
    for header in ({"kid": 1}, {"kid": ["a"]}, {"kid": None}, {"crit": ["x"], "x": 1}, {"crit": []}, {"alg": "none"}):
        junk.append(other.sign({"alg": "ES256", **header}, claims))

    async def checks():
        for token in junk:
            assert await verifier.verify_token(token) is None
            assert await verifier.authenticate(request_with(token)) is None

    asyncio.run(checks())
    assert endpoint.connections == 0


def test_h2_cve_2025_64527_tokens_in_flight_survive_a_failed_fetch(
    endpoint, reply, verifier_of, verdict, good, unknown
):
    verifier = verifier_of(endpoint)

    async def checks():
        await verifier.warm_up()
        endpoint.answer = reply(500)
        answers = await asyncio.gather(*(verdict(verifier, token) for token in (unknown, good, unknown, good)))
        assert answers == [None, True, None, True]

    asyncio.run(checks())
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("kid", ["../../x", "' OR 1=1", "k" * 40_000, "a\nb", "a\0", "\u2028"])
def test_a_hostile_kid_is_an_unknown_kid(kid, endpoint, other, verifier_of, verdict, caplog):
    verifier = verifier_of(endpoint)
    asyncio.run(verifier.warm_up())
    assert asyncio.run(verdict(verifier, other.create_token(audience=AUDIENCE, kid=kid))) is False
    assert all(kid not in record.getMessage() for record in caplog.records)
