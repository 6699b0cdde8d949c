"""Step-up after FastMCP's own authentication: the middleware that ``install()`` adds to FastMCP's providers."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs.auth.protected_provider import ProtectedProvider
from fastmcp_rs.auth.refusal_response import prepare, refused
from fastmcp_rs.auth.require_auth import is_signed_in, sign_in
from fastmcp_rs.auth.step_up import StepUp

__all__ = ["StepUpMiddleware"]


class StepUpMiddleware:
    """Answers 403 to a user that FastMCP has signed in, if the token has too few scopes for the operation."""

    def __init__(self, app: ASGIApp, provider: ProtectedProvider, is_in_use: Callable[[], bool]) -> None:
        self._app = app
        self._provider = provider
        self._step_up = StepUp(provider)
        self._is_in_use = is_in_use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not is_signed_in(scope) or not self._is_in_use():
            await self._app(scope, receive, send)
            return
        token = scope["user"].access_token
        found = self._step_up.check_request(scope, token.scopes) if self._provider._step_up else None
        if found is not None:
            receive, refusal = await self._step_up.decide(scope, receive, token, found)
            if refusal is not None:
                sign_in(scope, None)
                prepare(scope.get("app"))
                previous, outside = refused.set(refusal), _compat.auth_context_var.set(None)
                try:
                    await self._app(scope, receive, send)
                finally:
                    reset_context(_compat.auth_context_var, outside)
                    reset_context(refused, previous)
                return
        await self._app(scope, receive, send)
