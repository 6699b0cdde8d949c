"""The ASGI layer that authenticates each request to a server, once, and signs its user in.

It refuses nothing but what FastMCP's gate at the endpoint would, for routes without a gate need no token. The gate does
not know why. So the answer is given in its place where it comes next, and elsewhere its own is replaced on the way out.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from fastmcp_rs import host
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.entrance import Entrance, is_gate, is_signed_in, needed_scopes, resource_metadata, sign_in
from fastmcp_rs.auth.faces import answer_of
from fastmcp_rs.auth.native import NativeProvider
from fastmcp_rs.auth.reasons import listening, report, unheard
from fastmcp_rs.contexts import put_back

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
        self._entrance = Entrance(app)
        self._provider = provider
        self._takes_requests = provider.takes_requests()
        # Where nobody has a say but the decision: no override, and no host that asks as well, as 2.12.0 does.
        is_plain = type(provider).verify_token is NativeProvider.verify_token and host.takes_middleware()
        self._decider = provider if isinstance(provider, NativeProvider) and is_plain else None

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if self._decider is not None:
            decision = await self._decider.decided(scope)
            token, refusals = host.to_host(decision) if decision.is_accepted else None, [decision]
        else:
            with listening() as refusals:
                token = await self._identify(scope)
        if token is None:
            await self.refuse(scope, receive, send, refusals)
            return
        if self._takes_requests and isinstance(bearer_token(scope), Decision):
            scope["headers"] = [*scope["headers"], _PLACEHOLDER]
        user = sign_in(scope, token)
        # In this frame, for a call of a tool comes through each frame again at each of its steps.
        outside = host.auth_context_var.set(user)
        try:
            await self._app(scope, receive, send)
        finally:
            put_back(host.auth_context_var, outside)

    async def refuse(self, scope: _Scope, receive: _Receive, send: _Send, refusals: list[Decision]) -> None:
        """Serve a request whose user is not known, for these reasons."""
        if not refusals:
            refusals = [Decision.denied()]
            report(self._provider, refusals[0])
        sign_in(scope, None)
        gate = self._entrance.gate(scope)
        if gate is not None:
            # It would refuse the request, and what it says would be replaced.
            await self._answer(scope, gate, refusals, send)
            return
        outside = host.auth_context_var.set(None)
        try:
            await self._app(scope, receive, self._telling(scope, send, refusals))
        finally:
            put_back(host.auth_context_var, outside)

    def _telling(self, scope: _Scope, send: _Send, refusals: list[Decision]) -> _Send:
        """Put the reason in the place of the gate's 401, which has one text for every cause."""
        replaced = False

        async def sending(message: _Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                replaced = message["status"] == _UNAUTHORIZED and is_gate(scope.get("endpoint"))
                if replaced:
                    await self._answer(scope, scope["endpoint"], refusals, send)
            if not replaced:
                await send(message)

        return sending

    async def _answer(self, scope: _Scope, gate: object, refusals: list[Decision], send: _Send) -> None:
        refusal = max(refusals, key=lambda refusal: refusal.progress)
        if refusal.code == "denied":
            presented = bearer_token(scope)
            if isinstance(presented, Decision):
                # A provider of whatever scheme says no, and there is no bearer token that it could mean.
                refusal = presented
        detailed = self._provider.detailed_errors
        status, error, description, challenge = refusal.answer(
            detailed=detailed,
            scopes=needed_scopes(self._provider, gate, refusal.code),
            resource_metadata=resource_metadata(gate),
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
        elif is_signed_in(scope):
            await _following_routes(scope, receive, send)
        elif asked:
            await self._layer.refuse(scope, receive, send, asked)
        else:
            await self._layer(scope, receive, send)


async def _following_routes(scope: _Scope, receive: _Receive, send: _Send) -> None:
    await scope["app"].router(scope, receive, send)
