"""Which keys are accepted: of the type that the algorithms need, sound, public, and never shown in a message."""

import json
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

SECRET = "sEcReT-of-no-less-than-sixty-four-bytes-so-that-it-suits-all-of-HS"
RSA = KeyPair.generate("RS256")
EC = KeyPair.generate("ES256")
EDDSA = KeyPair.generate("EdDSA")
OCT_JWK = json.dumps(KeyPair.generate("HS256").jwk())
RSA_JWK = json.dumps(RSA.jwk())


def private_pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load(key, *algorithms: str) -> JWTVerifier:
    return JWTVerifier(key, algorithms, "server")


class TextLike:
    def __str__(self) -> str:
        return SECRET

    def __bytes__(self) -> bytes:
        return SECRET.encode()


FITS_NONE = "fits none of the algorithms"

# A key that is wrong for the algorithm, what the message says, and the nearest right key.
WRONG = {
    "public key for HS256": (RSA.public_key, "HS256", "shared secret", SECRET),
    "secret for RS256": (SECRET, "RS256", "public key", RSA.public_key),
    "RSA key for ES256": (RSA.public_key, "ES256", FITS_NONE, EC.public_key),
    "RSA JWK for ES256": (json.dumps(RSA.jwk()), "ES256", FITS_NONE, json.dumps(EC.jwk())),
    "RSA JWK for HS256": (json.dumps(RSA.jwk()), "HS256", FITS_NONE, OCT_JWK),
    "oct JWK for RS256": (OCT_JWK, "RS256", FITS_NONE, json.dumps(RSA.jwk())),
    "P-256 key for ES384": (EC.public_key, "ES384", FITS_NONE, KeyPair.generate("ES384").public_key),
    "EC key for RS256": (EC.public_key, "RS256", FITS_NONE, RSA.public_key),
    "Ed25519 key for RS256": (EDDSA.public_key, "RS256", FITS_NONE, RSA.public_key),
    "RSA key for Ed25519": (RSA.public_key, "Ed25519", FITS_NONE, EDDSA.public_key),
    "JWK bound to RS256 for RS512": (RSA_JWK, "RS512", FITS_NONE, RSA_JWK.replace("RS256", "RS512")),
    "JWK for encryption": (RSA_JWK.replace('"sig"', '"enc"'), "RS256", "reserves it", RSA_JWK),
    "bytes of no PEM": (b"\xff\x00", "RS256", "PEM", RSA.public_key.encode()),
    "PEM cut short": (RSA.public_key[:200], "RS256", "PEM", RSA.public_key),
    "two PEM blocks": (RSA.public_key + EC.public_key, "RS256", "exactly one PEM block", RSA.public_key),
    "PEM of nothing": (
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "RS256",
        "does not parse",
        RSA.public_key,
    ),
    "JWK cut short": (RSA_JWK[:-9], "RS256", "JWK", RSA_JWK),
    "JWK without a modulus": ('{"kty":"RSA","e":"AQAB"}', "RS256", '"n"', RSA_JWK),
    "JWK with a member twice": (RSA_JWK.replace("{", '{"kty":"RSA",'), "RS256", "JSON object", RSA_JWK),
    "empty JWK Set": ('{"keys":[]}', "RS256", "JWK Set is empty", f'{{"keys":[{RSA_JWK}]}}'),
    "JWK Set of both kinds": (
        f'{{"keys":[{RSA_JWK},{OCT_JWK}]}}',
        "RS256",
        "mixes symmetric",
        f'{{"keys":[{RSA_JWK},{json.dumps(EC.jwk())}]}}',
    ),
    "short oct JWK": ('{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}', "HS256", FITS_NONE, OCT_JWK),
    "oct JWK without a key": ('{"kty":"oct","k":""}', "HS256", '"k"', OCT_JWK),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("parameter", ["secret", "public_key"])
def test_the_error_of_a_wrong_key_says_what_would_be_right_and_that_works(parameter, case):
    wrong, algorithm, says, right = WRONG[case]
    with pytest.raises(ValueError, match=says):
        JWTVerifier(**{parameter: wrong}, algorithms=[algorithm], audience="server")
    assert JWTVerifier(**{parameter: right}, algorithms=[algorithm], audience="server")


def test_a_key_that_fits_one_of_the_algorithms_is_enough():
    assert load(EC.public_key, "ES256", "ES384", "RS256")
    assert load(EDDSA.public_key, "EdDSA", "Ed25519")
    assert load(f'{{"keys":[{RSA_JWK},{json.dumps(EC.jwk())}]}}', "ES256")


@pytest.mark.parametrize(
    "key",
    [
        *("", b"", " ", "\n", b"\t \r\n", "\ud800" * 64, bytearray(SECRET.encode())),
        *(0, 1, 10**80, True, 1.5, [], (), [SECRET], {}, {"kty": "oct", "k": "AAAA"}, TextLike(), object()),
    ],
    ids=lambda key: ascii(key)[:20],
)
@pytest.mark.parametrize(
    ("parameter", "algorithm"), [("secret", "HS256"), ("public_key", "HS256"), ("secret", "RS256")]
)
def test_a_key_is_str_or_bytes_and_not_blank(parameter, algorithm, key):
    with pytest.raises(ValueError, match=r"key|secret"):
        JWTVerifier(**{parameter: key}, algorithms=[algorithm], audience="server")
    right = SECRET if algorithm == "HS256" else RSA.public_key
    for spelled in (right, right.encode()):
        assert JWTVerifier(**{parameter: spelled}, algorithms=[algorithm], audience="server")


PRIVATE = {
    "RSA": (lambda: rsa.generate_private_key(65537, 2048), "RS256"),
    "EC": (lambda: ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
}


@pytest.mark.parametrize("kind", PRIVATE)
def test_a_private_key_is_refused_where_its_public_half_is_taken(kind):
    generate, algorithm = PRIVATE[kind]
    key = generate()
    with pytest.raises(ValueError, match="private key; give the public key"):
        load(private_pem(key), algorithm)
    assert load(public_pem(key), algorithm)


@pytest.mark.parametrize(("pair", "member"), [(RSA, "d"), (RSA, "p"), (EC, "d"), (EDDSA, "d"), (EDDSA, "oth")])
def test_a_private_jwk_is_refused_where_its_public_half_is_taken(pair, member):
    for jwk in ({**pair.jwk(), member: "AAAA"}, {"keys": [{**pair.jwk(), member: "AAAA"}]}):
        with pytest.raises(ValueError, match="private members"):
            load(json.dumps(jwk), pair.algorithm)
    assert load(json.dumps(pair.jwk()), pair.algorithm)


@pytest.mark.parametrize(
    ("generate", "algorithm"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "RS256"),  # noqa: S505 - refused for it
        (lambda: dsa.generate_private_key(1024), "RS256"),  # noqa: S505 - the size is not the point
        (lambda: ec.generate_private_key(ec.SECP256K1()), "ES256"),
        (lambda: ec.generate_private_key(ec.SECP224R1()), "ES256"),
        (x25519.X25519PrivateKey.generate, "EdDSA"),
        (x448.X448PrivateKey.generate, "Ed448"),
    ],
    ids=["RSA-1024", "DSA", "secp256k1", "P-224", "X25519", "X448"],
)
def test_a_key_type_that_is_not_supported_is_refused(generate, algorithm):
    with pytest.raises(ValueError, match="the key cannot be used"):
        load(public_pem(generate()), algorithm)


def message_of(key, algorithms: list[str]) -> str:
    """What is said of a key: the error's text, or the repr of the verifier that takes it."""
    try:
        return repr(JWTVerifier(key, algorithms))
    except ValueError as error:
        return f"ValueError: {error}"


def test_no_message_shows_a_key_or_a_secret():
    planted = "UExBTlRFRC1TRUNSRVQtVEVYVC1PRi1OTy1VU0U"
    private = private_pem(ec.generate_private_key(ec.SECP256R1()))
    body = private.splitlines()[1]
    keys = [
        *(planted, planted.encode() + b"\xff", [planted], {planted: planted}, f"ssh-rsa AAAA{planted}"),
        *(f"-----BEGIN {planted}", f"-----BEGIN PUBLIC KEY-----\n{planted}\n-----END PUBLIC KEY-----"),
        *(f'{{"{planted}":', f'["{planted}"]', f'{{"kty":"{planted}"}}', f'{{"keys":[{{"kid":"{planted}"}}]}}'),
        *(f'{{"kty":"oct","k":"{planted[:20]}"}}', f'{{"kty":"RSA","n":"{planted}"}}', private),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [message_of(key, names) for key in keys for names in (["HS512"], ["RS256"], ["ES256"], ["none"], [])]
    # Three of the texts are secrets like any other, to HS512.
    assert sum(text.startswith("ValueError") for text in said) == len(said) - 3
    for text in said:
        assert planted[:20] not in text
        assert body not in text
        assert len(text) < 500
