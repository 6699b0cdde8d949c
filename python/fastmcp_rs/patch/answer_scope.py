"""The scope of a verifier's answers in a shared store, which separates them from those of other verifiers."""

# The objects of FastMCP have no types unless it is installed.
# ruff: noqa: ANN401

import json
import re
from typing import Any

__all__ = ["scope_of", "scope_of_own_class"]

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def scope_of(cls: type, attributes: dict[str, Any]) -> str:
    """What tells the endpoint of a verifier, and what it demands, apart from all others."""
    return json.dumps([cls.__module__, cls.__qualname__, attributes], default=_named, sort_keys=True)


def scope_of_own_class(verifier: Any) -> str:
    """The same for a verifier of a user's class: the texts of all attributes, without memory addresses."""
    return json.dumps(sorted((name, _shown(value)) for name, value in vars(verifier).items()))


def _named(value: Any) -> Any:
    """Write what JSON has no form for: a URL as text, and any other object, such as a client, as its class."""
    if isinstance(value, set):
        return sorted(map(str, value))
    kind = type(value)
    return [kind.__module__, kind.__qualname__, str(value) if kind.__module__.startswith("pydantic") else None]


def _shown(value: Any) -> str:
    try:
        return _ADDRESS.sub("", repr(value))
    except Exception:  # noqa: BLE001 - an object of a user's
        return type(value).__qualname__
