"""Where FastMCP's own code hands a token to a library, and how its inside is recognised.

FastMCP promises nothing about these places, so everything that is relied upon is checked first, down to what the
library makes of a sample.
"""

# What a library, or FastMCP, gives has no type before it is installed.
# ruff: noqa: ANN401

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fastmcp_rs.in_place import authlib, joserfc
from fastmcp_rs.in_place.step import NativeStep

__all__ = ["SEAMS", "Swap", "UnrecognisedError"]

# Signed once, with the secret below it.
_SAMPLE = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.J1xyag0qksbzBQmgkwp8dS1IVfm3HhzyRu5Jq_ouX2Y"
_SAMPLE_SECRET = "the secret of a sample that no server trusts"  # noqa: S105 - it opens nothing
_SAMPLE_HEADER = {"alg": "HS256"}
_SAMPLE_CLAIMS = {"sub": "a"}

# An owner, the name of its attribute, and what stands there instead.
Swap = tuple[Any, str, Any]


class UnrecognisedError(Exception):
    """The inside of the installed FastMCP is not as expected; the message says what."""


def _expect(found: object, what: str) -> None:
    if not found:
        raise UnrecognisedError(what)


def _uses(function: Any, *names: str) -> bool:
    return set(names) <= set(inspect.unwrap(function).__code__.co_names)


def _takes(function: Any, *names: str) -> bool:
    return tuple(inspect.signature(function).parameters) == names


def _verifier(step: NativeStep, module: Any) -> list[Swap]:
    verifier = module.JWTVerifier
    if hasattr(module, "JsonWebToken"):
        _expect(_uses(verifier.__init__, "JsonWebToken", "jwt"), "JWTVerifier keeps no JsonWebToken as jwt")
        _expect(_uses(verifier.load_access_token, "jwt", "decode"), "JWTVerifier does not decode with its jwt")
        return [_authlib_swap(step, module, verifier, "jwt")]
    _expect(
        _uses(verifier.load_access_token, "jwt", "decode", "claims"), "JWTVerifier does not decode with joserfc.jwt"
    )
    _expect(_uses(module._import_key_for_algorithm, "jwk", "import_key"), "keys do not come from joserfc.jwk")  # noqa: SLF001 - what is checked
    _expect(_takes(module.jwk.import_key, "data", "key_type", "parameters"), "joserfc.jwk.import_key is another")
    importing = joserfc.module_with(module.jwk, import_key=joserfc.remembering_import(step, module.jwk))
    return [_joserfc_swap(step, module, module.JWSRegistry), (module, "jwk", importing)]


def _issuer(step: NativeStep, module: Any) -> list[Swap]:
    issuer = module.JWTIssuer
    if hasattr(module, "JsonWebToken"):
        _expect(_uses(issuer.__init__, "JsonWebToken", "_jwt"), "JWTIssuer keeps no JsonWebToken as _jwt")
        _expect(_uses(issuer.verify_token, "_jwt", "decode"), "JWTIssuer does not decode with its _jwt")
        return [_authlib_swap(step, module, issuer, "_jwt")]
    _expect(_uses(issuer.verify_token, "jwt", "decode", "_jwt_key"), "JWTIssuer does not decode with joserfc.jwt")
    return [_joserfc_swap(step, module, None)]


def _joserfc_swap(step: NativeStep, module: Any, registry_class: Any) -> Swap:
    jwt = module.jwt
    _expect(jwt.__name__ == "joserfc.jwt", "jwt is not joserfc's")
    _expect(
        _takes(jwt.decode, "value", "key", "algorithms", "registry", "decoder_cls"), "joserfc.jwt.decode is another"
    )
    key = module.jwk.import_key(_SAMPLE_SECRET, "oct")
    sample = jwt.decode(_SAMPLE, key, algorithms=["HS256"])
    made = jwt.Token(dict(_SAMPLE_HEADER), dict(_SAMPLE_CLAIMS))
    _expect(type(sample) is jwt.Token and vars(sample) == vars(made), "joserfc.jwt.decode gives something else")
    _expect(key.raw_value == _SAMPLE_SECRET.encode(), "a key of joserfc's is another")
    decode = joserfc.native_decode(step, jwt, module.jwk, registry_class, module.JoseError)
    return module, "jwt", joserfc.module_with(jwt, decode=decode)


def _authlib_swap(step: NativeStep, module: Any, owner: type, name: str) -> Swap:
    token_class = module.JsonWebToken
    _expect(not hasattr(owner, name), f"{owner.__name__} itself has {name}")
    _expect(
        _takes(token_class.decode, "self", "s", "key", "claims_cls", "claims_options", "claims_params"),
        "authlib's JsonWebToken.decode is another",
    )
    decoder = token_class(["HS256"])
    _expect(decoder._jws._algorithms == ["HS256"], "authlib's JsonWebToken keeps its algorithms elsewhere")  # noqa: SLF001 - what is checked
    sample = decoder.decode(_SAMPLE, _SAMPLE_SECRET)
    made = type(sample)(dict(_SAMPLE_CLAIMS), type(sample.header)(dict(_SAMPLE_HEADER), None))
    same = (made, made.header, vars(made), vars(made.header)) == (
        sample,
        sample.header,
        vars(sample),
        vars(sample.header),
    )
    _expect(same, "authlib's JsonWebToken.decode gives something else")
    native = authlib.native_class(step, token_class, module.JoseError, sample)
    return owner, name, authlib.NativeAttribute(name, token_class, native)


def _recognised(find: Callable[[NativeStep, Any], list[Swap]], step: NativeStep, module: ModuleType) -> list[Swap]:
    try:
        return find(step, module)
    except UnrecognisedError:
        raise
    except Exception as error:
        raise UnrecognisedError(f"{type(error).__name__}: {error}") from error


# The modules with a seam, and what each finds there.
SEAMS: dict[str, Callable[[NativeStep, ModuleType], list[Swap]]] = {
    "fastmcp.server.auth.providers.jwt": functools.partial(_recognised, _verifier),
    "fastmcp.server.auth.jwt_issuer": functools.partial(_recognised, _issuer),
}
