"""Keeps which user opened which MCP session, for versions of FastMCP and the MCP SDK that do not compare users.

There any client that knows the id of a session is served as its owner. Newer ones answer 404 to another user, as this
does.
"""

import json
import re
from collections.abc import Hashable, Iterator
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.types import Message, Scope, Send

from fastmcp_rs import _compat

__all__ = ["AnotherUsersSession", "Sessions"]

_HEADER = b"mcp-session-id"
# The first event of an SSE stream, which tells its client where to post messages.
_ENDPOINT = re.compile(rb"event: endpoint\r?\ndata: [^\r\n]*[?]session_id=([0-9a-f]{32})\r?\n")
_NOT_FOUND = json.dumps(
    {"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "Session not found"}}
).encode()


class Sessions:
    """The users of an application's sessions. They are kept as long as those versions keep a session."""

    def __init__(self) -> None:
        self._owners: dict[Hashable, Hashable] = {}

    def is_anothers(self, scope: Scope, token: "_compat.FastMCPAccessToken") -> bool:
        """Whether a request is for a session that another user opened."""
        user = _compat.user_of(token)
        return any(self._owners.get(session, user) != user for session in _named(scope))

    def note_session(self, scope: Scope, token: "_compat.FastMCPAccessToken", send: Send) -> Send:
        """Note the session that a request opens. Its answer tells it in a header, or over SSE in the first event."""
        if _header(scope) is not None:
            return send
        is_decided = False

        async def sending(message: Message) -> None:
            nonlocal is_decided
            if not is_decided:
                session = _opened(scope, message)
                is_decided = session is not None or bool(message.get("body"))
                if session is not None:
                    # The first answer with an id decides: no later one takes a session from its user.
                    self._owners.setdefault(session, _compat.user_of(token))
            await send(message)

        return sending


def _header(scope: Scope) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == _HEADER), None)


def _named(scope: Scope) -> Iterator[Hashable]:
    """The sessions that a request names, as the SDK reads them: by a header, or over SSE in the query."""
    yield _header(scope)
    if scope["query_string"]:
        try:
            yield UUID(hex=QueryParams(scope["query_string"]).get("session_id", ""))
        except ValueError:
            # A value that is not a UUID names no session.
            return


def _opened(scope: Scope, message: Message) -> Hashable | None:
    if message["type"] == "http.response.start":
        return next((value for name, value in message["headers"] if name.lower() == _HEADER), None)
    found = _ENDPOINT.match(message.get("body", b"")) if scope.get("method") == "GET" else None
    return None if found is None else UUID(hex=found[1].decode())


class AnotherUsersSession:
    """The answer to a request for another user's session, which is that for an unknown session."""

    is_unavailable = False

    async def answer(self, _endpoint: object, send: Send) -> None:
        """Send the answer."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_NOT_FOUND)).encode())]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": _NOT_FOUND})
