"""The functions of FastMCP that pass a token to a library, and how to recognise them.

They are internals of FastMCP's, so everything that the replacement needs is checked first, down to how the library
decodes a sample.
"""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fastmcp_rs.patch import authlib, joserfc
from fastmcp_rs.patch.attribute import NativeAttribute
from fastmcp_rs.patch.decoder import NativeDecoder
from fastmcp_rs.patch.module_with import module_with
from fastmcp_rs.patch.recognition import Swap, UnrecognisedError, expect, takes, uses

__all__ = ["TARGETS"]

_VERIFIERS = "fastmcp.server.auth.providers.jwt"

# Signed once with the secret below.
_SAMPLE = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.J1xyag0qksbzBQmgkwp8dS1IVfm3HhzyRu5Jq_ouX2Y"
_SAMPLE_SECRET = "the secret of a sample that no server trusts"  # noqa: S105 - no server trusts it
_SAMPLE_HEADER = {"alg": "HS256"}
_SAMPLE_CLAIMS = {"sub": "a"}


def _package(_decoder: NativeDecoder, package: Any) -> list[Swap]:
    # If the module of the verifiers has another name, the hook would wait for ever. This is checked without an import.
    path, name = package.__path__, package.__name__
    for part in _VERIFIERS.removeprefix(f"{name}.").split("."):
        name = f"{name}.{part}"
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next(filter(None, specs), None)
        if spec is None:
            raise UnrecognisedError(f"there is no {name}")
        path = spec.submodule_search_locations
    return []


def _verifier(decoder: NativeDecoder, module: Any) -> list[Swap]:
    verifier = module.JWTVerifier
    if hasattr(module, "JsonWebToken"):
        expect(uses(verifier.__init__, "JsonWebToken", "jwt"), "JWTVerifier keeps no JsonWebToken as jwt")
        expect(uses(verifier.load_access_token, "jwt", "decode"), "JWTVerifier does not decode with its jwt")
        return [_authlib_swap(decoder, module, verifier, "jwt")]
    expect(uses(verifier.load_access_token, "jwt", "decode", "claims"), "JWTVerifier does not decode with joserfc.jwt")
    expect(uses(module._import_key_for_algorithm, "jwk", "import_key"), "keys do not come from joserfc.jwk")  # noqa: SLF001 - what is checked
    expect(takes(module.jwk.import_key, "data", "key_type", "parameters"), "joserfc.jwk.import_key is another")
    importing = module_with(module.jwk, import_key=joserfc.remembering_import(decoder, module.jwk))
    return [_joserfc_swap(decoder, module, module.JWSRegistry), (module, "jwk", importing)]


def _issuer(decoder: NativeDecoder, module: Any) -> list[Swap]:
    issuer = module.JWTIssuer
    if hasattr(module, "JsonWebToken"):
        expect(uses(issuer.__init__, "JsonWebToken", "_jwt"), "JWTIssuer keeps no JsonWebToken as _jwt")
        expect(uses(issuer.verify_token, "_jwt", "decode"), "JWTIssuer does not decode with its _jwt")
        return [_authlib_swap(decoder, module, issuer, "_jwt")]
    expect(uses(issuer.verify_token, "jwt", "decode", "_jwt_key"), "JWTIssuer does not decode with joserfc.jwt")
    return [_joserfc_swap(decoder, module, None)]


def _joserfc_swap(decoder: NativeDecoder, module: Any, registry_class: Any) -> Swap:
    jwt = module.jwt
    expect(jwt.__name__ == "joserfc.jwt", "jwt is not joserfc's")
    expect(takes(jwt.decode, "value", "key", "algorithms", "registry", "decoder_cls"), "joserfc.jwt.decode is another")
    key = module.jwk.import_key(_SAMPLE_SECRET, "oct")
    sample = jwt.decode(_SAMPLE, key, algorithms=["HS256"])
    made = jwt.Token(dict(_SAMPLE_HEADER), dict(_SAMPLE_CLAIMS))
    expect(type(sample) is jwt.Token and vars(sample) == vars(made), "joserfc.jwt.decode gives something else")
    expect(key.raw_value == _SAMPLE_SECRET.encode(), "a key of joserfc's is another")
    decode = joserfc.native_decode(decoder, jwt, module.jwk, registry_class, module.JoseError)
    return module, "jwt", module_with(jwt, decode=decode)


def _authlib_swap(decoder: NativeDecoder, module: Any, owner: type, name: str) -> Swap:
    token_class = module.JsonWebToken
    expect(not hasattr(owner, name), f"{owner.__name__} itself has {name}")
    expect(
        takes(token_class.decode, "self", "s", "key", "claims_cls", "claims_options", "claims_params"),
        "authlib's JsonWebToken.decode is another",
    )
    sample_decoder = token_class(["HS256"])
    expect(sample_decoder._jws._algorithms == ["HS256"], "authlib's JsonWebToken keeps its algorithms elsewhere")  # noqa: SLF001 - what is checked
    sample = sample_decoder.decode(_SAMPLE, _SAMPLE_SECRET)
    made = type(sample)(dict(_SAMPLE_CLAIMS), type(sample.header)(dict(_SAMPLE_HEADER), None))
    same = (made, made.header, vars(made), vars(made.header)) == (
        sample,
        sample.header,
        vars(sample),
        vars(sample.header),
    )
    expect(same, "authlib's JsonWebToken.decode gives something else")
    native = authlib.native_class(decoder, token_class, module.JoseError, sample)
    return owner, name, NativeAttribute(name, token_class, native)


def _recognised(
    find: Callable[[NativeDecoder, Any], list[Swap]], decoder: NativeDecoder, module: ModuleType
) -> list[Swap]:
    try:
        return find(decoder, module)
    except UnrecognisedError:
        raise
    except Exception as error:
        raise UnrecognisedError(f"{type(error).__name__}: {error}") from error


# The modules to patch, each with the function that finds its replacements. "fastmcp" has none: it is only checked.
TARGETS: dict[str, Callable[[NativeDecoder, ModuleType], list[Swap]]] = {
    "fastmcp": functools.partial(_recognised, _package),
    _VERIFIERS: functools.partial(_recognised, _verifier),
    "fastmcp.server.auth.jwt_issuer": functools.partial(_recognised, _issuer),
}
