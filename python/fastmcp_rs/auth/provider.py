"""The base class of providers: one that answers through either entry point protects a FastMCP server."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastmcp_rs import host
from fastmcp_rs._native import Tally, flag, scopes
from fastmcp_rs.auth.faces import answer_of, is_bridge, join_faces
from fastmcp_rs.auth.telemetry import observe

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs._native import AccessToken
    from fastmcp_rs.host import HostAccessToken

__all__ = ["AuthProvider"]


class AuthProvider(host.TokenVerifierBase):
    """Base class for authentication providers.

    A subclass implements ``authenticate``, for any scheme, or ``verify_token``, for bearer tokens; the other answers
    alike. It need not run this class's initializer.

    Neither method need guard itself: an exception refuses the request and is logged, but for
    ``fastmcp_rs.errors.TokenVerificationError`` and FastMCP's own, which say that nobody can tell now. The server then
    answers 503, so that clients keep their tokens.
    """

    def __new__(cls, *_: object, **__: object) -> "Self":
        """Make a provider that FastMCP can use, whether or not its own initializer runs that of this class."""
        if cls.authenticate is AuthProvider.authenticate and cls.verify_token is AuthProvider.verify_token:
            raise TypeError(f"{cls.__name__} implements neither authenticate() nor verify_token(): one is needed")
        self: Self = super().__new__(cls)
        vars(self).update(host.verifier_state(), tally=Tally())
        observe(self)
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - a class statement's own arguments
        super().__init_subclass__(**kwargs)
        join_faces(cls)

    # Whether or not the initializer of this class runs.
    _detailed_errors = False
    _required_scopes: Sequence[str] = ()
    tally: Tally

    def __init__(
        self,
        *,
        required_scopes: str | Sequence[str] | None = None,
        detailed_errors: bool = False,
        base_url: object = None,
        resource_base_url: object = None,
        resource_server_url: object = None,
    ) -> None:
        """Configure what FastMCP asks of every provider.

        Args:
            required_scopes: Scopes that FastMCP demands of every request.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.

        Raises:
            ValueError: The configuration cannot work; the text says what would.
        """
        host.init_verifier(
            self,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.required_scopes = required_scopes
        self.detailed_errors = detailed_errors

    @property
    def required_scopes(self) -> list[str]:
        """The scopes that FastMCP demands of every request."""
        return [*self._required_scopes]

    @required_scopes.setter
    def required_scopes(self, required_scopes: str | Sequence[str] | None) -> None:
        self._required_scopes = scopes(required_scopes, "required_scopes")

    @property
    def detailed_errors(self) -> bool:
        """Whether clients are told everything about a refusal that the log has; if not, what a stranger may learn."""
        return self._detailed_errors

    @detailed_errors.setter
    def detailed_errors(self, detailed_errors: bool) -> None:
        self._detailed_errors = flag(detailed_errors, "detailed_errors")

    async def authenticate(self, request: Any) -> "AccessToken | None":  # noqa: ANN401 - of whatever framework
        """Authenticate a request.

        Args:
            request: A Starlette connection when a server asks; a request with nothing but its ``Authorization`` header
                when FastMCP has only the token.

        Returns:
            The access token, or ``None`` if the request carries no good credentials.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement authenticate()")

    async def verify_token(self, token: str) -> "HostAccessToken | None":
        """Verify a bearer token.

        Args:
            token: The token as the client sent it.

        Returns:
            The installed FastMCP's access token, or ``None`` if the token is refused.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement verify_token()")

    def stats(self) -> dict[str, Any]:
        """Tell what was decided here so far.

        Returns:
            ``accepted``, a number; ``rejected`` and ``unavailable``, each a dict of numbers by reason code.
        """
        return self.tally.counts()

    def takes_requests(self) -> bool:
        """Whether ``authenticate`` is this class's own, and so may read more of a request than a bearer token."""
        return not is_bridge(type(self).authenticate)

    def get_middleware(self) -> list[Any]:
        """The layer that authenticates each request to a server, for FastMCP from 2.12.1 on."""
        from starlette.middleware import Middleware  # noqa: PLC0415 - only a server needs it

        from fastmcp_rs.auth.layer import AuthenticationLayer  # noqa: PLC0415 - likewise

        return [Middleware(AuthenticationLayer, provider=self)]

    def get_routes(self, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401 - those of the installed FastMCP
        """The routes of the installed FastMCP's token verifiers, and before them the layer where it takes no other."""
        routes: list[Any] = super().get_routes(*arguments, **options)
        if host.takes_middleware():
            return routes
        from fastmcp_rs.auth.layer import LayerRoute  # noqa: PLC0415 - only a server needs it

        # There FastMCP asks by itself, and would let an exception out.
        vars(self)["verify_token"] = partial(answer_of, self, "verify_token")
        return [LayerRoute(self), *routes]
