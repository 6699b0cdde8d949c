"""Logs, when an application is made, that the URL of a server is probably wrong.

It is no error: an application that is mounted below a path may have that path in its URL.
"""

from typing import Any
from urllib.parse import urlsplit

from fastmcp_rs import _compat
from fastmcp_rs.logs import get_logger

__all__ = ["hint_at_url"]

_logger = get_logger("resource")


def hint_at_url(provider: Any, path: str | None, *, has_metadata: bool) -> None:  # noqa: ANN401 - one of ours
    """Log a hint about the URL of a provider, once for each provider and path.

    Args:
        provider: The provider.
        path: The path of its endpoint.
        has_metadata: Whether the metadata of the resource is served.
    """
    url = _compat.resource_url(provider, path)
    hinted = vars(provider).setdefault("_hinted_paths", set())
    if url is None or path in hinted:
        return
    hinted.add(path)
    parameter = _compat.server_url_parameter()
    if not has_metadata:
        # A proof of possession is made for the URL as well.
        if provider._dpop is None:
            _logger.info(
                "%s is given and authorization_servers is not, so no metadata of a protected resource (RFC 9728) is "
                "served: MCP clients cannot find where to get a token. Name the issuer in authorization_servers, "
                "unless clients are given their tokens",
                parameter,
            )
    elif path is not None and path.strip("/") and urlsplit(url).path.endswith(f"{path.rstrip('/')}{path}"):
        _logger.warning(
            "%s ends with %s, the path of the endpoint, which is added to it: the resource is called %s. Give the URL "
            "without that path, unless the application is mounted below %s in another one",
            parameter,
            path,
            url,
            path,
        )
