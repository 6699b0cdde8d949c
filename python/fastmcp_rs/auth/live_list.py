"""Lists that an operator may change in place, as those of FastMCP's providers."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LiveList", "is_kept", "keep"]


class LiveList(list[str]):
    """A list whose changes take effect at once. A change that is refused changes nothing.

    Copies and pickles of it are plain lists.
    """

    __slots__ = ("_take",)

    def __init__(self, texts: Iterable[str], take: Callable[[list[str]], object]) -> None:
        """Start with these texts. ``take`` is called with the new ones before each change, and raises to refuse it."""
        super().__init__(texts)
        self._take: Callable[[list[str]], object] | None = take

    def detach(self) -> None:
        """Be an ordinary list from now on, because another list has taken its place."""
        self._take = None

    def _become(self, changed: list[str]) -> None:
        if self._take is not None:
            self._take(changed)
        super().__setitem__(slice(None), changed)

    def _changed_by(self, method: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of the method
        changed = list(self)
        answer = getattr(changed, method)(*arguments, **options)
        self._become(changed)
        return answer

    def append(self, text: str, /) -> None:
        """Append a text."""
        self._changed_by("append", text)

    def extend(self, texts: Iterable[str], /) -> None:
        """Append texts."""
        self._changed_by("extend", texts)

    def insert(self, index: SupportsIndex, text: str, /) -> None:
        """Insert a text before an index."""
        self._changed_by("insert", index, text)

    def remove(self, text: str, /) -> None:
        """Remove the first occurrence of a text."""
        self._changed_by("remove", text)

    def pop(self, index: SupportsIndex = -1, /) -> str:
        """Remove a text and return it."""
        text: str = self._changed_by("pop", index)
        return text

    def clear(self) -> None:
        """Remove all texts."""
        self._changed_by("clear")

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:  # noqa: ANN401 - list's signature
        """Sort in place."""
        self._changed_by("sort", key=key, reverse=reverse)

    def reverse(self) -> None:
        """Reverse in place."""
        self._changed_by("reverse")

    @overload
    def __setitem__(self, index: SupportsIndex, text: str, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, text: Iterable[str], /) -> None: ...
    def __setitem__(self, index: Any, text: Any, /) -> None:
        self._changed_by("__setitem__", index, text)

    def __delitem__(self, index: SupportsIndex | slice, /) -> None:
        self._changed_by("__delitem__", index)

    def __iadd__(self, texts: Iterable[str], /) -> "Self":  # type: ignore[override,misc]
        self._changed_by("extend", texts)
        return self

    def __imul__(self, times: SupportsIndex, /) -> "Self":
        self._changed_by("__imul__", times)
        return self

    def __reduce__(self) -> tuple[type[list[str]], tuple[list[str]]]:
        return list, (list(self),)

    def __copy__(self) -> list[str]:
        return list(self)

    def __deepcopy__(self, _: object) -> list[str]:
        return list(self)


def is_kept(owner: object, name: str, given: object) -> bool:
    """Whether this is the list that the attribute holds.

    ``+=`` changes that list and then sets it. It has to stay the same list: a server holds it from its start on.
    """
    return isinstance(given, LiveList) and given is vars(owner).get(name)


def keep(owner: object, name: str, value: object) -> None:
    """Set an attribute. A list that it held so far no longer takes effect."""
    before = vars(owner).get(name)
    if isinstance(before, LiveList):
        before.detach()
    vars(owner)[name] = value
