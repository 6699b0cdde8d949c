"""FastMCP's ``RequireAuthMiddleware``: which routes have one, which user it accepts, and what its challenge names."""

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Match, Router

from fastmcp_rs import _compat
from fastmcp_rs.auth.protected_resource import ResourceURLs, named_by, without_offline

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken

__all__ = ["RequireAuthRoutes", "is_fastmcps_own", "is_signed_in", "needed_scopes", "resource_metadata", "sign_in"]

_Scope = MutableMapping[str, Any]
_FASTMCPS = {"fastmcp", "mcp"}


class RequireAuthRoutes:
    """The routes of an application, if only FastMCP's own code runs before them."""

    def __init__(self, app: object) -> None:
        # Other middleware may want to see a request, and may change the answer.
        router: object = app.app if type(app) is ExceptionMiddleware else None
        plain = type(router) is Router and getattr(router, "middleware_stack", router.app) == router.app
        self._routes: Sequence[BaseRoute] = router.routes if type(router) is Router and plain else ()
        # The resources of the endpoints, and the numbers of routes and URLs when they were found.
        self._found: tuple[tuple[int, int], tuple[str, ...]] = ((-1, -1), ())

    def endpoint(self, scope: _Scope) -> "_compat.RequireAuthMiddleware | None":
        """Find the ``RequireAuthMiddleware`` that a request would reach, and change the scope to what it would get."""
        match = self._match(scope)
        if match is None:
            return None
        route, found = match
        app: object = getattr(route, "app", None)
        # An application's subclass may accept other users.
        if not isinstance(app, _compat.RequireAuthMiddleware) or not is_fastmcps_own(type(app)):
            return None
        scope.update(found)
        return app

    def resources(self, scope: _Scope, urls: ResourceURLs) -> Sequence[str]:
        """The URLs of the resources that a request may be for: one, if that of its endpoint is known."""
        state, here = self._found
        if state != (len(self._routes), len(urls)):
            here = tuple(dict.fromkeys(filter(None, (_resource_at(route, urls) for route in self._routes))))
            self._found = (len(self._routes), len(urls)), here
        if len(here) > 1:
            match = self._match(scope)
            url = None if match is None else _resource_at(match[0], urls)
            if url is not None:
                return (url,)
        return here or urls.all()

    def located(self, scope: _Scope, urls: ResourceURLs) -> tuple[str, str] | None:
        """The URL of the resource that the path of a request is at, or below, and its path in the application."""
        path, root = scope.get("path", ""), scope.get("root_path", "").rstrip("/")
        # In older applications a path does not contain the path of the mount.
        before = root if path == root or path.startswith(f"{root}/") else ""
        found = named = ""
        for route in self._routes:
            here = str(getattr(route, "path", "")).rstrip("/")
            requires_auth = isinstance(getattr(route, "app", None), _compat.RequireAuthMiddleware)
            at = f"{before}{here}"
            if requires_auth and len(here) > len(found) and (path == at or path.startswith(f"{at}/")):
                found, named = here, getattr(route, "path", "")
        url = urls.at(named) if found else None
        return None if url is None else (url, f"{before}{found}")

    def _match(self, scope: _Scope) -> tuple[BaseRoute, _Scope] | None:
        """The first route that a request matches, and the scope after that."""
        if scope["type"] != "http":
            return None
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return route, found
        return None


def _resource_at(route: BaseRoute, urls: ResourceURLs) -> str | None:
    """The URL of the resource of an endpoint: of its path, or of the metadata that the endpoint names."""
    endpoint = getattr(route, "app", None)
    if not isinstance(endpoint, _compat.RequireAuthMiddleware):
        return None
    return urls.at(getattr(route, "path", None)) or urls.named(named_by(resource_metadata(endpoint)))


def sign_in(scope: _Scope, token: "FastMCPAccessToken | None") -> "_compat.AuthenticatedUser | None":
    """Sign a user in to a request, or mark it as unauthenticated, as FastMCP's own middleware does."""
    if token is None:
        scope["user"], scope["auth"] = UnauthenticatedUser(), AuthCredentials()
        return None
    scope["user"], scope["auth"] = user, _ = _compat.signed_in(token)
    return user


def is_signed_in(scope: _Scope) -> bool:
    """Whether FastMCP's own middleware has signed a user in."""
    return isinstance(scope.get("user"), _compat.AuthenticatedUser)


def is_fastmcps_own(cls: type) -> bool:
    """Whether a class is FastMCP's or the MCP SDK's own."""
    return cls.__module__.partition(".")[0] in _FASTMCPS


def needed_scopes(required: Sequence[str], endpoint: object, reason: str | None) -> list[str]:
    """The scopes that a challenge names: those that the endpoint names in its own, and always where scopes are missing.

    From 4.0 on a provider can put them in the words of its authorization server.
    """
    named: Sequence[str] | None = getattr(endpoint, "challenge_scopes", None)
    if not named and reason == "insufficient_scope":
        named = required
    return without_offline(named or ())


def resource_metadata(endpoint: object) -> str | None:
    """The URL of the protected resource's metadata (RFC 9728 section 5.1) that the endpoint names, if any."""
    url = getattr(endpoint, "resource_metadata_url", None)
    return None if url is None else str(url)
