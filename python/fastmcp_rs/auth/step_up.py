"""Answers a request for an operation that its token has too few scopes for, before FastMCP sees it.

FastMCP ends such a request inside JSON-RPC, where no client gets further scopes. MCP's authorization specification has
403 for it ("Scope Challenge Handling"), with all scopes that the operation needs, so that the client can step up.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from starlette.types import Message, Receive, Scope

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, operation_in_headers, operation_in_message
from fastmcp_rs.auth.operation_scopes import IN_BODY, Needed, Operation, OperationScopes
from fastmcp_rs.auth.protected_resource import without_offline
from fastmcp_rs.auth.refusal_response import Refusal
from fastmcp_rs.auth.reporting import report_operation

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs.auth._contract import Provider

__all__ = ["StepUp"]

# Of a body, as the native function reads it.
_LONGEST_BODY = 64 * 1024


class StepUp:
    """Looks at the requests of one application."""

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider
        self._app: object = None
        self._path: str | None = None
        self._scopes: OperationScopes | None = None

    def concerns(self, scope: Scope, token: "FastMCPAccessToken") -> Literal[True] | tuple[str, str] | None:
        """Whether a request may ask for what its token has too few scopes for.

        Returns:
            ``None`` if not; the method and the name where the headers have them; ``True`` where the body has to be
            looked at.
        """
        if scope.get("method") != "POST":
            return None
        if scope.get("app") is not self._app:
            self._serve(scope.get("app"))
        if self._scopes is None:
            return None
        every = self._scopes.every()
        # A token with all scopes, and a server that demands none, need no look at the operation.
        if every is not None and (not every or every.issubset(token.scopes)):
            return None
        path = scope["path"] if not scope.get("root_path") else _path(scope)
        if path != self._path or not self._provider.step_up:
            return None
        return operation_in_headers(scope)

    async def decide(
        self, scope: Scope, receive: Receive, token: "FastMCPAccessToken", found: Literal[True] | tuple[str, str]
    ) -> tuple[Receive, Refusal | None]:
        """Decide about a request, of which ``concerns`` found this.

        Returns:
            From where the request's body is to be received, and the refusal if there is one.
        """
        scopes = self._scopes
        assert scopes is not None  # noqa: S101 - as `concerns` found
        operation: tuple[str, str, str | None] | None
        if found is True:
            first = await receive()
            if first.get("more_body", False):
                operation, receive = await _read_all(first, receive)
            else:
                operation, receive = operation_in_message(first), _again([first], receive)
            if operation is None:
                return receive, None
        else:
            operation = (*found, IN_BODY)
        recent = scopes.recent(operation)
        if recent is not None and recent.issubset(token.scopes):
            return receive, None
        sessions = _compat.session_names(scope)
        needed = await scopes.needed(Operation(*operation), token.scopes, sessions)
        if needed is not None and needed.is_versioned and found is not True:
            # Which version is asked for is in the body alone.
            operation, receive = await _read_all(await receive(), receive)
            needed = None if operation is None else await scopes.needed(Operation(*operation), token.scopes, sessions)
        if operation is None or needed is None or needed.scopes.issubset(token.scopes):
            return receive, None
        return receive, self._refusal(scope, token, operation[0], needed)

    def _serve(self, app: Any) -> None:  # noqa: ANN401 - a Starlette application
        self._app = app
        server, self._path = _compat.served_by(app) if _compat.checks_components() else (None, None)
        self._scopes = None if server is None else OperationScopes(server)

    def _refusal(self, scope: Scope, token: "FastMCPAccessToken", method: str, needed: Needed) -> Refusal:
        missing = sorted(needed.scopes.difference(token.scopes))
        decision = Decision.insufficient_scope(missing, token.client_id, getattr(token, "subject", None))
        report_operation(self._provider, decision, f"{method} {needed.name}", sorted(needed.scopes), missing)
        return Refusal(self._provider, scope, [decision], self._to_ask_for(token.scopes, needed.scopes))

    def _to_ask_for(self, granted: Sequence[str], needed: frozenset[str]) -> list[str]:
        """What the client had better ask for: what it needs now, and what it has that this server knows.

        A scope that it has only since another implies it is not asked for: the authorization server may not know it.
        """
        assert self._scopes is not None  # noqa: S101 - as above
        provider = self._provider
        required = provider.required_scopes
        known = {*self._scopes.named(), *needed, *required, *_supported(provider)}
        implied = {scope: _implied(provider._scope_hierarchy, scope) for scope in granted}
        kept = [scope for scope in granted if scope in known or not known.isdisjoint(implied[scope])]
        by_others = {scope for keeping in kept for scope in implied[keeping]}
        asked = [*(scope for scope in kept if scope not in by_others), *required, *sorted(needed)]
        covered = by_others.intersection(granted)
        return _compat.challenge_scopes(provider, without_offline(dict.fromkeys(s for s in asked if s not in covered)))


def _supported(provider: "Provider") -> Sequence[str]:
    """The scopes that the metadata of a provider's resource names."""
    own = getattr(getattr(provider, "_resource", None), "scopes_supported", None)
    return getattr(provider, "scopes_supported", None) or () if own is None else own


def _implied(hierarchy: Mapping[str, str | Sequence[str]], scope: str) -> set[str]:
    """The scopes that a scope implies, and what these imply."""
    found: set[str] = set()
    pending = [scope]
    while pending:
        implied = hierarchy.get(pending.pop(), ())
        new = {implied} if isinstance(implied, str) else {*implied}
        pending += new - found
        found |= new
    return found


def _path(scope: Scope) -> str:
    """The path inside of an application that is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope["root_path"])


async def _read_all(first: Message, receive: Receive) -> tuple[tuple[str, str, str | None] | None, Receive]:
    """The operation that a body names, unless it is too long, and from where to receive the body again."""
    messages = [first]
    length = len(first.get("body", b""))
    while messages[-1].get("more_body", False) and length <= _LONGEST_BODY:
        messages.append(await receive())
        length += len(messages[-1].get("body", b""))
    body = b"".join(message.get("body", b"") for message in messages)
    # The last has its end, unless there was a disconnection or it is too long.
    operation = operation_in_message({**messages[-1], "body": body})
    # From the end of the list.
    messages.reverse()
    return operation, _again(messages, receive)


def _again(messages: list[Message], receive: Receive) -> Receive:
    """From where to receive these messages, of which the last comes first, as they are, and then what follows."""

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
