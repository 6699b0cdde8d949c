"""How the internals of FastMCP and of its libraries are recognised before anything there is replaced."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401

import inspect
from typing import Any

__all__ = ["Swap", "UnrecognisedError", "expect", "takes", "uses"]

# The owner of an attribute, its name, and the replacement.
Swap = tuple[Any, str, Any]


class UnrecognisedError(Exception):
    """The internals of the installed FastMCP are not as expected; the message says which."""


def expect(found: object, what: str) -> None:
    """Raise ``UnrecognisedError`` unless something was found."""
    if not found:
        raise UnrecognisedError(what)


def uses(function: Any, *names: str) -> bool:
    """Whether the code of a function, without its decorators, has these names."""
    return set(names) <= set(inspect.unwrap(function).__code__.co_names)


def takes(function: Any, *names: str) -> bool:
    """Whether a function has exactly these parameters."""
    return tuple(inspect.signature(function).parameters) == names
