"""The shape of joserfc, which FastMCP calls from 3.0 on."""

# What a library, or FastMCP, gives has no type before it is installed.
# ruff: noqa: ANN401

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fastmcp_rs.in_place.step import NativeStep

__all__ = ["module_with", "native_decode", "remembering_import"]

_MOST_KEYS = 256


class _ModuleWith(ModuleType):
    """A module with some functions of ours. Everything else is the original's, and later changes of it too."""

    def __init__(self, original: ModuleType, functions: dict[str, Callable[..., Any]]) -> None:
        super().__init__(original.__name__)
        own = {name: value for name, value in vars(original).items() if name.startswith("__")}
        vars(self).update({**own, **functions})
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __dir__(self) -> list[str]:
        return dir(self._original)


def module_with(original: ModuleType, **functions: Callable[..., Any]) -> ModuleType:
    """Make a module that stands in for another one, with these functions in the place of its own."""
    return _ModuleWith(original, functions)


def native_decode(step: NativeStep, jwt: Any, jwk: Any, registry_class: Any, error_class: Any) -> Any:
    """Make the function that stands in for ``joserfc.jwt.decode``."""
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
        return step.decode(
            value,
            key,
            algorithms if registry is None else registry.allowed,
            only_registered=registry is None or registry.strict_check_header,
            text_of=text_of,
            make=jwt.Token,
            ask_library=ask,
            error=error_class,
        )

    return decode


def remembering_import(step: NativeStep, jwk: Any) -> Any:
    """Make the function that stands in for ``joserfc.jwk.import_key``: one text gives one key object, made once."""

    @functools.lru_cache(_MOST_KEYS)
    def imported(data: str | bytes, key_type: str) -> Any:
        return jwk.import_key(data, key_type)

    @functools.wraps(jwk.import_key)
    def import_key(data: Any, key_type: Any = None, parameters: Any = None) -> Any:
        if step.strict is None or parameters is not None or key_type is None or not isinstance(data, (str, bytes)):
            return jwk.import_key(data, key_type, parameters)
        return imported(data, key_type)

    return import_key
