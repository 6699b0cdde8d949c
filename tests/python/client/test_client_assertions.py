"""Assertions of a client with a private key, as a token endpoint sees them (RFC 7523 section 3)."""

import base64
import json
import logging
import os
import time
from pathlib import Path

import pytest

from fastmcp_rs import jws
from fastmcp_rs.auth import OAuthProvider, RemoteAuthProvider
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError

# Those of RFC 8037 appendix A.1 and of RFC 7515 appendix A.3.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
KEYS = Path(__file__).parents[2] / "vectors" / "keys"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
URL = "https://issuer.example/token"


def public(key):
    return json.dumps({name: value for name, value in key.items() if name != "d"})


def read(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "key.json"
    write(path, ED25519)
    return path


def write(path, key):
    """Put another file with this key in the place of the one there."""
    new = path.with_name("new")
    new.write_text(key if isinstance(key, str) else json.dumps(key))
    new.replace(path)


@pytest.fixture
def signed_with(issuer, path, token):
    """Have a client that lives on ask for a token, and give the header and the claims of its assertion."""
    oauth = OAuth("robot", None, f"{issuer.url}/token", private_key_file=path)
    issuer.more = {"expires_in": 0}

    def signed():
        token(oauth)
        header, claims, _ = issuer.requests[-1].form["client_assertion"].split(".")
        return read(header), read(claims)

    return signed


def test_the_request_is_that_of_rfc_7523_2_2(issuer, path, token):
    write(path, {**ED25519, "kid": 'a "kid"'})
    before = int(time.time())
    token(OAuth("a robot", None, f"{issuer.url}/token", private_key_file=str(path), scope="read"))
    (request,) = issuer.requests
    assert "authorization" not in request.headers
    form = request.form
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "scope": "read",
        "client_id": "a robot",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    claims = json.loads(jws.verify(assertion, public(ED25519)))
    assert read(assertion.split(".")[0]) == {"alg": "EdDSA", "kid": 'a "kid"'}
    assert set(claims) == {"iss", "sub", "aud", "jti", "iat", "exp"}
    assert claims["iss"] == claims["sub"] == "a robot"
    assert claims["aud"] == f"{issuer.url}/token"
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] == claims["iat"] + 60
    assert len(claims["jti"]) == 22


@pytest.mark.parametrize(
    ("name", "public_name", "algorithm"),
    [
        ("rsa.private", "rsa.spki", "RS256"),
        ("rsa.private.pkcs1", "rsa.spki", "RS256"),
        ("p256.private", "p256.spki", "ES256"),
        ("p256.private.sec1", "p256.spki", "ES256"),
        ("p384.private", "p384.spki", "ES384"),
        ("p521.private", "p521.spki", "ES512"),
        ("ed25519.private", "ed25519.spki", "EdDSA"),
    ],
)
def test_keys_in_openssls_formats_sign(issuer, token, name, public_name, algorithm):
    token(OAuth("robot", None, f"{issuer.url}/token", private_key_file=KEYS / f"{name}.pem"))
    assertion = issuer.requests[0].form["client_assertion"]
    assert json.loads(jws.verify(assertion, (KEYS / f"{public_name}.pem").read_text()))["iss"] == "robot"
    assert read(assertion.split(".")[0]) == {"alg": algorithm}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("p256.private.encrypted.pem", "encrypted"),
        ("ed448.private.pem", "no unencrypted private key"),
        ("rsa.spki.pem", "public key"),
        ("rsa.certificate.pem", "public key"),
        ("ssh-ed25519.private", "label"),
        ("ssh-rsa.pub", "neither a private key"),
    ],
)
def test_other_keys_are_an_error(name, why):
    with pytest.raises(ValueError, match=why):
        OAuth("robot", None, URL, private_key_file=KEYS / name)


def test_each_request_has_its_own_assertion_with_the_configured_audience(issuer, path, token):
    options = {"private_key_file": path, "assertion_audience": "https://issuer.example"}
    oauth = OAuth("robot", None, f"{issuer.url}/token", token_endpoint_auth_method="private_key_jwt", **options)
    issuer.more = {"expires_in": 0}
    for _ in range(3):
        token(oauth)
    claims = [read(request.form["client_assertion"].split(".")[1]) for request in issuer.requests]
    assert [claim["aud"] for claim in claims] == ["https://issuer.example"] * 3
    assert len({claim["jti"] for claim in claims}) == 3


def test_another_key_in_the_file_is_used_from_the_next_request_on(signed_with, path):
    assert signed_with()[0] == {"alg": "EdDSA"}
    write(path, {**P256, "kid": "new"})
    assert signed_with()[0] == {"alg": "ES256", "kid": "new"}
    # In place, within the same moment and with the same length.
    path.write_text(json.dumps({**P256, "kid": "neu"}))
    assert signed_with()[0] == {"alg": "ES256", "kid": "neu"}
    stat = path.stat()
    path.write_text(json.dumps({**P256, "kid": "nei"}))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert signed_with()[0] == {"alg": "ES256", "kid": "nei"}


def test_a_file_that_was_unchanged_for_long_is_read_again_when_it_changes(signed_with, path):
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    assert [signed_with()[0]["alg"] for _ in range(3)] == ["EdDSA"] * 3
    write(path, P256)
    os.utime(path, (long_ago, long_ago))
    assert signed_with()[0]["alg"] == "ES256"


def test_a_symbolic_link_that_changes_is_followed(signed_with, path, tmp_path):
    # As volumes of Kubernetes do it.
    (tmp_path / "other.json").write_text(json.dumps(P256))
    path.unlink()
    path.symlink_to(tmp_path / "other.json")
    assert signed_with()[0]["alg"] == "ES256"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: (path.unlink(), path.mkdir()), "no regular file"),
        (lambda path: path.write_text(""), "neither a private key"),
        (lambda path: path.write_text(json.dumps(ED25519)[:40]), "JSON object"),
        (lambda path: path.write_text(public(ED25519)), "public key"),
        (lambda path: path.write_text(" " * 70_000), "64 KiB"),
    ],
)
def test_a_file_that_becomes_bad_keeps_the_last_key_and_is_logged_once(signed_with, path, caplog, spoil, why):
    caplog.set_level(logging.WARNING, "fastmcp_rs")
    spoil(path)
    assert [signed_with()[0]["alg"] for _ in range(3)] == ["EdDSA"] * 3
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("fastmcp_rs.client", "WARNING")
    assert why in record.getMessage()
    assert "last key" in record.getMessage()
    assert ED25519["d"] not in record.getMessage()
    if path.is_dir():
        path.rmdir()
    write(path, P256)
    assert signed_with()[0]["alg"] == "ES256"
    assert len(caplog.records) == 1
    path.unlink()
    signed_with()
    assert len(caplog.records) == 2, "it is logged each time that it happens"


def test_the_assertion_of_a_refused_request_is_shown_nowhere(new_server, path, token):
    seen = []

    def answer(request):
        seen.append(request.form["client_assertion"])
        return 401, {"error": "invalid_client", "error_description": f"no: {seen[-1]}"}

    server = new_server(answer)
    with pytest.raises(OAuthError) as caught:
        token(OAuth("robot", None, f"{server.url}/token", private_key_file=path))
    assert seen[0].split(".")[2] not in f"{caught.value!r} {vars(caught.value)}"


BAD_FILES = [
    ("missing", "cannot be read"),
    ("", "neither a private key"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key"),
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "encrypted"),
    (json.dumps({"kty": "oct", "k": "AAAA"}), "client_secret"),
    (json.dumps({"keys": [ED25519]}), "JWK Set"),
    (json.dumps({**ED25519, "use": "enc"}), "use"),
    (json.dumps({**P256, "crv": "P-384"}), "private key"),
]


@pytest.mark.parametrize(("text", "why"), BAD_FILES)
@pytest.mark.parametrize(
    "make",
    [
        lambda path: OAuth("robot", None, URL, private_key_file=path),
        lambda path: OAuthProvider("robot", None, URL, audience="a", private_key_file=path),
        lambda path: RemoteAuthProvider(URL, FORM, assertion_client_id="robot", private_key_file=path),
    ],
    ids=["OAuth", "OAuthProvider", "RemoteAuthProvider"],
)
def test_a_file_that_is_bad_at_construction_is_an_error(tmp_path, make, text, why):
    path = tmp_path / "key"
    if text != "missing":
        path.write_text(text)
    with pytest.raises(ValueError, match=f"private_key_file cannot be used.*{why}") as caught:
        make(path)
    assert ED25519["d"] not in str(caught.value)


def test_a_key_in_the_place_of_a_path_is_an_error_that_does_not_show_it():
    for text in (json.dumps(ED25519), "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"):
        with pytest.raises(ValueError, match="not the text of a key") as caught:
            OAuth("robot", None, URL, private_key_file=text)
        assert ED25519["d"] not in str(caught.value)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"client_secret": "secret"}, "two ways"),
        ({"private_key_file": None}, "client_secret is missing"),
        ({"private_key_file": None, "client_secret": "secret", "assertion_audience": "a"}, "assertion_audience"),
        ({"assertion_audience": ""}, "assertion_audience is empty"),
        ({"assertion_audience": " a"}, "assertion_audience"),
    ],
)
def test_a_secret_and_a_key_exclude_each_other(path, given, why):
    arguments = {"client_id": "robot", "client_secret": None, "token_url": URL, "private_key_file": path, **given}
    for make in (OAuth, OAuthProvider):
        with pytest.raises(ValueError, match=why):
            make(**arguments)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "none"])
def test_a_key_with_another_authentication_method_is_an_error(path, method):
    with pytest.raises(ValueError, match="private_key_jwt"):
        OAuth("robot", None, URL, private_key_file=path, token_endpoint_auth_method=method)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"assertion_client_id": None}, "assertion_client_id"),
        ({"private_key_file": None}, "assertion_client_id is for assertions"),
        (
            {"private_key_file": None, "assertion_client_id": None, "assertion_audience": "a"},
            "assertion_audience is for",
        ),
        ({"headers": None}, "x-www-form-urlencoded"),
        ({"headers": {"Content-Type": "application/json"}}, "x-www-form-urlencoded"),
        ({"headers": {**FORM, "Authorization": "Bearer x"}}, "Authorization"),
    ],
)
def test_a_verification_service_has_one_way_of_client_authentication(path, given, why):
    good = {"verify_url": URL, "headers": FORM, "private_key_file": path, "assertion_client_id": "robot"}
    assert RemoteAuthProvider(**good)
    with pytest.raises(ValueError, match=why):
        RemoteAuthProvider(**{**good, **given})


def test_neither_file_nor_key_is_shown(path):
    for shown in (
        OAuth("robot", None, URL, private_key_file=path),
        OAuthProvider("r", None, URL, "a", audience="a", private_key_file=path),
    ):
        assert str(path) not in repr(shown)
        assert ED25519["d"] not in repr(shown)
