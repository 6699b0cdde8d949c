"""Answers a request for an operation that its token has too few scopes for, before FastMCP sees it.

FastMCP ends such a request inside JSON-RPC, where no client gets further scopes. MCP's authorization specification has
403 for it ("Scope Challenge Handling"), with all scopes that the operation needs, so that the client can step up.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.types import Message, Receive, Scope

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, OperationGate, operation_in_message
from fastmcp_rs.auth.operation_scopes import IN_BODY, Needed, Operation, OperationScopes
from fastmcp_rs.auth.protected_resource import without_offline
from fastmcp_rs.auth.refusal_response import Refusal
from fastmcp_rs.auth.reporting import report_operation

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs.auth._contract import Provider

__all__ = ["StepUp", "again"]

# Of a body, as the native function reads it.
_LONGEST_BODY = 64 * 1024
# What a gate finds in the headers of a request.
_Found: TypeAlias = bool | tuple[str, str] | None


class StepUp:
    """Looks at the requests of one application.

    Attributes:
        look: Whether a request may ask for what its token has too few scopes for: ``None`` if not. What else it says
            is for ``decide``; where it is ``True``, the first message may be received for ``passes`` before.
        passes: Whether the first message of such a request asks for nothing of that kind, as far as is known natively.
    """

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider
        self._app: object = None
        self._scopes: OperationScopes | None = None
        # Of no application yet, so that the first request is looked at anew.
        self._use(OperationGate(object(), None, [], (), 0.0))

    def _use(self, gate: OperationGate) -> None:
        self.look, self.passes = gate.look, gate.passes

    async def decide(
        self,
        scope: Scope,
        receive: Receive,
        token: "FastMCPAccessToken",
        found: _Found,
        first: Message | None = None,
    ) -> tuple[Receive, Refusal | None]:
        """Decide about a request, of which ``look`` found this, and whose first message may have been received.

        Returns:
            From where the request's body is to be received, and the refusal if there is one.
        """
        if found is False:
            found = self._look_anew(scope, token)
        scopes = self._scopes
        # Where the gate is closed again at once, others change the server meanwhile: FastMCP answers.
        if not found or scopes is None:
            return receive, None
        operation: tuple[str, str, str | None] | None
        if not isinstance(found, tuple):
            message, receive = await _read(await receive() if first is None else first, receive)
            if self.passes(message, token.scopes):
                return receive, None
            operation = operation_in_message(message)
            if operation is None:
                return receive, None
        else:
            operation = (*found, IN_BODY)
        sessions = _compat.session_names(scope)
        needed = await scopes.needed(Operation(*operation), token.scopes, sessions)
        if needed is not None and needed.is_versioned and isinstance(found, tuple):
            # Which version is asked for is in the body alone.
            message, receive = await _read(await receive(), receive)
            operation = operation_in_message(message)
            needed = None if operation is None else await scopes.needed(Operation(*operation), token.scopes, sessions)
        if operation is None or needed is None or needed.scopes.issubset(token.scopes):
            return receive, None
        return receive, self._refusal(scope, token, operation[0], needed)

    def _look_anew(self, scope: Scope, token: "FastMCPAccessToken") -> _Found:
        """Take stock of the server that a request is for, and look at the request again."""
        app: Any = scope.get("app")
        if app is not self._app or self._scopes is None:
            self._app = app
            server, path = _compat.served_by(app) if _compat.checks_components() else (None, None)
            self._scopes = None if server is None else OperationScopes(server, app, path)
        self._use(OperationGate(app, None, [], (), inf) if self._scopes is None else self._scopes.take_stock())
        return self.look(scope, token.scopes)

    def _refusal(self, scope: Scope, token: "FastMCPAccessToken", method: str, needed: Needed) -> Refusal:
        missing = sorted(needed.scopes.difference(token.scopes))
        decision = Decision.insufficient_scope(missing, token.client_id, getattr(token, "subject", None))
        report_operation(self._provider, decision, f"{method} {needed.name}", sorted(needed.scopes), missing)
        return Refusal(self._provider, scope, [decision], self._to_ask_for(token.scopes, needed.scopes))

    def _to_ask_for(self, granted: Sequence[str], needed: frozenset[str]) -> list[str]:
        """What the client had better ask for: what it needs now, and what it has that this server knows.

        A scope that it has only since another implies it is not asked for: the authorization server may not know it.
        """
        assert self._scopes is not None  # noqa: S101 - what an operation needs was read from it
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


async def _read(first: Message, receive: Receive) -> tuple[Message, Receive]:
    """A message with the whole body, unless that is too long, and from where to receive all messages as they came."""
    if not first.get("more_body", False):
        return first, again(first, receive)
    messages = [first]
    length = len(first.get("body", b""))
    while messages[-1].get("more_body", False) and length <= _LONGEST_BODY:
        messages.append(await receive())
        length += len(messages[-1].get("body", b""))
    # The last has its end, unless there was a disconnection or it is too long.
    whole = {**messages[-1], "body": b"".join(message.get("body", b"") for message in messages)}
    for message in reversed(messages):
        receive = again(message, receive)
    return whole, receive


def again(first: Message, receive: Receive) -> Receive:
    """From where to receive this message, as it is, and then what follows."""
    left: Message | None = first

    async def receive_again() -> Message:
        nonlocal left
        if left is None:
            return await receive()
        message, left = left, None
        return message

    return receive_again
