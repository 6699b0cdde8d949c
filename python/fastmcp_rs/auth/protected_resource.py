"""The metadata of a protected resource (RFC 9728), and the resource that a request is for.

The audience of a token is the URL of the resource that it was requested for (RFC 8707). FastMCP gives a provider the
path of the resource when it makes an application, and one provider can serve several. So each request has its own URL.
"""

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from fastmcp_rs import _compat
from fastmcp_rs._native import check_server_url, scopes, text, url_text
from fastmcp_rs.auth.dpop import dpop_metadata

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

__all__ = [
    "FROM_RESOURCE",
    "AudienceDefault",
    "ProtectedResource",
    "ResourceURLs",
    "metadata_url",
    "named_by",
    "protected_resource",
    "served",
    "without_offline",
]

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
# Clients ask the authorization server for it, and no resource demands it.
_OFFLINE_ACCESS = "offline_access"


class _FromResource(Enum):
    FROM_RESOURCE = "FROM_RESOURCE"

    def __repr__(self) -> str:
        return self.name


# The default of `audience`: the URL of the served resource, if authorization servers are named.
FROM_RESOURCE = _FromResource.FROM_RESOURCE
AudienceDefault = Literal[_FromResource.FROM_RESOURCE]

# The URLs of the resource that the current request is for, while it is authenticated.
served: ContextVar[Sequence[str] | None] = ContextVar("served", default=None)


class ResourceURLs:
    """The URLs of the resources that a provider serves, by FastMCP's path of each."""

    def __init__(self) -> None:
        self._urls: dict[str | None, str] = {}

    def note(self, path: str | None, url: str | None) -> None:
        """Take the URL of the resource at a path."""
        if url is not None:
            self._urls[path] = url

    def __len__(self) -> int:
        return len(self._urls)

    def at(self, path: str | None) -> str | None:
        """The URL of the resource at FastMCP's path, if there is one."""
        return self._urls.get(path)

    def named(self, url: str | None) -> str | None:
        """The resource of this URL, with or without a slash as its path, if there is one."""
        forms = () if url is None else _forms(url)
        return next((known for known in self._urls.values() if known in forms), None)

    def all(self) -> tuple[str, ...]:
        """The URLs of all resources."""
        return tuple(dict.fromkeys(self._urls.values()))

    def audiences(self) -> list[str]:
        """The audiences that a token for the current request may have; outside of a request, those of all resources."""
        urls = served.get()
        return [form for url in (self.all() if urls is None else urls) for form in _forms(url)]


class ProtectedResource:
    """The metadata of a provider's resources, and their URLs."""

    def __init__(
        self,
        authorization_servers: object,
        scopes_supported: object = None,
        resource_name: object = None,
        resource_documentation: object = None,
        issuer: object = None,
    ) -> None:
        """Read what an operator gave.

        Raises:
            ValueError: Metadata cannot hold it.
        """
        self.urls = ResourceURLs()
        self.authorization_servers = _servers(authorization_servers, issuer)
        self.scopes_supported = None if scopes_supported is None else scopes(scopes_supported, "scopes_supported")
        self.resource_name = None if resource_name is None else text(resource_name, "resource_name")
        self.resource_documentation: str | None = None
        if resource_documentation is not None:
            check_server_url(resource_documentation, "resource_documentation")
            self.resource_documentation = url_text(resource_documentation, "resource_documentation")

    def name_servers(self, servers: Sequence[str]) -> None:
        """Name these authorization servers from now on.

        Raises:
            ValueError: Metadata cannot hold one of them.
        """
        self.authorization_servers = _servers(list(servers), None) if servers else []

    def document(self, url: str, required_scopes: Sequence[str]) -> dict[str, Any]:
        """The metadata of the resource at a URL (RFC 9728 section 2); what is empty is left out."""
        supported = required_scopes if self.scopes_supported is None else self.scopes_supported
        members = {
            "resource": url,
            "authorization_servers": self.authorization_servers,
            "scopes_supported": without_offline(supported),
            "bearer_methods_supported": ["header"],
            "resource_name": self.resource_name,
            "resource_documentation": self.resource_documentation,
        }
        return {name: value for name, value in members.items() if value}

    def routes(self, url: str, provider: Any) -> "list[Route]":  # noqa: ANN401 - whatever has required scopes
        """The routes that serve the metadata of the resource at a URL, where FastMCP has them."""
        from starlette.responses import JSONResponse  # noqa: PLC0415 - only a server needs it
        from starlette.routing import Route  # noqa: PLC0415 - likewise

        async def metadata(_: "Request") -> "Response":
            document = {**self.document(url, provider.required_scopes), **dpop_metadata(provider._dpop)}
            return JSONResponse(document, headers={"Cache-Control": "public, max-age=3600"})

        paths = dict.fromkeys((urlsplit(metadata_url(url)).path, *_compat.further_metadata_paths()))
        methods = ["GET", "OPTIONS"]
        return [Route(path, _compat.cors_middleware(metadata, methods), methods=methods) for path in paths]


def protected_resource(
    urls: Iterable[object], issuer: str | Sequence[str] | None, **given: object
) -> ProtectedResource | None:
    """Make the protected resource that a provider's arguments describe.

    Args:
        urls: The URLs of this server that are given, ``None`` for each that is not.
        issuer: Whose metadata names the keys, if one's does, or those: the authorization servers, unless others are
            named.
        **given: The parameters of FastMCP's ``RemoteAuthProvider``.

    Returns:
        The resource, or ``None`` where no authorization server is named.

    Raises:
        ValueError: They describe none; the text says what is missing.
    """
    has_url = any(url is not None for url in urls)
    if given["authorization_servers"] is None and has_url:
        given["authorization_servers"] = issuer
    if given["authorization_servers"] is not None:
        if not has_url:
            raise ValueError(
                f"authorization_servers need the URL of this server, which their metadata names: give "
                f"{_compat.server_url_parameter()} as well"
            )
        return ProtectedResource(issuer=issuer, **given)
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} is a part of the metadata that names authorization_servers: give these, and "
                f"{_compat.server_url_parameter()}, as well"
            )
    return None


def metadata_url(resource: str) -> str:
    """The URL of the metadata of a resource (RFC 9728 section 3.1)."""
    parts = urlsplit(resource)
    path = "" if parts.path == "/" else parts.path
    return parts._replace(path=f"{_WELL_KNOWN}{path}", fragment="").geturl()


def named_by(url: str | None) -> str | None:
    """The resource whose metadata is at a URL, if that is such a URL."""
    if url is None:
        return None
    parts = urlsplit(url)
    path = parts.path.removeprefix(_WELL_KNOWN)
    if path == parts.path or not (path == "" or path.startswith("/")):
        return None
    return parts._replace(path=path).geturl()


def without_offline(named: Iterable[str]) -> list[str]:
    """Scopes without ``offline_access``: it asks the authorization server for a refresh token, and not a resource."""
    return [scope for scope in named if scope != _OFFLINE_ACCESS]


@lru_cache
def _forms(url: str) -> tuple[str, ...]:
    """A URL, which with an empty path has two forms (RFC 3986 section 6.2.3)."""
    parts = urlsplit(url)
    if parts.path not in {"", "/"} or parts.query:
        return (url,)
    return parts._replace(path="").geturl(), parts._replace(path="/").geturl()


def _servers(given: Any, issuer: object) -> list[str]:  # noqa: ANN401 - whatever an operator gave
    name = "authorization_servers"
    try:
        items = list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]
    except Exception:  # noqa: BLE001 - a list that raises is none
        raise ValueError(f"{name} must be a list of URLs") from None
    if not items:
        raise ValueError(f"{name} is empty: name the issuers of the tokens, or leave it out")
    for item in items:
        check_server_url(item, name)
    return [_server(url_text(item, name), item, issuer) for item in items]


def _server(server: str, given: object, issuer: object) -> str:
    # A URL of pydantic has a slash as its path even if the issuer was written without it.
    if not isinstance(given, str) and isinstance(issuer, str) and server == f"{issuer}/":
        return issuer
    return server
