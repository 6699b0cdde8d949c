"""The way into a server: whom the host takes for signed in, and its gate, which lets nobody else through."""

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Match, Router

from fastmcp_rs import host

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider
    from fastmcp_rs.host import HostAccessToken

__all__ = ["Entrance", "is_gate", "is_signed_in", "needed_scopes", "resource_metadata", "sign_in"]

_Scope = MutableMapping[str, Any]
_OF_THE_HOST = {"fastmcp", "mcp"}


class Entrance:
    """The routes behind an application, where nothing but the host's own code stands before them."""

    def __init__(self, app: object) -> None:
        # What else stands there may want to see a request, and may change the answer.
        router: object = app.app if type(app) is ExceptionMiddleware else None
        plain = type(router) is Router and getattr(router, "middleware_stack", router.app) == router.app
        self._routes: Sequence[BaseRoute] = router.routes if type(router) is Router and plain else ()

    def gate(self, scope: _Scope) -> "host.Gate | None":
        """Find the gate that a request would come to, and lead the request there."""
        if scope["type"] != "http":
            return None
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                app: object = getattr(route, "app", None)
                # One that somebody derived from the host's may let in whom it likes.
                if not isinstance(app, host.Gate) or type(app).__module__.partition(".")[0] not in _OF_THE_HOST:
                    break
                scope.update(found)
                return app
        return None


def sign_in(scope: _Scope, token: "HostAccessToken | None") -> "host.AuthenticatedUser | None":
    """Sign a user in to a request, or nobody, as the host's own middleware does."""
    if token is None:
        scope["user"], scope["auth"] = UnauthenticatedUser(), AuthCredentials()
        return None
    user = scope["user"] = host.AuthenticatedUser(token)
    scope["auth"] = AuthCredentials(token.scopes)
    return user


def is_signed_in(scope: _Scope) -> bool:
    """Whether the host's own middleware has signed a user in."""
    return isinstance(scope.get("user"), host.AuthenticatedUser)


def is_gate(endpoint: object) -> bool:
    """Whether an endpoint is one behind which the host lets nobody in who is not signed in."""
    return isinstance(endpoint, host.Gate)


def needed_scopes(provider: "AuthProvider", gate: object, reason: str | None) -> list[str]:
    """The scopes that a challenge names: those that the gate names in its own, and always where scopes are missing.

    From 4.0 on a provider can put them in the words of its authorization server.
    """
    named: list[str] | None = getattr(gate, "challenge_scopes", None)
    if not named and reason == "insufficient_scope":
        named = provider.required_scopes
    return list(named or ())


def resource_metadata(gate: object) -> str | None:
    """The URL of the protected resource's metadata (RFC 9728 section 5.1) that the gate names, if there is one."""
    url = getattr(gate, "resource_metadata_url", None)
    return None if url is None else str(url)
