"""Expectations that are one text or several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Expectation"]

_Texts = str | list[str] | None


class Expectation:
    """A property of a provider's: the expected text or texts; ``None`` for any. Setting it takes effect at once.

    What is refused changes nothing. The list that is given, and each one that is read, is the caller's own.
    """

    def __init__(self, half: str) -> None:
        """Name the attribute that has the native half whose policy it is, with a setter for this expectation."""
        self._half = half

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, provider: None, owner: type) -> "Self": ...
    @overload
    def __get__(self, provider: object, owner: type) -> _Texts: ...
    def __get__(self, provider: object, owner: type) -> "Self | _Texts":
        return self if provider is None else _copied(vars(provider)[f"_{self._name}"])

    def __set__(self, provider: Any, texts: str | Sequence[str] | None) -> None:  # noqa: ANN401 - whoever has the half
        getattr(getattr(provider, self._half), f"set_{self._name}")(texts)
        vars(provider)[f"_{self._name}"] = _copied(texts)


def _copied(texts: str | Sequence[str] | None) -> _Texts:
    """A value that shares no list with the given one."""
    return texts if texts is None or isinstance(texts, str) else list(texts)
