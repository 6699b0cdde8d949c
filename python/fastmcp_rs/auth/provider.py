"""The base class of providers. A subclass that implements either entry point protects a FastMCP server."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from fastmcp_rs import _compat
from fastmcp_rs._native import DecisionCounters, flag, scopes
from fastmcp_rs.auth.entry_points import ENTRY_POINTS, is_bridge
from fastmcp_rs.auth.live_list import LiveList, is_kept, keep
from fastmcp_rs.auth.overrides import Overridable, apply_override, detect_overrides, guard, refuse_what_is_not_asked
from fastmcp_rs.auth.protected_resource import ProtectedResource, ResourceURLs, metadata_url
from fastmcp_rs.auth.resource_hints import hint_at_url
from fastmcp_rs.auth.telemetry import observe
from fastmcp_rs.types import OperationStats, Stats, Url

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs._native import AccessToken, Decision, Dpop

__all__ = ["AuthProvider"]


class AuthProvider(_compat.TokenVerifierBase, metaclass=Overridable):
    """Base class for authentication providers.

    A subclass implements ``authenticate``, for any scheme, or ``verify_token``, for bearer tokens; the other gives the
    same answers. It need not run this class's initializer.

    Neither method has to catch exceptions: one refuses the request and is logged. Only
    ``fastmcp_rs.errors.TokenVerificationError``, and FastMCP's error of that name, say that the token can be neither
    accepted nor rejected now. The server then answers 503, so that clients keep their tokens.
    """

    # Type checkers would compare the initializer of every subclass with these parameters.
    if not TYPE_CHECKING:

        def __new__(cls, *_: object, **__: object) -> "Self":
            """Make a provider that FastMCP can use, also where a subclass does not run this initializer."""
            if cls.authenticate is AuthProvider.authenticate and cls.verify_token is AuthProvider.verify_token:
                raise TypeError(f"{cls.__name__} implements neither authenticate() nor verify_token(): one is needed")
            self: Self = super().__new__(cls)
            vars(self).update(_compat.verifier_state(), _counters=DecisionCounters())
            vars(self)["_required_scopes"] = _live_scopes(scopes, (), "required_scopes")
            self._operations = {}
            observe(self)
            return self

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - a class statement's own arguments
        super().__init_subclass__(**kwargs)
        detect_overrides(cls)

    # The methods that a subclass may override, also later and on an instance; and those that it may not.
    _overridable: ClassVar[frozenset[str]] = ENTRY_POINTS
    _not_asked: ClassVar[frozenset[str]] = frozenset()
    # Whether the native decision is final: there is no override, and FastMCP is not 2.12.0, which asks providers too.
    _decides_alone: ClassVar[bool] = False

    _answers_denied: ClassVar[bool] = True

    # For subclasses that do not run the initializer of this class.
    _detailed_errors = False
    _unavailable: Literal["raise", "none"] = "raise"
    _required_scopes: list[str]
    _counters: DecisionCounters
    # The settings for proofs of possession, if the provider checks proofs.
    _dpop: "Dpop | None" = None
    _operations: dict[str, int]
    _step_up = True
    # The scopes that each scope implies.
    _scope_hierarchy: Mapping[str, str | Sequence[str]] = {}
    _resource: ProtectedResource | None = None
    # The middleware counts the tokens that a provider accepts, unless the provider has done so.
    _counts_accepted = False

    def __init__(
        self,
        *,
        required_scopes: str | Sequence[str] | None = None,
        detailed_errors: bool = False,
        unavailable: Literal["raise", "none"] = "raise",
        step_up: bool = True,
        base_url: Url | None = None,
        resource_base_url: Url | None = None,
        resource_server_url: Url | None = None,
    ) -> None:
        """Configure what every provider has.

        Args:
            required_scopes: Scopes that FastMCP requires of every request.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            unavailable: What ``verify_token`` does if it can neither accept nor reject a token: ``"raise"`` raises
                FastMCP's ``TokenVerificationError``, where it has one (4.2); ``"none"`` answers ``None``, for routes of
                an application and for the MCP SDK's own server. A server of this provider answers 503 in both cases.
            step_up: Answer 403, with the scopes that are needed, where a token has too few for the tool, resource or
                prompt that a request asks for (MCP authorization, "Scope Challenge Handling"). ``False`` leaves it to
                FastMCP.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.

        Raises:
            ValueError: The configuration cannot work; the text says what would.
        """
        _compat.init_verifier(
            self,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.required_scopes = required_scopes
        self.detailed_errors = detailed_errors
        self.unavailable = unavailable
        self.step_up = step_up

    def __setattr__(self, name: str, value: object) -> None:
        refuse_what_is_not_asked(self, name)
        super().__setattr__(name, value)
        apply_override(self, name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        apply_override(self, name)

    @classmethod
    def _detect_overrides(cls) -> None:
        """Find out what is overridden in this class, after it was made or changed."""

    def _bind_decision(self) -> None:
        """Choose the function that decides, after the class or this instance was changed."""

    @property
    def required_scopes(self) -> list[str]:
        """The scopes that FastMCP demands of every request. Setting or changing them takes effect at once."""
        return self._required_scopes

    @required_scopes.setter
    def required_scopes(self, required_scopes: str | Sequence[str] | None) -> None:
        if not is_kept(self, "_required_scopes", required_scopes):
            self._require(required_scopes, "required_scopes")

    def _require(self, required_scopes: object, argument: str) -> None:
        """Demand the scopes that an operator gave as this argument."""
        keep(self, "_required_scopes", _live_scopes(self._scopes_taker(), required_scopes, argument))

    def _scopes_taker(self) -> Callable[[object, str], list[str]]:
        """The function that checks demanded scopes and lets them take effect. It does not refer to this provider."""
        return scopes

    @property
    def unavailable(self) -> Literal["raise", "none"]:
        """What ``verify_token`` does if there can be no decision: ``"raise"`` or ``"none"``."""
        return self._unavailable

    @unavailable.setter
    def unavailable(self, unavailable: Literal["raise", "none"]) -> None:
        given: object = unavailable
        if not isinstance(given, str) or given not in ("raise", "none"):
            raise ValueError('unavailable must be "raise" or "none"')
        self._unavailable = unavailable

    @property
    def detailed_errors(self) -> bool:
        """Whether clients get all details of a refusal, as the log does, or only those that are safe for anyone."""
        return self._detailed_errors

    @detailed_errors.setter
    def detailed_errors(self, detailed_errors: bool) -> None:
        self._detailed_errors = flag(detailed_errors, "detailed_errors")

    @property
    def step_up(self) -> bool:
        """Whether a request for an operation is refused with 403 if its token has too few scopes for the operation."""
        return self._step_up

    @step_up.setter
    def step_up(self, step_up: bool) -> None:
        self._step_up = flag(step_up, "step_up")

    async def authenticate(self, request: Any) -> "AccessToken | None":  # noqa: ANN401 - of any framework
        """Authenticate a request.

        Args:
            request: A Starlette connection where a server calls this; a request with nothing but its
                ``Authorization`` header where FastMCP has only the token.

        Returns:
            The access token, or ``None`` if the request carries no good credentials.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement authenticate()")

    async def verify_token(self, token: str) -> "FastMCPAccessToken | None":
        """Verify a bearer token.

        Args:
            token: The token as the client sent it.

        Returns:
            The installed FastMCP's access token, or ``None`` if the token is refused.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement verify_token()")

    if TYPE_CHECKING:
        # There, and asked, where ``_decides_alone`` says so.
        def _admit_at_once(self, request: object) -> "FastMCPAccessToken | Decision | None":
            """FastMCP's access token, or else what is known so far."""

        async def _admit(self, request: object, decision: "Decision | None") -> "FastMCPAccessToken | Decision":
            """Decide about a request for which there was no token at once, and report it."""

    def stats(self) -> Stats:
        """Count what was decided so far.

        Returns:
            ``accepted``, a number; ``rejected`` and ``unavailable``, each a dict of numbers by reason code. Where
            tokens had too few scopes for an operation, also ``operations``: a dict of numbers by method and name, such
            as ``"tools/call save"``.
        """
        counts = self._counters.counts()
        if not self._operations:
            return counts
        with_operations: OperationStats = {**counts, "operations": dict(self._operations)}
        return with_operations

    def _takes_requests(self) -> bool:
        """Whether a subclass overrides ``authenticate``, and so may read more of a request than a bearer token."""
        return not is_bridge(type(self).authenticate)

    def _note_start(self) -> None:
        """Log the hints for operators when a server starts."""

    def _needs_asyncio(self) -> bool:
        """Whether a decision may have to wait on asyncio's event loop, such as for keys from a URL."""
        return False

    def _retry_after(self) -> float | None:
        """The seconds until keys are fetched again, where that is known: ``Retry-After`` of an answer."""
        return None

    def get_middleware(self) -> list[Any]:
        """The middleware that authenticates each request to a server, for FastMCP from 2.12.1 on."""
        from starlette.middleware import Middleware  # noqa: PLC0415 - only a server needs it

        from fastmcp_rs.auth.middleware import AuthenticationMiddleware  # noqa: PLC0415 - likewise

        return [Middleware(AuthenticationMiddleware, provider=self)]

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes that the metadata names: those that are required, unless others are given."""
        given = None if self._resource is None else self._resource.scopes_supported
        return self.required_scopes if given is None else list(given)

    @property
    def _resource_urls(self) -> ResourceURLs | None:
        """The URLs of the resources that this provider serves, where it has metadata of them."""
        return None if self._resource is None else self._resource.urls

    @property
    def _located_urls(self) -> ResourceURLs | None:
        return self._resource_urls

    def set_mcp_path(self, mcp_path: str | None = None) -> None:
        """Take the path of a resource, as FastMCP tells it."""
        take = getattr(super(), "set_mcp_path", None)
        if take is not None:
            take(mcp_path)
        if self._resource is not None:
            self._resource.urls.note(mcp_path, _compat.resource_url(self, mcp_path))

    def get_routes(self, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401 - those of the installed FastMCP
        """The routes of FastMCP's token verifiers, and those of the metadata of a protected resource.

        For 2.12.0 they are behind a route that runs the middleware.
        """
        routes: list[Any] = super().get_routes(*arguments, **options)
        path = arguments[0] if arguments else options.get("mcp_path")
        routes = [*routes, *self._metadata_routes(path, routes)]
        hint_at_url(self, path, has_metadata=self._resource is not None)
        if _compat.takes_middleware():
            return routes
        from fastmcp_rs.auth.fastmcp_2_12_0 import AuthenticationRoute  # noqa: PLC0415 - only a server needs it

        guard(self)
        return [AuthenticationRoute(self), *routes]

    def get_well_known_routes(self, mcp_path: str | None = None) -> list[Any]:
        """The routes of the metadata, for an outer application that this server is mounted in.

        Args:
            mcp_path: The path of the MCP endpoint in the mounted application.
        """
        inherited: Any = getattr(super(), "get_well_known_routes", None)
        routes: list[Any] = self._metadata_routes(mcp_path, []) if inherited is None else inherited(mcp_path)
        return routes

    def get_resource_metadata_url(self) -> str | None:
        """Where the metadata is, as FastMCP 2.12.0 asks for it."""
        url = _compat.resource_url(self, None)
        if self._resource is not None and url is not None:
            return metadata_url(url)
        ask: Any = getattr(super(), "get_resource_metadata_url", None)
        found: str | None = None if ask is None else ask()
        return found

    def _metadata_routes(self, path: str | None, routes: Sequence[Any]) -> list[Any]:
        """The routes of the metadata of the resource at a path, which is noted."""
        if self._resource is None:
            return []
        self.set_mcp_path(path)
        url = self._resource.urls.at(path)
        if url is None:
            return []
        for route in routes:
            # 2.12.5 makes the route of the endpoint here, and would name one place for every resource.
            endpoint = getattr(route, "app", None)
            if isinstance(endpoint, _compat.RequireAuthMiddleware):
                endpoint.resource_metadata_url = metadata_url(url)  # type: ignore[assignment]
        return self._resource.routes(url, self)


def _live_scopes(take: Callable[[object, str], list[str]], required: object, argument: str) -> list[str]:
    return LiveList(take(required, argument), lambda changed: take(changed, argument))
