"""A module that is equal to another one except for some members."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["module_with"]


class _ModuleWith(ModuleType):
    """A module with some replaced members. Every other attribute is read from the original."""

    def __init__(self, original: ModuleType, members: dict[str, Callable[..., Any]]) -> None:
        super().__init__(original.__name__)
        own = {name: value for name, value in vars(original).items() if name.startswith("__")}
        vars(self).update({**own, **members})
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __dir__(self) -> list[str]:
        return dir(self._original)


def module_with(original: ModuleType, **members: Callable[..., Any]) -> ModuleType:
    """Make a module like another one, with these members instead of its own."""
    return _ModuleWith(original, members)
