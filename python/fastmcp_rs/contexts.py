"""Context variables that are set for as long as something lasts."""

from contextvars import ContextVar, Token
from typing import TypeVar

__all__ = ["put_back"]

T = TypeVar("T")


def put_back(variable: ContextVar[T], before: Token[T]) -> None:
    """Undo a setting, at the end of what it was for."""
    try:  # noqa: SIM105 - each request comes here, and a context manager takes its time
        variable.reset(before)
    except ValueError:
        # A coroutine that was left behind is closed in some other context, such as by the garbage collector. Its own
        # is gone, and the other has not been touched.
        pass
