"""What the native providers share: one decision, read off by both faces and by the log."""

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from fastmcp_rs import host
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.faces import join_faces

if TYPE_CHECKING:
    from fastmcp_rs.host import HostAccessToken

__all__ = ["NativeProvider"]

_logger = logging.getLogger("fastmcp_rs.auth")


class NativeProvider(host.TokenVerifierBase):
    """A provider whose decisions are made natively."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - a class statement's own arguments
        super().__init_subclass__(**kwargs)
        join_faces(cls)

    def _decide(self, token: object) -> Decision:
        raise NotImplementedError

    async def _decide_later(self, token: object) -> Decision:
        """Decide about a token whose keys are on their way, when they are there."""
        raise NotImplementedError

    async def authenticate(self, request: object) -> AccessToken | None:
        """Authenticate a request.

        Args:
            request: A Starlette request or connection, an ASGI scope, or anything with ``headers``.

        Returns:
            The access token, or ``None`` if the request carries no good one. Never raises for what a client sent.
        """
        token = bearer_token(request)
        decision = token if isinstance(token, Decision) else self._decide(token)
        if decision.outcome == "pending":
            decision = await self._decide_later(token)
        _report(decision)
        return decision.access_token()

    async def verify_token(self, token: str) -> "HostAccessToken | None":
        """Verify a bearer token.

        Args:
            token: The token as the client sent it.

        Returns:
            The installed FastMCP's access token, or ``None`` if the token is refused. Never raises for what a client
            sent.

        Raises:
            ImportError: Neither FastMCP nor the MCP SDK is installed.
            TokenVerificationError: FastMCP's own, where it has one (4.2): keys are out of reach, so nobody can tell.
        """
        decision = self._decide(token)
        if decision.outcome == "pending":
            decision = await self._decide_later(token)
        if decision.outcome == "accepted":
            return host.to_host(decision)
        _report(decision)
        unavailable_error = host.unavailable_error() if decision.outcome == "unavailable" else None
        if unavailable_error is not None:
            raise unavailable_error(decision.message)
        return None

    # The name that FastMCP's JWTVerifier has for it too. Here, so that a class which overrides no entry point has them
    # all from one place; and the same function, so that it asks none of the others, which may be what asks it.
    load_access_token = verify_token

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it holds keys; construct it where it is needed")


def _report(decision: Decision) -> None:
    """Log why a token is not accepted. Nothing of the token itself is in the record."""
    if decision.outcome == "accepted" or not _logger.isEnabledFor(decision.level):
        return
    extra = {"reason": decision.code, "client_id": decision.client_id, "subject": decision.subject}
    _logger.log(decision.level, "Bearer token %s: %s", decision.outcome, decision.message, extra=extra)
