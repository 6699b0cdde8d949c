"""Answers a refused request where FastMCP's ``RequireAuthMiddleware`` answers it, inside all middleware around it.

That middleware has one text for every cause, and knows neither 403 nor 503. Middleware between it and the one that
authenticates (CORS headers, request ids, metrics) must see the answer that the client gets, and may add to it.
"""

import math
from collections.abc import Awaitable, Iterator, MutableMapping, Sequence
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Protocol

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, Dpop, bearer_token
from fastmcp_rs.auth.dpop import challenged
from fastmcp_rs.auth.require_auth import is_fastmcps_own, needed_scopes, resource_metadata

__all__ = ["Answering", "Refusal", "RefusingProvider", "note", "prepare", "refused"]

_RETRY_AFTER_SECONDS = "5"
_UNAUTHORIZED = 401
# The attributes under which ASGI applications keep the application that they forward requests to.
_INWARD = ("app", "_base_app", "router", "endpoint")

# The key in the scope of a request for the reason of its refusal, which FastMCP's own middleware loses.
_NOTED = "fastmcp_rs.refusal"

# The methods of ``RequireAuthMiddleware`` that decide, and that write an answer.
_DECIDING = frozenset({"__call__", "_send_auth_error", "_send_missing_auth"})


class RefusingProvider(Protocol):
    """The parts of a provider that the answer to a refused request needs."""

    @property
    def required_scopes(self) -> Sequence[str]:
        """The scopes that a token must grant."""

    @property
    def detailed_errors(self) -> bool:
        """Whether clients get all details."""

    def _retry_after(self) -> float | None:
        """The seconds until keys are fetched again, where that is known."""


class Answering(Protocol):
    """Answers a request in place of a ``RequireAuthMiddleware``."""

    @property
    def is_unavailable(self) -> bool:
        """Whether a 401 would be wrong, because there was no decision."""

    async def answer(self, endpoint: object, send: Send) -> None:
        """Send the answer."""


class Refusal:
    """The refusal of a request, with the reason for its client."""

    def __init__(
        self,
        provider: RefusingProvider,
        scope: Scope,
        decisions: Sequence[Decision],
        scopes: Sequence[str] | None = None,
    ) -> None:
        """Choose the reason.

        Args:
            provider: What refuses.
            scope: The request.
            decisions: The reasons; of several, the one after most passed checks is used.
            scopes: What the challenge names, where it is not for the whole server.
        """
        decision = max(decisions, key=lambda decision: decision.progress)
        if decision.code == "denied":
            presented = bearer_token(scope)
            if isinstance(presented, Decision):
                # A provider of another scheme refused the request, which has no bearer token.
                decision = presented
        self._provider = provider
        self._decision = decision
        self._scope = scope
        self._scopes = scopes

    @property
    def progress(self) -> int:
        """How many checks the token passed."""
        return self._decision.progress

    @property
    def is_denied(self) -> bool:
        """Whether a provider refused a bearer token without a known reason."""
        return self._decision.code == "denied"

    @property
    def is_unavailable(self) -> bool:
        """Whether there was no decision, because keys or a remote verifier are out of reach."""
        return self._decision.outcome == "unavailable"

    async def answer(self, endpoint: object, send: Send) -> None:
        """Send the answer.

        Args:
            endpoint: The ``RequireAuthMiddleware`` that would answer, which may name scopes and metadata.
            send: Where that would send it.
        """
        code, detailed = self._decision.code, self._provider.detailed_errors
        metadata = resource_metadata(endpoint)
        if self._scopes is None:
            scopes, tells_all = needed_scopes(self._provider.required_scopes, endpoint, code), detailed
        else:
            # This answer has to name the scopes that an operation needs.
            scopes, tells_all = [*self._scopes], True
        status, error, description, challenge = self._decision.answer(
            detailed=tells_all, scopes=scopes, resource_metadata=metadata
        )
        # Detailed answers differ from each other, and hold texts from a client, so they are not cached.
        written = _written.__wrapped__ if detailed else _written
        retry_after = None if challenge is not None else self._retry_after()
        headers, body = written(error, description, challenge, retry_after, code if detailed else None)
        dpop: Dpop | None = getattr(self._provider, "_dpop", None)
        if dpop is not None:
            challenges = dpop.challenges(
                self._decision, self._scope, detailed=tells_all, scopes=scopes, resource_metadata=metadata
            )
            headers = challenged(dpop, headers, challenges)
        # A new list, since middleware may add to it.
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})

    def _retry_after(self) -> str:
        """The seconds until another try: until the next fetch of keys, if keys are out of reach."""
        wait = self._provider._retry_after() if self._decision.code == "keys_unavailable" else None
        return _RETRY_AFTER_SECONDS if wait is None else str(max(1, math.ceil(wait)))


# The reason is not in the scope here, since middleware may forward a part of the scope.
refused: ContextVar[Answering | None] = ContextVar("refused", default=None)


@lru_cache(maxsize=64)
def _written(
    error: str | None, description: str | None, challenge: str | None, retry_after: str | None, reason: str | None
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of an answer."""
    named = {"WWW-Authenticate": challenge, "Retry-After": retry_after}
    headers = {name: value for name, value in named.items() if value is not None}
    if error is None:
        response = Response(headers=headers)
    else:
        content = {"error": error, "error_description": description}
        response = JSONResponse(content if reason is None else {**content, "reason": reason}, headers=headers)
    return response.raw_headers, bytes(response.body)


def note(scope: Scope, provider: RefusingProvider, decision: Decision) -> None:
    """Note the reason for the answer to a request, unless the token passed more checks at another verifier.

    It is in the scope, for it is known while the request is under way, and other requests may come in its context.
    """
    before: Refusal | None = scope.get(_NOTED)
    if before is None or decision.progress >= before.progress:
        scope[_NOTED] = Refusal(provider, {**scope, _NOTED: None}, [decision])


def prepare(*applications: object) -> bool:
    """Have each ``RequireAuthMiddleware`` that these applications lead to answer with the current ``refused``.

    It stays where it is, and an instance of its class. So whatever was put around it stays around it, and whether it
    lets a request in is decided by its own code.

    Returns:
        Whether there is one.
    """
    found = False
    for endpoint in _endpoints(applications):
        found = True
        if not isinstance(endpoint, _Answering):
            cls: Any = type(endpoint)
            endpoint.__class__ = _answering(cls)
    return found


def _endpoints(applications: tuple[object, ...]) -> Iterator["_compat.RequireAuthMiddleware"]:
    # Only attributes of instances are read, so that no property runs and no object is made.
    pending, seen = [*applications], set()
    while pending:
        application = pending.pop()
        if id(application) in seen:
            continue
        seen.add(id(application))
        if isinstance(application, _compat.RequireAuthMiddleware):
            yield application
            continue
        members: MutableMapping[str, Any] = getattr(application, "__dict__", {})
        pending.extend(members[name] for name in _INWARD if members.get(name) is not None)
        routes = members.get("routes")
        if isinstance(routes, (list, tuple)):
            pending.extend(routes)


class _Answering:
    """Mixin for ``RequireAuthMiddleware`` that answers the requests that this package refused."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # There is no further coroutine, since each step of a tool's call would pass through it.
        refusal: Answering | None = refused.get() or scope.get(_NOTED)
        if refusal is not None and not isinstance(scope.get("user"), _compat.AuthenticatedUser):
            cls: Any = type(self)
            if not _decides_by_itself(cls):
                return refusal.answer(self, send)
            if refusal.is_unavailable:
                # A client drops a token that is called invalid.
                send = _instead_of_401(refusal, self, send)
        answering: Awaitable[None] = super().__call__(scope, receive, send)  # type: ignore[misc] # the other half's
        return answering


def _instead_of_401(refusal: Answering, endpoint: object, send: Send) -> Send:
    replaced = False

    async def sending(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
            replaced = True
            await refusal.answer(endpoint, send)
        if not replaced:
            await send(message)

    return sending


@cache
def _answering(cls: type[Any]) -> type[Any]:
    return type(cls.__name__, (_Answering, cls), {"__module__": cls.__module__, "__qualname__": cls.__qualname__})


@cache
def _decides_by_itself(cls: type[Any]) -> bool:
    """Whether an application's subclass decides by itself, or writes its own answers."""
    derived = (base for base in cls.__mro__ if base not in {_Answering, object} and not is_fastmcps_own(base))
    return any(not _DECIDING.isdisjoint(vars(base)) for base in derived)
