"""FastMCP's providers: the base classes of this package's providers, and the differences between versions."""

import inspect
import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fastmcp_rs._compat.installed import role
from fastmcp_rs._native import check_server_url

__all__ = [
    "URL_PARAMETERS",
    "challenge_scopes",
    "delegation_of",
    "further_metadata_paths",
    "init_verifier",
    "is_oauth_proxy",
    "jwt_verifier_state",
    "resource_url",
    "server_url_parameter",
    "takes_middleware",
    "verifier_state",
]

URL_PARAMETERS = ("base_url", "resource_base_url", "resource_server_url")


def init_verifier(verifier: object, **urls: object) -> None:
    """Run the initializer of FastMCP's ``TokenVerifier`` with those of the URL parameters that it has.

    Raises:
        ValueError: A value is not a URL, or the installed FastMCP has no parameter of its name.
    """
    base: Any = role("TokenVerifierBase")
    given = {name: url for name, url in urls.items() if url is not None}
    for name, url in given.items():
        check_server_url(url, name)
    if base is object:
        for name in URL_PARAMETERS:
            setattr(verifier, name, given.get(name))
        return
    known = [name for name in URL_PARAMETERS if name in inspect.signature(base.__init__).parameters]
    for name in given:
        if name not in known:
            raise ValueError(f"the installed FastMCP has no {name}: use {' or '.join(known)}")
    base.__init__(verifier, **given)


def verifier_state() -> dict[str, Any]:
    """The attributes of FastMCP's ``TokenVerifier`` when it is made without arguments."""
    base: Any = role("TokenVerifierBase")
    if base is object:
        return {**dict.fromkeys(URL_PARAMETERS), "required_scopes": []}
    # In a later FastMCP the method may be abstract.
    blank = type(base.__name__, (base,), {"verify_token": None})
    return dict(vars(blank()))


def jwt_verifier_state(algorithms: Sequence[str], refresh_interval: object, http_client: object) -> dict[str, Any]:
    """The attributes of FastMCP's ``JWTVerifier`` that are not parameters: subclasses, and its own methods, read them.

    No decision of this package depends on them.
    """
    base: Any = role("JWTVerifierBase")
    if base is object:
        return {"logger": logging.getLogger("fastmcp_rs.auth")}
    module: Any = import_module(base.__module__)
    state = {"logger": module.logger, "_jwks_cache": {}, "_jwks_cache_time": 0, "_cache_ttl": 3600}
    if hasattr(module, "JsonWebToken"):
        # Up to 2.14, where authlib decodes.
        state["jwt"] = module.JsonWebToken(list(algorithms))
    if hasattr(base, "_fetch_jwks"):
        # From 3.0 on, where 4.1 has a name of its own for the lock. protect() and install() wrap this method.
        names = inspect.unwrap(base._get_jwks_key).__code__.co_names
        state |= {name: module.anyio.Lock() for name in names if name.endswith("_refresh_lock")}
        state |= {"_http_client": http_client, "_jwks_refresh_interval": refresh_interval}
        state["_jwks_last_refresh_attempt"] = None
    return state


def takes_middleware() -> bool:
    """Whether the installed FastMCP takes middleware from a provider; only 2.12.0 does not."""
    return hasattr(role("TokenVerifierBase"), "get_middleware")


def server_url_parameter() -> str:
    """The installed FastMCP's name for the parameter of a server's URL."""
    base: Any = role("TokenVerifierBase")
    known = URL_PARAMETERS if base is object else inspect.signature(base.__init__).parameters
    return next(name for name in URL_PARAMETERS if name in known)


def is_oauth_proxy(provider: object) -> bool:
    """Whether a provider is FastMCP's ``OAuthProxy`` or derived from it. Its import may need further packages."""
    bases = type(provider).__mro__
    return any(base.__name__ == "OAuthProxy" and base.__module__.startswith("fastmcp.") for base in bases)


def resource_url(provider: Any, path: str | None) -> str | None:  # noqa: ANN401 - a provider of FastMCP's
    """The URL of the resource at a path of FastMCP's server. 2.12.0 has no paths, but the whole URL."""
    find = getattr(provider, "_get_resource_url", None)
    url = getattr(provider, "resource_server_url", None) if find is None else find(path)
    return None if url is None else str(url)


def further_metadata_paths() -> tuple[str, ...]:
    """Further paths of a resource's metadata: 2.12 names one path for every resource of a server."""
    at_root = not hasattr(role("TokenVerifierBase"), "get_well_known_routes")
    return ("/.well-known/oauth-protected-resource",) if at_root else ()


def delegation_of(provider: object) -> object:
    """The ``verify_token`` of FastMCP's ``RemoteAuthProvider``, which only asks its ``token_verifier``.

    ``None`` for a provider of any other class.
    """
    cls: Any = type(provider)
    if cls is not role("RemoteAuthProviderBase"):
        return None
    code = getattr(cls.verify_token, "__code__", None)
    asks = code is not None and code.co_names == ("token_verifier", "verify_token")
    found: object = cls.verify_token if asks else None
    return found


def challenge_scopes(provider: Any, scopes: list[str]) -> list[str]:  # noqa: ANN401 - a provider
    """Scopes by the names of the authorization server. From 4.0 on a provider can translate them."""
    put = getattr(provider, "get_challenge_scopes", None)
    return scopes if put is None else list(put(scopes))
