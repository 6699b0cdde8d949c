"""The scopes that ``require_scope`` demands for a function, kept on the function for the middleware."""

from collections.abc import Sequence
from functools import partial
from types import FunctionType
from typing import Any

__all__ = ["demand", "demanded_scopes"]

_ATTRIBUTE = "__fastmcp_rs_scopes__"
_MOST_WRAPPERS = 32


def demand(function: Any, scopes: Sequence[str]) -> None:  # noqa: ANN401 - a function, which takes attributes
    """Write on a function that wraps another that it demands these scopes, beside those that the other one demands."""
    setattr(function, _ATTRIBUTE, demanded_scopes(function).union(scopes))


def demanded_scopes(function: Any) -> frozenset[str]:  # noqa: ANN401 - anything that can be called
    """The scopes that a function demands, or one that it wraps."""
    for _ in range(_MOST_WRAPPERS):
        if function is None:
            break
        demanded = getattr(function, _ATTRIBUTE, None)
        if isinstance(demanded, frozenset):
            return demanded
        function = _wrapped(function)
    return frozenset()


def _wrapped(function: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(function, partial):
        return function.func
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is None and isinstance(function, FunctionType) and "fn" in function.__code__.co_freevars:
        # FastMCP's wrapper for a function with injected parameters, which names no function that it wraps.
        return (function.__closure__ or ())[function.__code__.co_freevars.index("fn")].cell_contents
    return wrapped
