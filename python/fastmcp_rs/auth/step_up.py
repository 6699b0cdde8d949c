"""Answers 403 before FastMCP sees a request, if the token has too few scopes for the operation.

FastMCP answers such a request with an error of JSON-RPC, after which no client asks for more scopes. MCP's
authorization specification wants 403 ("Scope Challenge Handling"), with all scopes that the operation needs: the client
can step up.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.types import Message, Receive, Scope

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, ScopePrecheck, operation_in_message
from fastmcp_rs.auth.operation_scopes import VERSION_IN_BODY, Operation, OperationScopes, Requirement
from fastmcp_rs.auth.protected_resource import without_offline
from fastmcp_rs.auth.refusal_response import Refusal
from fastmcp_rs.auth.reporting import report_operation

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs.auth._contract import Provider

__all__ = ["StepUp", "replay"]

# In bytes. The native function reads no longer body.
_LONGEST_BODY = 64 * 1024
# The result of `ScopePrecheck.check_request`.
_Found: TypeAlias = bool | tuple[str, str] | None


class StepUp:
    """Checks the requests of one application.

    Attributes:
        check_request: Checks the headers of a request: ``None`` if its token has scopes enough. Other results are for
            ``decide``. After ``True``, the caller may receive the first message and give it to ``passes``.
        passes: Whether the token has scopes enough for the operation in the first message, as far as that is
            remembered natively.
    """

    check_request: Callable[[Scope, Sequence[str]], _Found]
    passes: Callable[[Message, Sequence[str]], bool]

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider
        self._app: object = None
        self._scopes: OperationScopes | None = None
        # It is for no application, so the first request makes another one.
        self._use_precheck(ScopePrecheck(object(), None, [], (), 0.0))

    def _use_precheck(self, precheck: ScopePrecheck) -> None:
        self.check_request, self.passes = precheck.check_request, precheck.passes

    async def decide(
        self,
        scope: Scope,
        receive: Receive,
        token: "FastMCPAccessToken",
        found: _Found,
        first: Message | None = None,
    ) -> tuple[Receive, Refusal | None]:
        """Decide about a request.

        Args:
            scope: The request.
            receive: Receives its messages.
            token: Its token.
            found: What ``check_request`` returned.
            first: The first message, if the caller has received it.

        Returns:
            The function that receives the messages of the request, all of them, and the refusal if there is one.
        """
        if found is False:
            found = self._recheck(scope, token)
        scopes = self._scopes
        # If the new precheck is out of date too, another thread is changing the server: FastMCP answers.
        if not found or scopes is None:
            return receive, None
        operation: tuple[str, str, str | None] | None
        if not isinstance(found, tuple):
            message, receive = await _read_body(await receive() if first is None else first, receive)
            if self.passes(message, token.scopes):
                return receive, None
            operation = operation_in_message(message)
            if operation is None:
                return receive, None
        else:
            operation = (*found, VERSION_IN_BODY)
        sessions = _compat.session_names(scope)
        needed = await scopes.needed(Operation(*operation), token.scopes, sessions)
        if needed is not None and needed.is_versioned and isinstance(found, tuple):
            # Only the body names the version.
            message, receive = await _read_body(await receive(), receive)
            operation = operation_in_message(message)
            needed = None if operation is None else await scopes.needed(Operation(*operation), token.scopes, sessions)
        if operation is None or needed is None or needed.scopes.issubset(token.scopes):
            return receive, None
        return receive, self._refusal(scope, token, operation[0], needed)

    def _recheck(self, scope: Scope, token: "FastMCPAccessToken") -> _Found:
        """Read the scopes of the server that a request is for, and check the request again."""
        app: Any = scope.get("app")
        if app is not self._app or self._scopes is None:
            self._app = app
            server, path = _compat.served_by(app) if _compat.checks_components() else (None, None)
            self._scopes = None if server is None else OperationScopes(server, app, path)
        self._use_precheck(
            ScopePrecheck(app, None, [], (), inf) if self._scopes is None else self._scopes.read_server()
        )
        return self.check_request(scope, token.scopes)

    def _refusal(self, scope: Scope, token: "FastMCPAccessToken", method: str, needed: Requirement) -> Refusal:
        missing = sorted(needed.scopes.difference(token.scopes))
        decision = Decision.insufficient_scope(missing, token.client_id, getattr(token, "subject", None))
        report_operation(self._provider, decision, f"{method} {needed.name}", sorted(needed.scopes), missing)
        return Refusal(self._provider, scope, [decision], self._scopes_to_request(token.scopes, needed.scopes))

    def _scopes_to_request(self, granted: Sequence[str], needed: frozenset[str]) -> list[str]:
        """The scopes of the challenge: those that the operation needs, and those of the token that this server knows.

        A scope that the token has only because another one implies it is left out: the authorization server may not
        know it.
        """
        assert self._scopes is not None  # noqa: S101 - what an operation needs was read from it
        provider = self._provider
        required = provider.required_scopes
        known = {*self._scopes.known_scopes(), *needed, *required, *_supported(provider)}
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


async def _read_body(first: Message, receive: Receive) -> tuple[Message, Receive]:
    """Receive the whole body, unless it is too long.

    Returns:
        One message with the body, and a function that receives all messages as they came.
    """
    if not first.get("more_body", False):
        return first, replay(first, receive)
    messages = [first]
    length = len(first.get("body", b""))
    while messages[-1].get("more_body", False) and length <= _LONGEST_BODY:
        messages.append(await receive())
        length += len(messages[-1].get("body", b""))
    # The last message has ``type`` and ``more_body``: they show a disconnection, and a body that was too long.
    whole = {**messages[-1], "body": b"".join(message.get("body", b"") for message in messages)}
    for message in reversed(messages):
        receive = replay(message, receive)
    return whole, receive


def replay(first: Message, receive: Receive) -> Receive:
    """A function that receives this message first, and then those that follow."""
    left: Message | None = first

    async def receive_again() -> Message:
        nonlocal left
        if left is None:
            return await receive()
        message, left = left, None
        return message

    return receive_again
