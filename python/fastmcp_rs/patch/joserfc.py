"""The decoder with the interface of joserfc, which FastMCP calls from 3.0 on."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

import functools
from typing import Any

from fastmcp_rs.patch.decoder import NativeDecoder

__all__ = ["native_decode", "remembering_import"]

_MOST_KEYS = 256


def native_decode(decoder: NativeDecoder, jwt: Any, jwk: Any, registry_class: Any, error_class: Any) -> Any:
    """Make the replacement of ``joserfc.jwt.decode``."""
    public = (jwk.RSAKey, jwk.ECKey, jwk.OKPKey)

    def text_of(key: Any) -> str | bytes | None:
        if isinstance(key, jwk.OctKey):
            secret: bytes = key.raw_value
            return secret
        if isinstance(key, public):
            pem: bytes = key.as_pem(private=False)
            return pem
        return None

    @functools.wraps(jwt.decode)
    def decode(value: Any, key: Any, algorithms: Any = None, registry: Any = None, decoder_cls: Any = None) -> Any:
        ask = functools.partial(jwt.decode, value, key, algorithms, registry, decoder_cls)
        known = registry is None or (
            type(registry) is registry_class and registry.header_registry == registry_class.default_header_registry
        )
        if decoder_cls is not None or not known:
            return ask()
        return decoder.decode(
            value,
            key,
            algorithms if registry is None else registry.allowed,
            only_registered=registry is None or registry.strict_check_header,
            text_of=text_of,
            make=jwt.Token,
            ask_library=ask,
            error_class=error_class,
        )

    return decode


def remembering_import(decoder: NativeDecoder, jwk: Any) -> Any:
    """Make the replacement of ``joserfc.jwk.import_key``, which caches: the same text gives the same key object."""

    @functools.lru_cache(_MOST_KEYS)
    def imported(data: str | bytes, key_type: str) -> Any:
        return jwk.import_key(data, key_type)

    @functools.wraps(jwk.import_key)
    def import_key(data: Any, key_type: Any = None, parameters: Any = None) -> Any:
        if decoder.strict is None or parameters is not None or key_type is None or not isinstance(data, (str, bytes)):
            return jwk.import_key(data, key_type, parameters)
        return imported(data, key_type)

    return import_key
