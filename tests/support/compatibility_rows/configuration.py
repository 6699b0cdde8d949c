"""Observations for docs/compatibility.md: configuration."""

import os
import pickle
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from compatibility_rows.keys import new_rsa_key
from compatibility_rows.sides import GOOD, SECRET, attempt, row, verdict, verifier


@row
def issuer_empty(side, _):
    return attempt(lambda: verifier(side, issuer=[]))


@row
def audience_empty(side, _):
    return attempt(lambda: verifier(side, audience=""))


@row
def scopes_empty(side, _):
    return attempt(lambda: verifier(side, required_scopes=""))


@row
def key_unreadable(side, _):
    return _with_key(side, "abc")


@row
def secret_and_url(side, _):
    return attempt(
        lambda: side.auth.JWTVerifier(jwks_uri="https://issuer.example/jwks", algorithm="HS256", audience="a")
    )


@row
def list_of_the_caller(side, at):
    given = ["other"]
    made = verifier(side, audience=given)
    given.append(GOOD["aud"])
    return "heeded" if verdict(made, at.forge(GOOD)) == "accepted" else "not heeded"


def _with_key(side, pem):
    return attempt(lambda: verifier(side, public_key=pem, algorithm="RS256"))


@row
def rsa_short(side, _):
    return _with_key(
        side, new_rsa_key(1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )


@row
def rsa_pss(side, _):
    pem = Path(__file__).parents[2].joinpath("vectors/keys/rsa-pss.spki.pem").read_text()
    return attempt(lambda: verifier(side, public_key=pem, algorithm="PS256"))


@row
def private_key(side, _):
    pem = new_rsa_key(2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _with_key(side, pem.decode())


@row
def secret_pem(side, _):
    pem = new_rsa_key(2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return attempt(lambda: verifier(side, public_key=pem))


@row
def secret_reads_back(side, _):
    return "the secret" if verifier(side).public_key == SECRET else "`None`"


@row
def pickled(side, _):
    return attempt(lambda: pickle.dumps(verifier(side)))


@row
def validate_issuer(side, at):
    """Override it, and expect no issuer."""
    asked = []

    class Verifier(side.auth.JWTVerifier):
        def _validate_issuer(self, issuer):
            asked.append(issuer)
            return True

    verdict(Verifier(public_key=SECRET, algorithm="HS256", audience="server"), at.forge(GOOD))
    return "asked" if asked else "not asked"


@row
def verification_key(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _get_verification_key(self, _):
                return SECRET

        Verifier(public_key=SECRET, algorithm="HS256", audience="server")

    return attempt(overridden)


@row
def jwks_key(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _get_jwks_key(self, kid):
                return await super()._get_jwks_key(kid)

        Verifier(public_key=SECRET, algorithm="HS256", audience="server")

    return attempt(overridden)


@row
def fetch_jwks(side, _):
    def overridden():
        class Verifier(side.auth.JWTVerifier):
            async def _fetch_jwks(self):
                return {}

        Verifier(public_key=SECRET, algorithm="HS256", audience="server")

    return attempt(overridden)


@row
def environment(side, _):
    variables = {"FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY": SECRET, "FASTMCP_SERVER_AUTH_JWT_ALGORITHM": "HS256"}
    with mock.patch.dict(os.environ, variables):
        return attempt(lambda: side.auth.JWTVerifier(audience="server"))
