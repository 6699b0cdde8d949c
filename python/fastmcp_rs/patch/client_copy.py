"""New HTTP clients with the attributes of one that was never used.

Making a client is most of what a question costs beyond one with a shared client: its headers are written anew, and its
default arguments are read and checked. Here the attributes that cannot change are taken over. All others are made
for each client with the HTTP library's own classes, so that no client shares a cookie, a header or a hook with another.
"""

# The objects of FastMCP's libraries have no types unless they are installed.
# ruff: noqa: ANN401

from collections.abc import Callable
from enum import Enum
from types import ModuleType
from typing import Any

__all__ = ["copier"]

# The attributes whose values may be those of another client, provided that their types are of those that cannot change.
_SHARED = (
    *("_auth", "_base_url", "_default_encoding", "_params", "_state", "_transport", "_trust_env"),
    *("follow_redirects", "max_redirects"),
)


def copier(http: ModuleType | Any, client: Any) -> Callable[[Any], dict[str, Any]] | None:
    """Give a function of a ``timeout`` that makes the attributes of a new client.

    Args:
        http: The library: httpx or httpx2.
        client: A client that was never used, made as the new ones without their ``timeout``.

    Returns:
        The function; ``None`` if the attributes that it makes are not exactly those of the client.
    """
    known = vars(client)
    unchangeable = (type(None), bool, int, str, Enum, http.URL, http.QueryParams, http.AsyncBaseTransport)
    same = {name: known[name] for name in _SHARED if isinstance(known.get(name, ...), unchangeable)}
    headers, mounts = known.get("_headers"), known.get("_mounts") or {}
    new_headers, new_cookies, new_timeout = http.Headers, http.Cookies, http.Timeout

    def attributes(timeout: Any) -> dict[str, Any]:
        return {
            **same,
            "_headers": new_headers(headers),
            "_cookies": new_cookies(),
            "_timeout": new_timeout(timeout),
            "_event_hooks": {"request": [], "response": []},
            "_mounts": {**mounts},
        }

    made = attributes(known.get("_timeout"))
    alike = made == known and {name: type(value) for name, value in made.items()} == {
        name: type(value) for name, value in known.items()
    }
    return attributes if alike and not hasattr(client, "__slots__") else None
