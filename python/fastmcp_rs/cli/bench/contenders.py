"""The verifiers that are compared: ours, that of the installed FastMCP, and the JWT libraries that are installed.

A library returns claims, and a server needs FastMCP's access token. So each is called as a server would call it: with a
key that is parsed once, and with the same demands on issuer, audience, expiry and scope.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs.auth.jwt import JWTVerifier
from fastmcp_rs.testing import KeyPair

__all__ = ["FASTMCP", "OURS", "OURS_WITHOUT_CACHE", "Demands", "Verify", "contenders", "libraries", "signature_alone"]

OURS = "fastmcp-rs"
OURS_WITHOUT_CACHE = "fastmcp-rs, cache off"
FASTMCP = "FastMCP"

Verify = Callable[[str], Awaitable[object | None]]
_Decode = Callable[[str], Mapping[str, Any]]

# The kinds of keys (RFC 7517 section 4.1) by the first letter of an algorithm's name; EdDSA is OKP.
_KEY_TYPES = {"H": "oct", "R": "RSA", "P": "RSA", "E": "EC"}


@dataclass(frozen=True)
class Demands:
    """The demands of every contender on a token."""

    keys: KeyPair
    issuer: str
    audience: str
    scope: str

    @property
    def algorithm(self) -> str:
        """The one algorithm that is accepted."""
        return self.keys.algorithm

    @property
    def key_type(self) -> str:
        """The key type that the algorithm needs."""
        return "OKP" if self.algorithm == "EdDSA" else _KEY_TYPES[self.algorithm[0]]

    @property
    def options(self) -> dict[str, Any]:
        """The same demands as arguments of this package's ``JWTVerifier``, and of FastMCP's."""
        return {
            "public_key": self.keys.public_key,
            "algorithm": self.algorithm,
            "issuer": self.issuer,
            "audience": self.audience,
            "required_scopes": [self.scope],
        }


def contenders(demands: Demands) -> dict[str, Verify]:
    """Make every contender that is installed and supports the algorithm, by its name."""
    options = demands.options
    found: dict[str, Verify] = {
        OURS: JWTVerifier(**options).verify_token,
        OURS_WITHOUT_CACHE: JWTVerifier(**options, cache_size=0).verify_token,
    }
    # It does not know every algorithm.
    with suppress(ValueError):
        found[FASTMCP] = _compat.fastmcp("server.auth.providers.jwt").JWTVerifier(**options).verify_token
    return found | {name: _verifier(decode, demands.scope) for name, decode in libraries(demands).items()}


def libraries(demands: Demands) -> dict[str, Callable[[str], Mapping[str, Any]]]:
    """Make those JWT libraries that are installed and support the algorithm: functions from a token to its claims."""
    found: dict[str, _Decode] = {}
    for name, make in _LIBRARIES.items():
        # Any error, of a library that does not support the key.
        with suppress(Exception):
            found[name] = make(demands)
    return found


def signature_alone(demands: Demands) -> Callable[[bytes, bytes], object] | None:
    """Make a check of a signature by the package ``cryptography``, which takes a message and a signature of JOSE's."""
    try:
        return _cryptography(demands)
    except ImportError:
        return None


def _verifier(decode: _Decode, scope: str) -> Verify:
    model: Any = _compat.FastMCPAccessToken
    fields = model.model_fields.keys()

    async def verify(token: str) -> object | None:
        try:
            claims = decode(token)
        except Exception:  # noqa: BLE001 - a server refuses for any error of any library
            return None
        scopes = claims["scope"].split()
        if scope not in scopes:
            return None
        values = {
            "token": token,
            "client_id": claims.get("client_id") or claims["sub"],
            "scopes": scopes,
            "expires_at": int(claims["exp"]),
            "subject": claims["sub"],
            "claims": dict(claims),
        }
        made: object = model(**{name: value for name, value in values.items() if name in fields})
        return made

    return verify


def _pyjwt(demands: Demands) -> _Decode:
    jwt = import_module("jwt")
    key = jwt.PyJWK(demands.keys.jwk()).key
    wanted = {"algorithms": [demands.algorithm], "audience": demands.audience, "issuer": demands.issuer}
    return lambda token: jwt.decode(token, key, **wanted)


def _like_pyjwt(package: str) -> Callable[[Demands], _Decode]:
    """A library with PyJWT's interface that takes its keys as PEM text for each call."""

    def make(demands: Demands) -> _Decode:
        decode = import_module(package).decode
        key = demands.keys.public_key
        wanted = {"algorithms": [demands.algorithm], "audience": demands.audience, "issuer": demands.issuer}
        return lambda token: decode(token, key, **wanted)

    return make


def _joserfc(demands: Demands) -> _Decode:
    jwt, jwk = import_module("joserfc.jwt"), import_module("joserfc.jwk")
    key = jwk.import_key(demands.keys.public_key, demands.key_type)
    registry = jwt.JWTClaimsRegistry(**_essential(demands))

    def decode(token: str) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[demands.algorithm]).claims
        registry.validate(claims)
        return claims

    return decode


def _authlib(demands: Demands) -> _Decode:
    jose = import_module("authlib.jose")
    key = jose.JsonWebKey.import_key(demands.keys.public_key, {"kty": demands.key_type})
    jwt = jose.JsonWebToken([demands.algorithm])
    essential = _essential(demands)

    def decode(token: str) -> Mapping[str, Any]:
        claims = jwt.decode(token, key, claims_options=essential)
        claims.validate()
        return dict(claims)

    return decode


def _python_jose(demands: Demands) -> _Decode:
    jwt, jwk = import_module("jose.jwt"), import_module("jose.jwk")
    key = jwk.construct(demands.keys.public_key, demands.algorithm)
    wanted = {"algorithms": [demands.algorithm], "audience": demands.audience, "issuer": demands.issuer}
    return lambda token: jwt.decode(token, key, **wanted)


def _jwtoxide(demands: Demands) -> _Decode:
    jwtoxide = import_module("jwtoxide")
    text, of = demands.keys.public_key, jwtoxide.DecodingKey
    makers = {"RSA": of.from_rsa_pem, "EC": of.from_ec_pem, "OKP": of.from_ed_pem}
    key = of.from_secret(text.encode()) if demands.key_type == "oct" else makers[demands.key_type](text)
    options = jwtoxide.ValidationOptions(
        aud={demands.audience}, iss={demands.issuer}, algorithms=[demands.algorithm], required_spec_claims={"exp"}
    )
    return lambda token: jwtoxide.decode(token, key, options)


def _ryjwt(demands: Demands) -> _Decode:
    ryjwt = import_module("ryjwt")
    kind = ryjwt.SecretKey if demands.key_type == "oct" else ryjwt.PublicKey
    wanted = {"algorithms": [demands.algorithm], "audience": demands.audience, "issuer": demands.issuer}
    decode: _Decode = kind(demands.keys.public_key, **wanted).decode
    return decode


def _oxyjwt(demands: Demands) -> _Decode:
    oxyjwt = import_module("oxyjwt._oxyjwt")
    of = oxyjwt.DecodingKey
    makers = {"RSA": of.from_rsa_pem, "EC": of.from_ec_pem, "OKP": of.from_ed_pem, "oct": of.from_secret}
    key, algorithms = makers[demands.key_type](demands.keys.public_key), [demands.algorithm]
    wanted = {"audience": demands.audience, "issuer": demands.issuer}
    return lambda token: oxyjwt.decode(token, key, algorithms, **wanted)


def _pyjosers(demands: Demands) -> _Decode:
    """A library that returns the claims as JSON text."""
    jwk, jwt = import_module("pyjosers.jwk"), import_module("pyjosers.jwt")
    key = jwk.JWK(**demands.keys.jwk())
    checks = {"iss": demands.issuer, "aud": demands.audience, "exp": None}
    return lambda token: json.loads(jwt.JWT(jwt=token, key=key, algs=[demands.algorithm], check_claims=checks).claims)


def _essential(demands: Demands) -> dict[str, dict[str, object]]:
    wanted = {"iss": demands.issuer, "aud": demands.audience}
    return {name: {"essential": True, "value": value} for name, value in wanted.items()}


def _cryptography(demands: Demands) -> Callable[[bytes, bytes], object]:
    primitives = "cryptography.hazmat.primitives"
    hashes = import_module(f"{primitives}.hashes")
    size = demands.algorithm[2:]
    if demands.key_type == "oct":
        hmac = import_module(f"{primitives}.hmac")
        ready = hmac.HMAC(demands.keys.public_key.encode(), getattr(hashes, f"SHA{size}")())

        def check(message: bytes, signature: bytes) -> None:
            mac = ready.copy()
            mac.update(message)
            mac.verify(signature)

        return check
    key = import_module(f"{primitives}.serialization").load_pem_public_key(demands.keys.public_key.encode())
    if demands.key_type == "OKP":
        return lambda message, signature: key.verify(signature, message)
    digest = getattr(hashes, f"SHA{size}")()
    if demands.key_type == "EC":
        ec, utils = import_module(f"{primitives}.asymmetric.ec"), import_module(f"{primitives}.asymmetric.utils")
        kind = ec.ECDSA(digest)

        def check_point(message: bytes, signature: bytes) -> None:
            half = len(signature) // 2
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            key.verify(utils.encode_dss_signature(r, s), message, kind)

        return check_point
    padding = import_module(f"{primitives}.asymmetric.padding")
    fill = padding.PKCS1v15()
    if demands.algorithm.startswith("P"):
        fill = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    return lambda message, signature: key.verify(signature, message, fill, digest)


_LIBRARIES: dict[str, Callable[[Demands], _Decode]] = {
    "PyJWT": _pyjwt,
    "joserfc": _joserfc,
    "authlib": _authlib,
    "python-jose": _python_jose,
    "jwtoxide": _jwtoxide,
    "pyjwt-rs": _like_pyjwt("jwt_rs"),
    "webtoken": _like_pyjwt("webtoken"),
    "ryjwt": _ryjwt,
    "oxyjwt": _oxyjwt,
    "pyjosers": _pyjosers,
}
