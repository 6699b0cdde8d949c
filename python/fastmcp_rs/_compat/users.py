"""The user of a request and what it may do, as the MCP SDK and Starlette have them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastmcp_rs._compat.installed import role

if TYPE_CHECKING:
    from mcp.server.auth.provider import AccessToken as SdkAccessToken

__all__ = ["make_signed_in"]


def make_signed_in() -> Callable[["SdkAccessToken"], tuple[Any, Any]]:
    """Make what gives the user and the credentials of a token, as the SDK's middleware puts them into a request.

    The initializers take longer than what they do. So the attributes are set here. A sample is made both ways; where
    the two differ, the initializers run.
    """
    from starlette.authentication import AuthCredentials  # noqa: PLC0415 - only a server needs it

    user_class = role("AuthenticatedUser")

    def initialized(token: "SdkAccessToken") -> tuple[Any, Any]:
        return user_class(token), AuthCredentials(token.scopes)

    def straight(token: "SdkAccessToken") -> tuple[Any, Any]:
        user, credentials = object.__new__(user_class), object.__new__(AuthCredentials)
        user.username = token.client_id
        user.access_token = token
        user.scopes = scopes = token.scopes
        credentials.scopes = [*scopes]
        return user, credentials

    sample = role("SdkAccessToken")(token="token", client_id="client", scopes=["scope"])  # noqa: S106 - a sample
    try:
        is_alike = _parts(straight(sample), sample) == _parts(initialized(sample), sample)
    except (AttributeError, TypeError):
        # A class with other attributes, or of another kind.
        is_alike = False
    return straight if is_alike else initialized


def _parts(made: tuple[Any, Any], token: "SdkAccessToken") -> list[Any]:
    """All that two objects have, in order, and which of it is the token's own list."""
    return [(name, value, value is token.scopes) for each in made for name, value in vars(each).items()]
