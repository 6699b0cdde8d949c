"""No public or private key passes for a shared secret, however it is written: its holder could sign anything.

Rows A2 to A6 and G7 of SECURITY.md.
"""

import base64
import contextlib
import datetime as dt
import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwk as joserfc_jwk

from fastmcp_rs.auth import JWTVerifier

KEYS = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
SPKI, PKCS1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
BOM, ZERO_WIDTH_SPACE = "\ufeff", "\u200b"


def certificate(key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer.example")])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(1))
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def encoded(encoding: Encoding) -> dict[str, bytes]:
    """Each key in each of its structures, as PEM or DER."""
    forms = {}
    for name, key in KEYS.items():
        forms[f"{name} SPKI"] = key.public_key().public_bytes(encoding, SPKI)
        forms[f"{name} certificate"] = certificate(key).public_bytes(encoding)
        forms[f"{name} PKCS#8"] = key.private_bytes(encoding, PKCS8, NoEncryption())
    forms["RSA PKCS#1"] = KEYS["RSA"].public_key().public_bytes(encoding, PKCS1)
    for name in ("RSA", "P-256", "P-384", "P-521"):
        forms[f"{name} traditional private"] = KEYS[name].private_bytes(encoding, TRADITIONAL, NoEncryption())
    return forms


def ssh() -> dict[str, bytes]:
    forms = {name: key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) for name, key in KEYS.items()}
    forms["with a comment"] = forms["RSA"] + b" user@host\n"
    forms["with options"] = b'restrict,from="10.0.0.0/8" ' + forms["RSA"]
    forms["known_hosts"] = b"host.example " + forms["Ed25519"]
    forms["private"] = KEYS["Ed25519"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    body = forms["RSA"].split()[1]
    lines = b"\n".join(body[at : at + 70] for at in range(0, len(body), 70))
    forms["SSH2"] = b'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "x"\n' + lines + b"\n---- END SSH2 PUBLIC KEY ----\n"
    return forms


PEM = encoded(Encoding.PEM)
PEM["P-256 encrypted PKCS#8"] = KEYS["P-256"].private_bytes(Encoding.PEM, PKCS8, BestAvailableEncryption(b"password"))
DER = encoded(Encoding.DER)
SSH = ssh()
FAMILIES = {"RSA": "RSA", "P-256": "EC", "P-384": "EC", "P-521": "EC", "Ed25519": "OKP"}
JWKS = {name: joserfc_jwk.import_key(PEM[f"{name} PKCS#8"], FAMILIES[name]).as_dict(private=True) for name in KEYS}

BEFORE = {
    "nothing": "",
    "space": " ",
    "tab": "\t",
    "newline": "\n",
    "CRLF": "\r\n",
    "BOM": BOM,
    "zero-width space": ZERO_WIDTH_SPACE,
    "NUL": "\0",
    "comment": "# the issuer's key\n",
    "other PEM block": "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
    "a secret": "secret",
    "all of them": f" \t\n{BOM}{ZERO_WIDTH_SPACE}\0# key\n",
}


def one_line(pem: str) -> str:
    return pem.replace("\n", "")


LAYOUTS = {
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "CR only": lambda pem: pem.replace("\n", "\r"),
    "one line": one_line,
    "one line with spaces": lambda pem: pem.replace("\n", " "),
    "escaped newlines": lambda pem: pem.replace("\n", "\\n"),
    "in quotes": lambda pem: f'"{pem}"',
    "no last newline": str.rstrip,
    "no END line": lambda pem: pem[: pem.index("-----END")],
    "lower-cased armour": lambda pem: "".join(
        line.lower() if line.startswith("--") else line for line in pem.splitlines(keepends=True)
    ),
    "lower-cased": str.lower,
    "spaces in the armour": lambda pem: pem.replace("-----BEGIN ", "----- BEGIN  "),
    "text around it": lambda pem: f"The key:\n\n{pem}\nKeep it safe.\n",
}


def taken(secret: str | bytes) -> list[str]:
    """Through which parameters a text or its bytes is taken as an HMAC secret: it must be none."""
    spelled = {"bytes": secret.encode() if isinstance(secret, str) else secret}
    with contextlib.suppress(UnicodeDecodeError):
        spelled["str"] = spelled["bytes"].decode()
    ways = {"secret": {}, "public_key": {"algorithm": "HS256"}}
    return [
        f"{kind} as {parameter}"
        for kind, key in spelled.items()
        for parameter, more in ways.items()
        if accepts(**{parameter: key}, **more)
    ]


def accepts(**arguments) -> bool:
    try:
        JWTVerifier(**arguments, audience="server")
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("form", PEM)
def test_a_pem_key_is_no_secret_whatever_stands_before_it(form, before):
    assert taken(BEFORE[before].encode() + PEM[form]) == []


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("form", SSH)
def test_an_ssh_key_is_no_secret_whatever_stands_before_it(form, before):
    assert taken(BEFORE[before].encode() + SSH[form]) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", PEM)
def test_a_pem_key_is_no_secret_in_whatever_layout(form, layout):
    for before in BEFORE.values():
        assert taken(before + LAYOUTS[layout](PEM[form].decode())) == []


@pytest.mark.parametrize("form", DER)
def test_a_binary_key_is_no_secret(form):
    assert taken(DER[form]) == []


@pytest.mark.parametrize("form", DER)
def test_the_bare_body_of_a_pem_is_no_secret(form):
    lines = base64.encodebytes(DER[form]).decode()
    body = base64.b64encode(DER[form]).decode()
    url_safe = base64.urlsafe_b64encode(DER[form]).decode()
    for text in (lines, lines.replace("\n", "\r\n"), lines.rstrip(), body, body.rstrip("="), f" {body}\n"):
        assert taken(text) == [], text
    for text in (url_safe, url_safe.rstrip("=")):
        assert taken(text) == [], text


@pytest.mark.parametrize("before", ["", " ", "\n", "\r\n\t", BOM, ZERO_WIDTH_SPACE, "\0"], ids=ascii)
@pytest.mark.parametrize("name", JWKS)
def test_a_json_key_is_no_secret_in_whatever_container(name, before):
    private = JWKS[name]
    public = {member: private[member] for member in ("kty", "crv", "x", "y", "n", "e") if member in private}
    for key in (public, private, {**public, "kid": "1", "use": "sig"}, {"KTY": "RSA", **public}):
        for container in (
            key,
            {"keys": [key]},
            [key],
            [[key]],
            {"keys": {"keys": [key]}},
            {"jwks": {"keys": [key]}},
            {"keys": json.dumps([key])},
        ):
            for text in (json.dumps(container), json.dumps(container, indent=2)):
                assert taken(before + text) == []
                assert taken(f"{before}{text}\n ") == []


@pytest.mark.parametrize(
    "secret",
    [
        "jwt-secret-with-thirty-two-bytes-or-more",
        "begin with a few words and end with others",
        "-----a secret between dashes--------------",
        "ssh-rsa is no word to be afraid of, alone.",
        "ecdsa-sha2-nistp256 is not one either, mind",
        "{a brace opens this one, but it is no JSON",
        "[production] some text with a tag before it",
        '"a text in quotes, as people copy from JSON"',
        "0123456789abcdef0123456789abcdef0123456789abcdef",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
        base64.b64encode(bytes(range(64))).decode(),
        base64.urlsafe_b64encode(bytes(range(192, 256))).decode(),
        "пароль, достаточно длинный для HMAC, 日本語も",
        bytes(range(256)),
        b"\x30\x82\x01\x22" + bytes(60),
        json.dumps(joserfc_jwk.import_key("x" * 64, "oct").as_dict()),
    ],
    ids=lambda secret: ascii(secret)[:24],
)
def test_an_ordinary_secret_is_taken_and_works(ask, forge, secret):
    mac_key = base64.urlsafe_b64decode(json.loads(secret)["k"] + "==") if '"oct"' in str(secret) else secret
    token = forge({"aud": "server", "exp": int(time.time()) + 60}, secret=mac_key)
    for arguments in ({"secret": secret}, {"public_key": secret, "algorithm": "HS256"}):
        verifier = JWTVerifier(**arguments, audience="server")
        assert None not in ask(verifier, token)
        assert verifier.public_key is None


def test_a_public_key_verifies_no_hmac_even_where_it_is_rightly_given(ask, forge):
    """CVE-2015-9235: the token chose the algorithm, and the public key was the secret (SECURITY.md, A1)."""
    pem = PEM["RSA SPKI"].decode()
    verifier = JWTVerifier(public_key=pem, audience="server")
    for mac_key in (pem, pem.rstrip("\n"), pem.replace("\n", "\r\n"), DER["RSA SPKI"], json.dumps(JWKS["RSA"])):
        assert ask(verifier, forge({"aud": "server"}, secret=mac_key)) == (None, None)


@pytest.mark.parametrize(
    "unit", ["-----BEGIN", "-----BEGIN ", "----- ", "begin", "ssh-rsa ", "ssh-rsa AAAA ", "[", '{"a":']
)
@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_a_megabyte_that_looks_like_a_key_is_decided_at_once(unit, algorithm):
    text = unit * (2**20 // len(unit))
    started = time.perf_counter()
    accepted = accepts(secret=text, algorithms=[algorithm])
    assert time.perf_counter() - started < 1
    # What is neither armour nor a key is a long secret.
    looks_like_a_key = "BEGIN" in unit or "AAAA" in unit
    assert accepted is (algorithm == "HS256" and not looks_like_a_key)
