"""The signature alone: fastmcp_rs.jws.verify returns whatever the issuer signed, or says why it does not."""

import base64
import copy
import json
import pickle
import time

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fastmcp_rs import jws
from fastmcp_rs.errors import TokenRejectedError
from fastmcp_rs.testing import KeyPair

RSA = rsa.generate_private_key(65537, 2048)
RSA_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
RSA_PKCS1 = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
RSA_JWK = pyjwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
FAMILY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
SIGNED = ("HS256", "HS384", "HS512", *FAMILY, "ES256", "ES384", "EdDSA", "Ed25519")


def sign(payload: bytes, algorithm: str = "RS256", key=RSA, **header) -> str:
    return pyjwt.PyJWS().encode(payload, key, algorithm, header or None)


def part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def code(*arguments) -> str:
    """Why a token is refused."""
    with pytest.raises(TokenRejectedError) as refused:
        jws.verify(*arguments)
    return refused.value.code


@pytest.mark.parametrize(
    "payload",
    [b"", b"text", b"\x00\xff\xfe", b"[1,2", b'{"exp":1}', b'{"a":1,"a":1}', bytes(range(256)) * 100, "ü".encode()],
    ids=lambda payload: repr(payload[:12]),
)
def test_any_payload_comes_back_as_it_was_signed(payload):
    answer = jws.verify(sign(payload), RSA_PEM, ["RS256"])
    assert answer == payload
    assert type(answer) is bytes


def test_claims_are_not_checked():
    claims = {"exp": 1, "nbf": 10**12, "iss": 1, "aud": {}, "cnf": "x"}
    token = pyjwt.PyJWS().encode(json.dumps(claims).encode(), RSA, "RS256")
    assert json.loads(jws.verify(token, RSA_PEM)) == claims


@pytest.mark.parametrize("as_bytes", [False, True])
def test_token_and_key_may_be_text_or_bytes(as_bytes):
    def spelled(text: str):
        return text.encode() if as_bytes else text

    for key in (RSA_PEM, RSA_PKCS1, json.dumps(RSA_JWK), json.dumps({"keys": [RSA_JWK]})):
        assert jws.verify(spelled(sign(b"x")), spelled(key), "RS256") == b"x"


@pytest.mark.parametrize("algorithm", SIGNED)
def test_each_algorithm_is_taken_from_the_key_or_by_name(algorithm):
    pair = KeyPair.generate(algorithm)
    token = pair.sign({"alg": algorithm}, {"a": 1})
    jwk = json.dumps(pair.jwk())
    for key, names in ((jwk, None), (jwk, [algorithm]), (pair.public_key, [algorithm]), (pair.public_key, algorithm)):
        assert json.loads(jws.verify(token, key, names)) == {"a": 1}
    if not algorithm.startswith("HS"):
        assert json.loads(jws.verify(token, pair.public_key)) == {"a": 1}


def test_the_default_is_the_family_of_a_key_without_alg():
    for key in (RSA_PEM, json.dumps({name: RSA_JWK[name] for name in ("kty", "n", "e")})):
        for algorithm in FAMILY:
            assert jws.verify(sign(b"x", algorithm), key) == b"x"


def test_the_default_is_the_keys_own_alg_alone_where_it_has_one():
    bound = json.dumps({**RSA_JWK, "alg": "RS512"})
    assert jws.verify(sign(b"x", "RS512"), bound) == b"x"
    for algorithm in FAMILY:
        if algorithm != "RS512":
            assert code(sign(b"x", algorithm), bound) == "algorithm_not_allowed"


def test_a_key_is_found_in_a_set_by_its_kid_and_its_type():
    other = ec.generate_private_key(ec.SECP256R1())
    other_jwk = pyjwt.algorithms.ECAlgorithm.to_jwk(other.public_key(), as_dict=True)
    second = rsa.generate_private_key(65537, 2048)
    second_jwk = pyjwt.algorithms.RSAAlgorithm.to_jwk(second.public_key(), as_dict=True)
    keys = json.dumps(
        {"keys": [{**RSA_JWK, "kid": "a"}, {**second_jwk, "kid": "b"}, {**other_jwk, "kid": "c"}, {"kty": "X"}]}
    )
    assert jws.verify(sign(b"x", kid="a"), keys) == b"x"
    assert jws.verify(sign(b"x", key=second, kid="b"), keys) == b"x"
    assert jws.verify(sign(b"x", "ES256", other), keys) == b"x"
    assert code(sign(b"x", kid="b"), keys) == "invalid_signature"
    assert code(sign(b"x", kid="d"), keys) == "unknown_key"
    assert code(sign(b"x"), keys) == "ambiguous_key"
    assert code(sign(b"x", "ES256", other, kid="a"), keys) == "unknown_key"


def test_a_secret_needs_its_algorithm_to_be_named(secret, forge):
    token = forge(b"x")
    assert jws.verify(token, secret, ["HS256"]) == b"x"
    assert jws.verify(token, secret.encode(), "HS256") == b"x"
    with pytest.raises(ValueError, match="public key"):
        jws.verify(token, secret)


def test_a_refusal_carries_its_code():
    token = sign(b"x")
    header, payload, signature = token.split(".")
    none = part(b'{"alg":"none"}')
    for tampered, reason in [
        ("", "malformed_token"),
        ("a.b", "malformed_token"),
        (f"{token}=", "malformed_token"),
        (f"{token}\n", "malformed_token"),
        (f"{token}.x.y", "malformed_token"),
        (f"{part(b'{}')}.{payload}.{signature}", "malformed_token"),
        (f"{none}.{payload}.", "unsupported_algorithm"),
        (f"{header}.{part(b'y')}.{signature}", "invalid_signature"),
        (f"{header}.{payload}.", "invalid_signature"),
        (sign(b"x", crit=["x"], x=1), "critical_header"),
        (sign(b"x" * 65_536), "token_too_large"),
        (b"\xff", "malformed_token"),
        *((other, "malformed_token") for other in ("\ud800", None, 1, [], {}, object())),
    ]:
        assert code(tampered, RSA_PEM) == reason, tampered
    assert code(token, RSA_PEM, ["PS256"]) == "algorithm_not_allowed"
    other = rsa.generate_private_key(65537, 2048).public_key()
    assert code(token, other.public_bytes(Encoding.PEM, PublicFormat.PKCS1)) == "invalid_signature"


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        ("", None),
        ("", ["HS256"]),
        (" ", ["HS256"]),
        ("secret", None),
        ("secret", ["RS256"]),
        (None, None),
        (1, None),
        ({"kty": "oct"}, None),
        (RSA_PEM, []),
        (RSA_PEM, ["none"]),
        (RSA_PEM, ["HS256"]),
        (RSA_PEM, ["HS256", "RS256"]),
        (RSA_PEM, ["ES256"]),
        (RSA_PEM, 1),
        (RSA_PEM, [None]),
        (RSA_PEM[:-40], None),
        ('{"keys":[]}', None),
        ('{"kty":"oct","k":"AAAA"}', None),
        ('{"kty":"RSA"}', None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_key_that_cannot_be_used_is_an_error_of_the_callers(key, algorithms):
    with pytest.raises(ValueError, match=r".") as wrong:
        jws.verify(sign(b"x"), key, algorithms)
    assert not isinstance(wrong.value, TokenRejectedError)
    assert jws.verify(sign(b"x"), RSA_PEM) == b"x"


def test_the_error_shows_its_reason_and_nothing_of_the_token():
    token = sign(b"planted-payload")[:-4] + "AAAA"
    with pytest.raises(TokenRejectedError) as refused:
        jws.verify(token, RSA_PEM)
    assert str(refused.value) == "the signature is invalid (invalid_signature)"
    assert token not in repr(refused.value)
    assert not isinstance(refused.value, ValueError)
    for again in (copy.copy(refused.value), pickle.loads(pickle.dumps(refused.value))):  # noqa: S301 - made here
        assert (again.code, str(again)) == (refused.value.code, str(refused.value))


@pytest.mark.parametrize("token", ["." * 1_000_000, "a." * 500_000, "A" * 2**20, "\0" * 2**20])
def test_a_token_that_is_too_large_is_refused_at_once(token):
    started = time.perf_counter()
    for _ in range(20):
        assert code(token, RSA_PEM) == "token_too_large"
    assert time.perf_counter() - started < 2
