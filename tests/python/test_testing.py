"""Key pairs for users' own tests: what they sign is verified here and elsewhere, and they keep their private part."""

import base64
import copy
import inspect
import json
import pickle

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastmcp.server.auth.providers.jwt import RSAKeyPair
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

ALGORITHMS = (
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"),
    *("EdDSA", "Ed25519"),
)
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
PAIRS = {algorithm: KeyPair.generate(algorithm) for algorithm in ALGORITHMS}


def parts(token: str) -> list[dict]:
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


@each_algorithm
def test_a_token_is_accepted_under_the_public_key_in_every_form(ask, algorithm):
    pair = PAIRS[algorithm]
    token = pair.create_token(audience="server")
    jwk = pair.jwk("a")
    for key in (pair.public_key, json.dumps(pair.jwk()), json.dumps(jwk), json.dumps({"keys": [jwk]})):
        verifier = JWTVerifier(public_key=key, algorithm=algorithm, audience="server")
        assert None not in ask(verifier, token)
        assert None not in ask(verifier, pair.create_token(audience="server", kid="a"))
        assert ask(verifier, KeyPair.generate(algorithm).create_token(audience="server")) == (None, None)


@each_algorithm
def test_other_libraries_accept_a_token_too(algorithm):
    pair = PAIRS[algorithm]
    token = pair.create_token("alice", audience="server", additional_claims={"n": [1, 1.5]})
    # PyJWT knows the key, but not the newer of its names.
    if algorithm != "Ed25519":
        claims = pyjwt.decode(token, pair.public_key, [algorithm], audience="server")
        assert (claims["sub"], claims["n"]) == ("alice", [1, 1.5])
        assert pyjwt.decode(token, pyjwt.PyJWK(pair.jwk()), audience="server") == claims
    decoded = joserfc_jwt.decode(token, joserfc_jwk.import_key(pair.jwk()), algorithms=[algorithm])
    assert decoded.claims["sub"] == "alice"
    assert decoded.header == {"alg": algorithm, "typ": "JWT"}


@each_algorithm
def test_the_jwk_is_public_bound_and_good_in_a_set(algorithm):
    jwk = PAIRS[algorithm].jwk()
    assert (jwk["alg"], jwk["use"]) == (algorithm, "sig")
    assert "kid" not in jwk
    assert PAIRS[algorithm].jwk("a") == {**jwk, "kid": "a"}
    assert (
        set(jwk) - {"alg", "use"}
        == {
            "H": {"kty", "k"},
            "R": {"kty", "n", "e"},
            "P": {"kty", "n", "e"},
            "E": {"kty", "crv", "x", "y"} if algorithm.startswith("ES") else {"kty", "crv", "x"},
        }[algorithm[0]]
    )
    jwk["kty"] = "changed"
    assert PAIRS[algorithm].jwk()["kty"] != "changed"


@each_algorithm
def test_the_public_key_is_pem_text_or_a_secret_that_is_long_enough(algorithm):
    public_key = PAIRS[algorithm].public_key
    if algorithm.startswith("HS"):
        assert len(public_key) >= int(algorithm[2:]) // 8
    else:
        assert load_pem_public_key(public_key.encode()) is not None


def test_rs256_is_the_default_and_an_algorithm_that_cannot_sign_is_an_error():
    assert KeyPair.generate().algorithm == "RS256"
    assert inspect.signature(KeyPair.generate).parameters["algorithm"].default == "RS256"
    for algorithm, says in [
        ("ES512", "ES512"),
        ("Ed448", "Ed448"),
        ("none", "none"),
        ("", "unsupported"),
        ("rs256", "rs256"),
    ]:
        with pytest.raises(ValueError, match=says):
            KeyPair.generate(algorithm)
    for wrong in (None, 1, ["RS256"]):
        with pytest.raises(ValueError, match="algorithm must be a str"):
            KeyPair.generate(wrong)


def test_create_token_has_the_parameters_of_fastmcps_key_pair():
    def parameters(method) -> list[tuple]:
        return [(parameter.name, parameter.default, parameter.kind) for parameter in method.parameters.values()]

    theirs = parameters(inspect.signature(RSAKeyPair.create_token))
    assert parameters(inspect.signature(KeyPair.create_token)) == theirs


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"subject": "alice", "issuer": "i", "audience": "a", "scopes": ["read", "write"], "kid": "k"},
        {"audience": ["a", "b"], "scopes": [], "additional_claims": {"iss": "other", "n": {"deep": [None]}}},
        {"expires_in_seconds": -5, "additional_claims": {"exp": 1}},
        {"subject": ""},
    ],
    ids=["defaults", "all", "replaced", "expired", "empty"],
)
def test_a_token_has_the_claims_that_fastmcps_key_pair_gives_it(arguments):
    header, claims = parts(PAIRS["RS256"].create_token(**arguments))
    their_header, their_claims = parts(RSAKeyPair.generate().create_token(**arguments))
    for moment in ("iat", "exp"):
        # Their key takes a while to make.
        assert 0 <= their_claims.pop(moment) - claims.pop(moment) <= 5
    assert claims == their_claims
    assert header == {"typ": "JWT", **their_header}


def test_an_expired_token_is_made_by_a_negative_time(ask):
    verifier = JWTVerifier(public_key=PAIRS["RS256"].public_key, audience="server")
    for seconds, good in [(60, True), (-1, False), (0, False)]:
        token = PAIRS["RS256"].create_token(audience="server", expires_in_seconds=seconds)
        assert (None not in ask(verifier, token)) is good


def test_any_header_and_claims_are_signed_as_they_are():
    token = PAIRS["ES256"].sign({"alg": "none", "x": [1]}, {"exp": "soon", "é": None})
    assert parts(token) == [{"alg": "none", "x": [1]}, {"exp": "soon", "é": None}]
    with pytest.raises(TypeError):
        PAIRS["ES256"].sign({}, {"n": object()})


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_the_private_key_can_be_found_nowhere(algorithm):
    pair = PAIRS[algorithm]
    assert repr(pair) == str(pair) == f"KeyPair({algorithm})"
    native = pair._native  # noqa: SLF001 - looked into
    shown = [repr(pair), repr(vars(pair)), repr(native), *(name for name in dir(native) if "priv" in name.lower())]
    assert not any("PRIVATE" in text or pair.public_key in text for text in shown)
    for make in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            make(pair)
    for name in ("algorithm", "public_key"):
        with pytest.raises(AttributeError):
            setattr(pair, name, "x")


def test_each_generated_pair_is_different():
    for algorithm in ("HS256", "ES256", "EdDSA"):
        assert len({KeyPair.generate(algorithm).public_key for _ in range(10)}) == 10
