"""What the providers share that ask another server about tokens."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from fastmcp_rs._native import Decision
from fastmcp_rs.auth.native import NativeHalf, NativeProvider
from fastmcp_rs.waiting import outcome

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AskingProvider"]

# The native side keeps its time by itself. This is for an answer that will never come, such as after a fork.
_SPARE_SECONDS = 5.0


class _Asker(NativeHalf, Protocol):
    """The native half of such a provider."""

    def decide_later(self, token: str, done: Callable[[Decision], None]) -> None: ...
    def unanswered(self) -> Decision: ...


class AskingProvider(NativeProvider):
    """A provider whose class shares its name, and no more, with one of FastMCP's."""

    # FastMCP's class of the same name, and the parameters that only that one has.
    _namesake: ClassVar[str]
    _namesakes_parameters: ClassVar[frozenset[str]]
    # What others call a parameter, and what it is called here.
    _called_here: ClassVar[Mapping[str, str]] = {}

    _native: _Asker
    _longest_seconds: float

    def __new__(cls, *_: object, **options: object) -> "Self":
        """Tell whoever means FastMCP's class where it is, whatever else they gave or left out."""
        for name in options.keys() & cls._called_here.keys():
            raise TypeError(
                f"{cls.__name__} of fastmcp_rs has no parameter {name!r}: here it is called {cls._called_here[name]}; "
                f"FastMCP's own class of this name is {cls._namesake}"
            )
        for name in options.keys() & cls._namesakes_parameters:
            raise TypeError(
                f"{cls.__name__} of fastmcp_rs has no parameter {name!r}: it is one of FastMCP's own class of this "
                f"name, {cls._namesake}"
            )
        return super().__new__(cls)

    async def _decide_later(self, token: Any) -> Decision:  # noqa: ANN401 - a text, or it would be decided
        try:
            return await outcome(partial(self._native.decide_later, token), self._longest_seconds + _SPARE_SECONDS)
        except asyncio.TimeoutError:
            return self._native.unanswered()
