"""The shape of authlib, which FastMCP calls up to 2.14."""

# What a library, or FastMCP, gives has no type before it is installed.
# ruff: noqa: ANN401

import functools
import weakref
from typing import Any

from fastmcp_rs.in_place.step import NativeStep

__all__ = ["NativeAttribute", "native_class"]


def native_class(step: NativeStep, token_class: Any, error_class: Any, sample: Any) -> Any:
    """Make the class that stands in for authlib's ``JsonWebToken``: an instance shares the state of one of those.

    Args:
        step: The native step.
        token_class: The class that it stands in for.
        error_class: The class of errors that FastMCP expects.
        sample: What the original decodes a token to; what is made here is made like it.
    """
    claims_class, header_class = type(sample), type(sample.header)

    def make(header: dict[str, Any], claims: dict[str, Any]) -> Any:
        return claims_class(claims, header_class(header, None))

    class NativeJsonWebToken(token_class):  # type: ignore[misc]
        __slots__ = ("_original",)
        # As pickle and whoever asks see it.
        __class__ = property(lambda _: token_class)

        def __init__(self, original: Any) -> None:
            self.__dict__ = original.__dict__  # type: ignore[misc]
            self._original = weakref.ref(original)

        def decode(
            self,
            s: Any,
            key: Any,
            claims_cls: Any = None,
            claims_options: Any = None,
            claims_params: Any = None,
        ) -> Any:
            ask = functools.partial(super().decode, s, key, claims_cls, claims_options, claims_params)
            if (claims_cls, claims_options, claims_params) != (None, None, None):
                return ask()
            return step.decode(
                s,
                key,
                self._jws._algorithms,  # noqa: SLF001 - its presence was checked
                only_registered=False,
                text_of=_text_of,
                make=make,
                ask_library=ask,
                error=error_class,
            )

        def original(self) -> Any:
            known = self._original()
            if known is None:
                known = token_class.__new__(token_class)
                known.__dict__ = self.__dict__
            return known

        def __reduce_ex__(self, protocol: Any) -> Any:
            return self.original().__reduce_ex__(protocol)

    return NativeJsonWebToken


def _text_of(key: Any) -> str | bytes | None:
    """The text of a key of cryptography's, if it is one and has such a form."""
    public_bytes = getattr(key, "public_bytes", None)
    if public_bytes is None:
        return None
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - loaded long since, as the key shows

    try:
        pem: bytes = public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (TypeError, ValueError):
        return None
    return pem


class NativeAttribute:
    """Shows what instances keep in an attribute as a native one, while what they keep stays as it is."""

    def __init__(self, name: str, token_class: type, native: Any) -> None:
        self._name = name
        self._token_class = token_class
        self._native = native
        self._shown: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __get__(self, instance: object, owner: type) -> Any:
        kept = {} if instance is None else vars(instance)
        if self._name not in kept:
            where = f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
            raise AttributeError(f"{where} has no attribute {self._name!r}", name=self._name, obj=instance or owner)
        value = kept[self._name]
        if type(value) is not self._token_class:
            return value
        shown = self._shown.get(value)
        return self._shown.setdefault(value, self._native(value)) if shown is None else shown

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self._name] = value.original() if isinstance(value, self._native) else value

    def __delete__(self, instance: object) -> None:
        if vars(instance).pop(self._name, self) is self:
            raise AttributeError(self._name)
