"""A descriptor for an attribute of FastMCP's whose object is replaced while ``install()`` is in effect."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

import weakref
from typing import Any

__all__ = ["NativeAttribute"]


class NativeAttribute:
    """Gives a native object in place of the one in an instance's attribute, which stays stored."""

    def __init__(self, name: str, shown_class: type, native: Any) -> None:
        self._name = name
        self._replaced = shown_class
        self._native = native
        self._shown: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __get__(self, instance: object, owner: type) -> Any:
        kept = {} if instance is None else vars(instance)
        if self._name not in kept:
            where = f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
            raise AttributeError(f"{where} has no attribute {self._name!r}", name=self._name, obj=instance or owner)
        value = kept[self._name]
        if type(value) is not self._replaced:
            return value
        shown = self._shown.get(value)
        return self._shown.setdefault(value, self._native(value)) if shown is None else shown

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[self._name] = value.original() if isinstance(value, self._native) else value

    def __delete__(self, instance: object) -> None:
        if vars(instance).pop(self._name, self) is self:
            raise AttributeError(self._name)
