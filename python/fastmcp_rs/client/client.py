"""FastMCP's client, with errors that say why a server refused a request."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fastmcp_rs import _compat
from fastmcp_rs.client.refusals import Refusal, observe, recording, refusal_in

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CallToolResult", "Client"]


class CallToolResult(_compat.CallToolResultBase):
    """The result of a tool, as the installed FastMCP has it, and its text."""

    @property
    def text(self) -> str:
        """The texts of the content, joined by line ends."""
        texts = (getattr(block, "text", None) for block in self.content)
        return "\n".join(text for text in texts if isinstance(text, str))


class Client(_compat.ClientBase[Any]):
    """The installed FastMCP's client. Where a server answers 401 or 403, connecting and calls raise ``ClientError``.

    So they do for the 503 of a server that cannot verify the token now. The error's text holds the status and the
    server's reason. Any other error is FastMCP's own.
    """

    @functools.cached_property
    def _connection(self) -> Refusal:
        """The refusal of a request outside of a call. With the MCP SDK 1 every request is outside of a call."""
        return Refusal()

    async def __aenter__(self) -> "Self":
        observe(self.transport)
        if not self.is_connected():
            vars(self).pop("_connection", None)
        with _explaining(self._connection):
            await super().__aenter__()  # type: ignore[no-untyped-call] # FastMCP's is untyped
        return self

    async def __aexit__(self, *raised: object) -> Any:  # noqa: ANN401 - FastMCP's own
        was_raised = self._connection.is_raised
        # FastMCP may notice only now that the server ended the session.
        try:
            with _explaining(self._connection):
                return await super().__aexit__(*raised)  # type: ignore[no-untyped-call] # FastMCP's is untyped
        except _compat.ClientError:
            if not was_raised:
                raise

    def new(self) -> "Self":
        """Make a copy of this client, with a session of its own."""
        made = super().new()
        vars(made).pop("_connection", None)
        return made  # type: ignore[return-value] # a copy, so of this class

    async def call_tool(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - FastMCP's own
        """Call a tool, with FastMCP's arguments.

        Returns:
            FastMCP's result, which also has ``text``.

        Raises:
            ClientError: The server answers 401 or 403, or 503 because it cannot verify the token now.
            ToolError: The tool failed.
        """
        # With ``task=True`` some lines give a task instead.
        result: Any = await super().call_tool(*args, **kwargs)
        if not isinstance(result, _compat.CallToolResultBase):
            return result
        return CallToolResult(**{field.name: getattr(result, field.name) for field in fields(result)})


@contextmanager
def _explaining(refusal: Refusal) -> Iterator[None]:
    """Raise ``ClientError`` instead of FastMCP's error where a request was refused."""
    try:
        with recording(refusal):
            yield
    except _compat.ClientError:
        raise
    except Exception as error:
        reason = refusal.text or refusal_in(error)
        if reason is None:
            raise
        refusal.is_raised = True
        raise _compat.ClientError(reason) from error


def _explained(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(call)
    async def explained(self: Client, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the call's own
        if not _compat.refusals_end_sessions():
            with _explaining(Refusal()):
                return await call(self, *args, **kwargs)
        # The connection's own tasks send the requests then, and up to FastMCP 2.14 a refused call would never end.
        with _explaining(self._connection):
            return await self._connection.or_answer(call(self, *args, **kwargs))

    return explained


# FastMCP's versions differ in their calls, and every call may be refused.
for _name, _call in inspect.getmembers(Client, inspect.iscoroutinefunction):
    if not _name.startswith("_") and _name != "close":
        setattr(Client, _name, _explained(_call))
