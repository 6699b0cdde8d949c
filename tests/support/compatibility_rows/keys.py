"""Observations for docs/compatibility.md: published keys."""

import base64
import functools
import json
import time
import warnings

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from compatibility_rows.sides import GOOD, ROWS, verdict, verifier


@functools.cache
def _published():
    """A private key, and another."""
    return new_rsa_key(2048), new_rsa_key(2048)


def _base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _number(number):
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _jwk(key, kid="k"):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}


def _token_of(key):
    parts = [{"alg": "RS256", "kid": "k"}, {**GOOD, "exp": int(time.time()) + 600}]
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def of_key(change):
    """A row about the key that a token names, as it is published beside another."""

    def observed(side, at):
        signs, beside = _published()
        endpoint = at.new_endpoint()
        endpoint.answer = at.reply(200, f'{{"keys":[{change(_jwk(signs))},{json.dumps(_jwk(beside, "other"))}]}}')
        remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256")
        return verdict(remote, _token_of(signs))

    return observed


def of_set(change, status=200):
    """A row about a set, as a text of a body, with the status of its answer."""

    def observed(side, at):
        signs, _ = _published()
        endpoint = at.new_endpoint()
        endpoint.answer = at.reply(status, change(json.dumps(_jwk(signs))))
        remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256")
        return verdict(remote, _token_of(signs))

    return observed


def _with(**members):
    return lambda jwk: json.dumps({**jwk, **members})


def _private(jwk):
    numbers = _published()[0].private_numbers()
    members = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1}
    return json.dumps(
        {**jwk, **{name: _number(number) for name, number in members.items()}, "qi": _number(numbers.iqmp)}
    )


ROWS["jwk-private"] = of_key(_private)
ROWS["jwk-encryption"] = of_key(_with(use="enc"))
ROWS["jwk-algorithm"] = of_key(_with(alg="RS512"))
ROWS["jwk-base64"] = of_key(lambda jwk: json.dumps({**jwk, "n": f"{jwk['n']}=="}))
ROWS["jwk-name-twice"] = of_key(lambda jwk: f'{json.dumps(jwk)[:-1]},"kid":"k"}}')
ROWS["jwk-operation-twice"] = of_key(_with(key_ops=["verify", "verify"]))
ROWS["jwk-same-id"] = of_key(lambda jwk: f"{json.dumps(_jwk(_published()[1]))},{json.dumps(jwk)}")
ROWS["jwk-set-name-twice"] = of_set(lambda jwk: f'{{"keys":[],"keys":[{jwk}]}}')
ROWS["jwk-set-utf-16"] = of_set(lambda jwk: f'{{"keys":[{jwk}]}}'.encode("utf-16"))
ROWS["jwk-set-status"] = of_set(lambda jwk: f'{{"keys":[{jwk}]}}', status=206)


def new_rsa_key(bits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rsa.generate_private_key(65537, bits)
