"""Authentication of clients: for FastMCP's client, and for those of httpx and httpx2."""

import re
from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import await_callback, wait_for_callback
from fastmcp_rs._native import BearerToken, ClientCredentials
from fastmcp_rs.logs import get_logger

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.errors import OAuthError

__all__ = ["BearerAuth", "OAuth"]

_logger = get_logger("client")

_UNAUTHORIZED = 401
_ASKS_FOR_NONCE = re.compile(r'\berror\s*=\s*"?use_dpop_nonce\b')
# Longer than the total timeout of a token request.
_LONGEST_WAIT_SECONDS = 15.0


class _TokenAuth(_compat.HttpAuthBase):
    """Authentication whose copies share its tokens, and which cannot be pickled."""

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
            ValueError: It cannot be a bearer token (RFC 6750 section 2.1).
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

    Nothing is sent at construction. A token is kept until shortly before it expires, and concurrent requests share one
    token request. When the server answers 401, the token is replaced and the request sent again, once. The token is
    sent only to the server that it was requested for, and the secret only to ``token_url``.

    A client has either a secret or a private key, with which it signs an assertion for each token request
    (``private_key_jwt``: RFC 7523). An assertion is good for 60 seconds.

    Args:
        client_id: The client's identifier.
        client_secret: Its secret; ``None`` with ``private_key_file``.
        token_url: The token endpoint: https, or http to this machine.
        scope: The scopes to request.
        audience: The request parameter ``audience``, for servers that have one.
        resource: The URI that tokens are requested for (RFC 8707). By default that of the server.
        server_url: The URL of the server; tokens are sent to its origin only. By default ``resource``, or else the
            URL of the first request.
        token_endpoint_auth_method: ``"client_secret_basic"``, ``"client_secret_post"`` or ``"private_key_jwt"``
            (RFC 7591 section 2). By default the last where there is a ``private_key_file``, else the first.
        private_key_file: The path of a file with the private key: PEM, or a JWK as JSON text, whose ``kid`` and ``alg``
            count. RSA signs with RS256 unless ``alg`` says otherwise. A file that is replaced is read again; while it
            holds no key, its last one is used, and the log says so.
        assertion_audience: The ``aud`` of assertions, ``token_url`` by default. The issuer of the authorization server
            is what a later version of RFC 7523 wants there, and what some servers accept alone.
        allow_http: Let ``token_url`` be an http URL of another machine.
        dpop: Bind the tokens to a key that this object makes, and send a proof with each request (RFC 9449), so that a
            stolen token does not work. An authorization server that answers with a bearer token is an error.

    Raises:
        ValueError: An argument cannot work; the text says which, and what would.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str | None,
        token_url: str,
        scope: Sequence[str] | str | None = None,
        audience: str | None = None,
        *,
        resource: str | None = None,
        server_url: str | None = None,
        token_endpoint_auth_method: str | None = None,
        private_key_file: str | PathLike[str] | None = None,
        assertion_audience: str | None = None,
        allow_http: bool = False,
        dpop: bool = False,
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
            private_key_file=private_key_file,
            assertion_audience=assertion_audience,
            allow_http=allow_http,
            dpop=dpop,
        )
        # The query of the URL may hold a key.
        url = str(token_url).partition("?")[0]
        self._description = f"OAuth(client_id={client_id!r}, token_url={url!r})"

    async def get_token(self) -> str:
        """Get a token: the current one, or a new one.

        Returns:
            An access token.

        Raises:
            OAuthError: The server refused the request, or its answer cannot be used.
            TokenUnavailableError: An ``OAuthError``: the server is out of reach or failing.
        """
        return (await self._token()).expose()

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 - of either HTTP library
        """Send the request with a token, and once more with a new one after a 401; called by the HTTP library."""
        if not self._admits(request):
            yield request
            return
        token = await self._token()
        response = yield self._signed(request, token)
        if self._wants_nonce(response) and _can_be_sent_again(request):
            response = yield self._signed(request, token)
        if self._refuses(response):
            token = await self._token(refused=token)
            if _can_be_sent_again(request):
                response = yield self._signed(request, token, response)
        self._note_nonce(response)

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401 - of either HTTP library
        """Do the same for a client that blocks; called by the HTTP library."""
        if not self._admits(request):
            yield request
            return
        token = self._blocking_token()
        response = yield self._signed(request, token)
        if self._wants_nonce(response) and _can_be_sent_again(request):
            response = yield self._signed(request, token)
        if self._refuses(response):
            token = self._blocking_token(refused=token)
            if _can_be_sent_again(request):
                response = yield self._signed(request, token, response)
        self._note_nonce(response)

    def _signed(self, request: Any, token: BearerToken, refusal: Any = None) -> Any:  # noqa: ANN401 - of either HTTP library
        """Put the token into a request, with a proof if tokens are bound.

        A proof is for one URL, and a redirected request was sent with that of another. Once refused, it is sent to
        where it was led.
        """
        led = None if refusal is None else refusal.request
        if self._tokens.makes_proofs and led is not None and led.method == request.method:
            request.url = led.url
        self._tokens.authorize(token, request.headers, request.method, str(request.url))
        return request

    def _note_nonce(self, response: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        """Take the nonce of an answer for the next request. Returns whether it is a new one."""
        nonce = response.headers.get("DPoP-Nonce") if self._tokens.makes_proofs else None
        return nonce is not None and self._tokens.admits(str(response.url)) and self._tokens.note_nonce(nonce)

    def _wants_nonce(self, response: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        """Whether the server asks for the same request with a nonce that it gave (RFC 9449 section 9)."""
        is_newer = self._note_nonce(response)
        challenge = response.headers.get("WWW-Authenticate", "")
        return is_newer and self._refuses(response) and _ASKS_FOR_NONCE.search(challenge) is not None

    async def _token(self, refused: BearerToken | None = None) -> BearerToken:
        return _issued(await await_callback(partial(self._tokens.request, refused), _LONGEST_WAIT_SECONDS))

    def _blocking_token(self, refused: BearerToken | None = None) -> BearerToken:
        return _issued(wait_for_callback(partial(self._tokens.request, refused), _LONGEST_WAIT_SECONDS))

    def _admits(self, request: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        if self._tokens.admits(str(request.url)):
            return True
        _logger.warning(
            "%r sends no token to %s, which is not the server that it has tokens for", self, request.url.host
        )
        return False

    def _refuses(self, response: Any) -> bool:  # noqa: ANN401 - of either HTTP library
        """Whether the server that the token is for refused it. The target of a redirect never got the token."""
        return response.status_code == _UNAUTHORIZED and self._tokens.admits(str(response.url))

    def __repr__(self) -> str:
        # A debugger or a traceback shows an object whose construction failed, too.
        return getattr(self, "_description", "OAuth(not constructed)")


def _issued(answer: "BearerToken | OAuthError") -> BearerToken:
    if isinstance(answer, BearerToken):
        return answer
    raise answer


def _can_be_sent_again(request: Any) -> bool:  # noqa: ANN401 - of either HTTP library
    """Whether the body is still there; a streamed one is not."""
    try:
        _ = request.content
    except RuntimeError:
        return False
    return True
