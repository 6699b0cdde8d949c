"""How a client authenticates to a protected server: with FastMCP's client, or with one of httpx or httpx2."""

import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from fastmcp_rs import host
from fastmcp_rs._native import BearerToken, ClientCredentials
from fastmcp_rs.waiting import blocking_outcome, outcome

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.errors import OAuthError

__all__ = ["BearerAuth", "OAuth"]

_logger = logging.getLogger("fastmcp_rs.client")

_UNAUTHORIZED = 401
# Beyond the total timeout of a token request.
_LONGEST_WAIT_SECONDS = 15.0


class _TokenAuth(host.HttpAuthBase):
    """Authentication that shares what it holds with its copies and leaves it in this process."""

    def __copy__(self) -> "Self":
        return self

    def __deepcopy__(self, _memo: object) -> "Self":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled: it holds a secret; construct it where it is needed")


class BearerAuth(_TokenAuth):
    """A bearer token that is sent with every request (RFC 6750 section 2.1).

    Example:
        >>> BearerAuth("a-token")
        BearerAuth(...)
    """

    def __init__(self, token: str) -> None:
        """Take a token.

        Args:
            token: The token alone, without ``Bearer``.

        Raises:
            ValueError: It is not one that a request can bear.
        """
        self._token = BearerToken(token)

    def auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401 - of either HTTP library
        """Send the request with the token; called by the HTTP library."""
        self._token.authorize(request.headers)
        yield request

    def __repr__(self) -> str:
        return "BearerAuth(...)"


class OAuth(_TokenAuth):
    """Tokens of the client credentials grant (RFC 6749 section 4.4), for one server.

    Nothing is sent at construction. A token is kept until shortly before it expires, asked for once however many need
    one, and replaced once for a request that the server answers with 401; that request is then sent again, once. The
    token goes to the server that it was got for and to no other; the secret goes to ``token_url`` alone.

    Args:
        client_id: The client's identifier.
        client_secret: Its secret.
        token_url: The token endpoint: https, or http to this machine.
        scope: The scopes to ask for.
        audience: The request parameter ``audience``, for servers that have one.
        resource: The URI that tokens are asked for (RFC 8707). By default that of the server.
        server_url: The URL of the server, whose origin alone is sent the tokens. By default ``resource``, or else that
            of the first request.
        token_endpoint_auth_method: ``"client_secret_basic"`` or ``"client_secret_post"`` (RFC 7591 section 2).
        allow_http: Let ``token_url`` be an http URL of another machine.

    Raises:
        ValueError: An argument cannot work; the text says which, and what would.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        token_url: str,
        scope: Sequence[str] | str | None = None,
        audience: str | None = None,
        *,
        resource: str | None = None,
        server_url: str | None = None,
        token_endpoint_auth_method: str = "client_secret_basic",
        allow_http: bool = False,
    ) -> None:
        self._tokens = ClientCredentials(
            client_id,
            client_secret,
            token_url,
            scope=scope,
            audience=audience,
            resource=resource,
            server_url=server_url,
            token_endpoint_auth_method=token_endpoint_auth_method,
            allow_http=allow_http,
        )
        self._description = f"OAuth(client_id={client_id!r}, token_url={token_url!r})"

    async def get_token(self) -> str:
        """Get a token: the one at hand, or a new one.

        Returns:
            An access token.

        Raises:
            OAuthError: The server refused the request, or its answer cannot be used.
            TokenUnavailableError: An ``OAuthError``, of a server that is out of reach or in trouble.
        """
        return (await self._token()).expose()

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 - of either HTTP library
        """Send the request with a token, and once more with a new one if need be; called by the HTTP library."""
        if not self._admits(request):
            yield request
            return
        token = await self._token()
        token.authorize(request.headers)
        response = yield request
        if self._refuses(response):
            token = await self._token(refused=token)
            if _can_be_sent_again(request):
                token.authorize(request.headers)
                yield request

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401 - of either HTTP library
        """Do the same for a client that blocks; called by the HTTP library."""
        if not self._admits(request):
            yield request
            return
        token = self._blocking_token()
        token.authorize(request.headers)
        response = yield request
        if self._refuses(response):
            token = self._blocking_token(refused=token)
            if _can_be_sent_again(request):
                token.authorize(request.headers)
                yield request

    async def _token(self, refused: BearerToken | None = None) -> BearerToken:
        return _issued(await outcome(partial(self._tokens.request, refused), _LONGEST_WAIT_SECONDS))

    def _blocking_token(self, refused: BearerToken | None = None) -> BearerToken:
        return _issued(blocking_outcome(partial(self._tokens.request, refused), _LONGEST_WAIT_SECONDS))

    def _admits(self, request: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        if self._tokens.admits(str(request.url)):
            return True
        _logger.warning(
            "%r sends no token to %s, which is not the server that it has tokens for", self, request.url.host
        )
        return False

    def _refuses(self, response: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        """Whether the server that the token is for refuses it. Who a redirect led to has not seen it."""
        return response.status_code == _UNAUTHORIZED and self._tokens.admits(str(response.url))

    def __repr__(self) -> str:
        return self._description


def _issued(answer: "BearerToken | OAuthError") -> BearerToken:
    if isinstance(answer, BearerToken):
        return answer
    raise answer


def _can_be_sent_again(request: Any) -> bool:  # noqa: ANN401 - of either HTTP library
    """Whether the body is at hand; one that was streamed is gone."""
    try:
        _ = request.content
    except RuntimeError:
        return False
    return True
