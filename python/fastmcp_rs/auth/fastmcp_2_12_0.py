"""A route that runs the middleware, for FastMCP 2.12.0 alone: that version takes no middleware from a provider."""

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Match

from fastmcp_rs._native import Decision, bearer_token
from fastmcp_rs.auth.middleware import AuthenticationMiddleware
from fastmcp_rs.auth.reporting import take_uncollected
from fastmcp_rs.auth.require_auth import is_signed_in

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from fastmcp_rs.auth._contract import Provider

__all__ = ["AuthenticationRoute"]


class AuthenticationRoute(BaseRoute):
    """Runs the middleware as the first route of a server.

    FastMCP's own middleware has asked the provider about a bearer token before any route is reached.
    """

    _ENTERED = "fastmcp_rs.authentication_route_entered"

    def __init__(self, provider: "Provider") -> None:
        self._provider = provider
        self._middleware = AuthenticationMiddleware(_following_routes, provider)

    def matches(self, scope: "Scope") -> "tuple[Match, Scope]":
        """Match each HTTP request once."""
        if scope["type"] == "http" and self._ENTERED not in scope:
            return Match.FULL, {self._ENTERED: True}
        return Match.NONE, {}

    async def handle(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Authenticate a request that FastMCP has not, and hand it to the routes that follow."""
        reported = take_uncollected()
        if self._provider._takes_requests() or isinstance(bearer_token(scope), Decision):
            # FastMCP asked about the first token only, and the whole request decides.
            await self._middleware(scope, receive, send)
        elif is_signed_in(scope):
            await self._middleware.admit(scope, receive, send, scope["user"].access_token)
        elif reported:
            await self._middleware.refuse(scope, receive, send, reported)
        else:
            await self._middleware(scope, receive, send)


async def _following_routes(scope: "Scope", receive: "Receive", send: "Send") -> None:
    await scope["app"].router(scope, receive, send)
