"""The ASGI layer that authenticates each request to a server, once, and signs its user in.

It refuses nothing: FastMCP's gate at the endpoint does that, for routes without a gate need no token. The gate does not
know why; what it answers is given the reason on its way out.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from fastmcp_rs import host
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.faces import answer_of
from fastmcp_rs.auth.native import NativeProvider
from fastmcp_rs.auth.reasons import listening, report, unheard

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider
    from fastmcp_rs.host import HostAccessToken

__all__ = ["AuthenticationLayer", "LayerRoute"]

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

# What FastMCP's gate needs to see of a request that was authenticated by other means. It is no credential: no verifier
# is ever asked about it.
_PLACEHOLDER = (b"authorization", b"Bearer authenticated-by-another-scheme")

_UNAUTHORIZED = 401
_RETRY_AFTER_SECONDS = "5"


class AuthenticationLayer:
    """Asks a provider about each request, and signs in whom it knows."""

    def __init__(self, app: _App, provider: "AuthProvider") -> None:
        self._app = app
        self._provider = provider
        self._takes_requests = provider.takes_requests()
        # Where nobody has a say but the decision.
        self._decider = (
            provider
            if isinstance(provider, NativeProvider) and type(provider).verify_token is NativeProvider.verify_token
            else None
        )

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        with listening() as refusals:
            token = await self._identify(scope)
        await self.serve(scope, receive, send, token, refusals)

    async def serve(
        self, scope: _Scope, receive: _Receive, send: _Send, token: "HostAccessToken | None", refusals: list[Decision]
    ) -> None:
        """Serve a request whose user is known, or known not to be."""
        if token is None and not refusals:
            refusals = [Decision.denied()]
            report(self._provider, refusals[0])
        if token is not None and self._takes_requests and isinstance(bearer_token(scope), Decision):
            scope["headers"] = [*scope["headers"], _PLACEHOLDER]
        with host.signed_in(scope, token):
            await self._app(scope, receive, send if token is not None else self._telling(scope, send, refusals))

    def _telling(self, scope: _Scope, send: _Send, refusals: list[Decision]) -> _Send:
        """Put the reason in the place of the gate's 401, which has one text for every cause."""
        replaced = False

        async def sending(message: _Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                replaced = message["status"] == _UNAUTHORIZED and host.is_gate(scope.get("endpoint"))
                if replaced:
                    await self._answer(scope, refusals, send)
            if not replaced:
                await send(message)

        return sending

    async def _answer(self, scope: _Scope, refusals: list[Decision], send: _Send) -> None:
        gate = scope["endpoint"]
        refusal = max(refusals, key=lambda refusal: refusal.progress)
        if refusal.code == "denied":
            presented = bearer_token(scope)
            if isinstance(presented, Decision):
                # A provider of whatever scheme says no, and there is no bearer token that it could mean.
                refusal = presented
        detailed = self._provider.detailed_errors
        status, error, description, challenge = refusal.answer(
            detailed=detailed,
            scopes=host.needed_scopes(self._provider, gate, refusal.code),
            resource_metadata=host.resource_metadata(gate),
        )
        # In detail an answer is unlike any other, and holds what a stranger wrote.
        written = _written.__wrapped__ if detailed else _written
        headers, body = written(error, description, challenge, refusal.code if detailed else None)
        # A list of its own, to which others may add.
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})

    async def _identify(self, scope: _Scope) -> "HostAccessToken | None":
        answer: AccessToken | HostAccessToken | None
        if self._takes_requests:
            answer = await answer_of(self._provider, "authenticate", HTTPConnection(scope))
        else:
            credentials = bearer_token(scope)
            if isinstance(credentials, Decision):
                report(self._provider, credentials)
                return None
            if self._decider is not None:
                # The decision is reported, and has looked at what is checked below.
                decision = await self._decider.decided(credentials)
                return host.to_host(decision) if decision.is_accepted else None
            answer = await answer_of(self._provider, "verify_token", credentials)
        if answer is None:
            return None
        token = host.to_host(answer) if isinstance(answer, AccessToken) else answer
        expired = Decision.of_expiry(token.expires_at)
        if expired is not None:
            report(self._provider, expired)
            return None
        if not isinstance(self._provider, NativeProvider):
            # What is native has counted it.
            self._provider.tally.count_accepted()
        return token


@lru_cache(maxsize=64)
def _written(
    error: str | None, description: str | None, challenge: str | None, reason: str | None
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of an answer."""
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if challenge is None else {"WWW-Authenticate": challenge}
    if error is None:
        response = Response(headers=headers)
    else:
        content = {"error": error, "error_description": description}
        response = JSONResponse(content if reason is None else {**content, "reason": reason}, headers=headers)
    return response.raw_headers, bytes(response.body)


class LayerRoute(BaseRoute):
    """The layer in the place of a first route, for FastMCP 2.12.0, which takes no middleware of providers.

    There the host's own middleware has asked about a bearer token before any route is reached.
    """

    _ENTERED = "fastmcp_rs.layer_entered"

    def __init__(self, provider: "AuthProvider") -> None:
        self._takes_requests = provider.takes_requests()
        self._layer = AuthenticationLayer(_following_routes, provider)

    def matches(self, scope: _Scope) -> tuple[Match, _Scope]:
        """Match each request once."""
        if scope["type"] == "http" and self._ENTERED not in scope:
            return Match.FULL, {self._ENTERED: True}
        return Match.NONE, {}

    async def handle(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Authenticate a request that is not, and hand it to the routes that follow."""
        asked = unheard()
        if self._takes_requests or isinstance(bearer_token(scope), Decision):
            # The host has asked about the first token alone. What comes of the whole request is the last word.
            await self._layer(scope, receive, send)
        elif host.is_signed_in(scope):
            await _following_routes(scope, receive, send)
        elif asked:
            await self._layer.serve(scope, receive, send, None, asked)
        else:
            await self._layer(scope, receive, send)


async def _following_routes(scope: _Scope, receive: _Receive, send: _Send) -> None:
    await scope["app"].router(scope, receive, send)
