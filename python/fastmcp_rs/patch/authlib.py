"""The decoder with the interface of authlib, which FastMCP calls up to 2.14."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

import functools
import weakref
from typing import Any

from fastmcp_rs.patch.decoder import NativeDecoder

__all__ = ["native_class"]


def native_class(decoder: NativeDecoder, token_class: Any, error_class: Any, sample: Any) -> Any:
    """Make the replacement of authlib's ``JsonWebToken``. An instance shares the state of an original one.

    Args:
        decoder: The native decoder.
        token_class: The class that it replaces.
        error_class: The class of errors that FastMCP expects.
        sample: A token as the original decodes it; results are made like it.
    """
    claims_class, header_class = type(sample), type(sample.header)

    def make(header: dict[str, Any], claims: dict[str, Any]) -> Any:
        return claims_class(claims, header_class(header, None))

    class NativeJsonWebToken(token_class):  # type: ignore[misc]
        __slots__ = ("_original",)
        # For pickle and isinstance.
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
            return decoder.decode(
                s,
                key,
                self._jws._algorithms,  # noqa: SLF001 - its presence was checked
                only_registered=False,
                text_of=_text_of,
                make=make,
                ask_library=ask,
                error_class=error_class,
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
    """The PEM text of a public key of ``cryptography``; ``None`` for any other object."""
    public_bytes = getattr(key, "public_bytes", None)
    if public_bytes is None:
        return None
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - loaded already: the key is of its class

    try:
        pem: bytes = public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (TypeError, ValueError):
        return None
    return pem
