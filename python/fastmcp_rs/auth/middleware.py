"""The ASGI middleware that authenticates each request to a server, once, and signs its user in.

It refuses only requests that FastMCP's ``RequireAuthMiddleware`` at the endpoint would refuse: other routes need no
token. That middleware does not know the reason of a refusal, so this one answers in its place: at once if it comes
next, and else when the request reaches it.
"""

from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.dpop import located, presenting, server_url, with_nonce
from fastmcp_rs.auth.entry_points import call_entry_point, token_of
from fastmcp_rs.auth.event_loop import is_asyncio, refuse_to_start, require_asyncio
from fastmcp_rs.auth.protected_resource import served
from fastmcp_rs.auth.refusal_response import Answering, Refusal, prepare, refused
from fastmcp_rs.auth.reporting import collecting, report
from fastmcp_rs.auth.require_auth import RequireAuthRoutes, sign_in
from fastmcp_rs.auth.sessions import AnotherUsersSession, Sessions
from fastmcp_rs.auth.step_up import StepUp, replay

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs.auth._contract import Provider

__all__ = ["AuthenticationMiddleware"]

# ``RequireAuthMiddleware`` demands a bearer token, also of a request that was authenticated by other means. This value
# is not a credential: no verifier is asked about it.
_PLACEHOLDER = (b"authorization", b"Bearer authenticated-by-another-scheme")


class AuthenticationMiddleware:
    """Asks a provider about each request, and signs in the user of a good token."""

    def __init__(self, app: ASGIApp, provider: "Provider") -> None:
        self._app = app
        self._require_auth_routes = RequireAuthRoutes(app)
        self._provider = provider
        # It is checked until the first request on asyncio.
        self._needs_asyncio = provider._needs_asyncio()
        self._sessions = None if _compat.ties_sessions_to_users() else Sessions()
        self._step_up = StepUp(provider)
        self._current_user = _compat.auth_context_var

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: C901, PLR0912 - one frame, see below
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            if self._needs_asyncio and not is_asyncio():
                await refuse_to_start(self._provider, receive, send)
                return
            if scope["type"] == "lifespan":
                self._provider._note_start()
            await self._app(scope, receive, send)
            return
        if self._needs_asyncio:
            # Some servers do not send ``lifespan.startup``.
            require_asyncio(self._provider)
            self._needs_asyncio = False
        provider = self._provider
        urls = provider._resource_urls
        outer = None if urls is None else served.set(self._require_auth_routes.resources(scope, urls))
        elsewhere = None if provider._dpop is None else located.set(self._located(scope))
        # It is read for each request, since an override may be set while the server runs.
        decides_alone = provider._decides_alone
        try:
            # Most decisions need no wait, and so no coroutine.
            token = provider._admit_at_once(scope) if decides_alone else None
            if token is None or isinstance(token, Decision):
                token, refusals = await self._identify(scope, token, decides_alone=decides_alone)
        finally:
            if outer is not None:
                reset_context(served, outer)
            if elsewhere is not None:
                reset_context(located, elsewhere)
        if token is None:
            await self.refuse(scope, receive, send, refusals)
            return
        if self._sessions is not None:
            if self._sessions.is_anothers(scope, token):
                await self._answer(scope, receive, send, AnotherUsersSession())
                return
            send = self._sessions.note_session(scope, token, send)
        if not decides_alone or provider._dpop is not None:
            send = self._admitted(scope, send)
        user = sign_in(scope, token)
        # There is no further frame, since each step of a tool's call passes through every frame.
        outside = self._current_user.set(user)
        try:
            step_up = self._step_up
            found = step_up.check_request(scope, token.scopes) if provider._step_up else None
            if found is not None:
                first = await receive() if found is True else None
                if first is not None and step_up.passes(first, token.scopes):
                    receive = replay(first, receive)
                else:
                    receive, refusal = await step_up.decide(scope, receive, token, found, first)
                    if refusal is not None:
                        await self._answer(scope, receive, send, refusal)
                        return
            await self._app(scope, receive, send)
        finally:
            reset_context(self._current_user, outside)

    def _located(self, scope: Scope) -> tuple[str | None, str | None]:
        """The URL of the resource that a request is for, or else of the server, and its path in the application."""
        urls = self._provider._located_urls
        found = None if urls is None else self._require_auth_routes.located(scope, urls)
        return (server_url(self._provider), None) if found is None else found

    def _admitted(self, scope: Scope, send: Send) -> Send:
        """Let FastMCP serve a request that came under another scheme, and tell its client the newest nonce."""
        provider = self._provider
        if (provider._dpop is not None or provider._takes_requests()) and isinstance(bearer_token(scope), Decision):
            scope["headers"] = [*scope["headers"], _PLACEHOLDER]
        return with_nonce(provider._dpop, send)

    async def admit(self, scope: Scope, receive: Receive, send: Send, token: "FastMCPAccessToken") -> None:
        """Serve a request after FastMCP has signed its user in."""
        if self._sessions is not None:
            if self._sessions.is_anothers(scope, token):
                await self._answer(scope, receive, send, AnotherUsersSession())
                return
            send = self._sessions.note_session(scope, token, send)
        await self._app(scope, receive, send)

    async def refuse(self, scope: Scope, receive: Receive, send: Send, refusals: list[Decision]) -> None:
        """Serve a request of an unknown user, for these reasons."""
        if not refusals:
            refusals = [Decision.denied()]
            report(self._provider, refusals[0])
        refusal = Refusal(self._provider, scope, refusals)
        in_fastmcps_words = refusal.is_denied and not self._provider._answers_denied
        await self._answer(scope, receive, send, None if in_fastmcps_words else refusal)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, refusal: Answering | None) -> None:
        """Answer a request, or let FastMCP do so where this has no answer."""
        sign_in(scope, None)
        endpoint = None if refusal is None else self._require_auth_routes.endpoint(scope)
        if refusal is not None and endpoint is not None:
            # It would refuse the request, and nothing runs before it.
            await refusal.answer(endpoint, send)
            return
        prepare(scope.get("app"), self._app)
        previous = refused.set(refusal)
        outside = _compat.auth_context_var.set(None)
        try:
            await self._app(scope, receive, send)
        finally:
            reset_context(_compat.auth_context_var, outside)
            reset_context(refused, previous)

    async def _identify(
        self, scope: Scope, decision: Decision | None, *, decides_alone: bool
    ) -> "tuple[FastMCPAccessToken | None, list[Decision]]":
        """The token of a request that gave none at once, or why there is none."""
        if decides_alone:
            admitted = await self._provider._admit(scope, decision)
            return (None, [admitted]) if isinstance(admitted, Decision) else (admitted, [])
        with collecting() as refusals:
            return await self._ask(scope), refusals

    async def _ask(self, scope: Scope) -> "FastMCPAccessToken | None":
        """Ask an entry point of the provider."""
        answer: AccessToken | FastMCPAccessToken | None
        if self._provider._takes_requests():
            answer = await call_entry_point(self._provider, "authenticate", HTTPConnection(scope))
        else:
            given, credentials = token_of(self._provider, scope)
            if isinstance(credentials, Decision):
                report(self._provider, credentials)
                return None
            with presenting(given):
                answer = await call_entry_point(self._provider, "verify_token", credentials)
        if answer is None:
            return None
        token = _compat.to_fastmcp(answer) if isinstance(answer, AccessToken) else answer
        expired = Decision.of_expiry(token.expires_at)
        if expired is not None:
            report(self._provider, expired)
            return None
        if not self._provider._counts_accepted:
            self._provider._counters.count_accepted()
        return token
