"""What the native providers share: one decision, read off by both faces and by the log."""

import inspect
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NoReturn, Protocol

from fastmcp_rs import host
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.auth.reasons import report

if TYPE_CHECKING:
    from fastmcp_rs.host import HostAccessToken

__all__ = ["CACHE_SIZE", "NativeHalf", "NativeProvider"]

# How many verified tokens a verifier of JWTs remembers unless it is told otherwise.
CACHE_SIZE = 10_000


class NativeHalf(Protocol):
    """What decides natively."""

    @property
    def required_scopes(self) -> list[str]:
        """The scopes that a token must grant."""

    def set_required_scopes(self, required_scopes: object) -> None:
        """Take them from now on."""

    def decide(self, token: object) -> Decision:
        """Decide about a token, at once."""


class NativeProvider(AuthProvider):
    """A provider whose decisions are made natively."""

    _native: NativeHalf

    @property
    def required_scopes(self) -> list[str]:
        """The scopes that every token must have. Setting it takes effect at once."""
        return self._native.required_scopes

    @required_scopes.setter
    def required_scopes(self, required_scopes: str | Sequence[str] | None) -> None:
        self._native.set_required_scopes(required_scopes)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, unless it is a parameter that construction alone takes: that would change nothing.

        Raises:
            AttributeError: It is one, and had another value there.
        """
        known = vars(self)
        if "_native" in known and name in _fixed_parameters(type(self)) and known.get(name, ...) is not value:
            raise AttributeError(
                f"{name} is read when a {type(self).__name__} is made, and would change nothing later: make a new one"
            )
        super().__setattr__(name, value)

    def _tell(self, **configuration: object) -> None:
        """Let attributes tell what this was made with."""
        vars(self).update(configuration)

    def _decide(self, token: object) -> Decision:
        """Decide about a token, at once."""
        return self._native.decide(token)

    def _decide_natively(self) -> None:
        """Let the native function itself decide from now on: a request has one step less to go."""
        vars(self)["_decide"] = self._native.decide

    async def _decide_later(self, token: object) -> Decision:
        """Decide about a token whose keys are on their way, when they are there."""
        raise NotImplementedError

    async def authenticate(self, request: object) -> AccessToken | None:
        """Authenticate a request.

        Args:
            request: A Starlette request or connection, an ASGI scope, or anything with ``headers``.

        Returns:
            The access token, or ``None`` if the request carries no good one. Never raises for what a client sent.
        """
        return (await self.decided(request)).access_token()

    async def verify_token(self, token: str) -> "HostAccessToken | None":
        """Verify a bearer token.

        Args:
            token: The token as the client sent it.

        Returns:
            The installed FastMCP's access token, or ``None`` if the token is refused. Never raises for what a client
            sent.

        Raises:
            ImportError: Neither FastMCP nor the MCP SDK is installed.
            TokenVerificationError: FastMCP's own, where it has one (4.2): keys are out of reach, so nobody can tell.
        """
        # As `decided` does it: to await one more coroutine would be a tenth of what a token costs that was seen before.
        decision = self._decide(token)
        if decision.is_pending:
            decision = await self._decide_later(token)
        if report(self, decision):
            return host.to_host(decision)
        if decision.outcome == "unavailable":
            host.raise_unavailable(decision)
        return None

    async def decided(self, request: object) -> Decision:
        """Decide about a request, and report what was decided."""
        token = bearer_token(request)
        decision = token if isinstance(token, Decision) else self._decide(token)
        if decision.is_pending:
            decision = await self._decide_later(token)
        report(self, decision)
        return decision

    # The name that FastMCP's JWTVerifier has for it too. Here, so that a class which overrides no entry point has them
    # all from one place; and the same function, so that it asks none of the others, which may be what asks it.
    load_access_token = verify_token

    def takes_requests(self) -> bool:
        """Whether a subclass overrides ``authenticate``: what is native reads bearer tokens alone."""
        return super().takes_requests() and type(self).authenticate is not NativeProvider.authenticate

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it holds keys; construct it where it is needed")


@cache
def _fixed_parameters(cls: type) -> frozenset[str]:
    """The parameters of a provider of ours for which it has no setter. Those of a subclass are its own affair."""
    ours = next(base for base in cls.__mro__ if base.__module__.startswith("fastmcp_rs."))
    names = inspect.signature(ours).parameters
    return frozenset(name for name in names if name not in host.URL_PARAMETERS and not _is_set_by_class(cls, name))


def _is_set_by_class(cls: type, name: str) -> bool:
    member = inspect.getattr_static(cls, name, None)
    return hasattr(type(member), "__set__") and (not isinstance(member, property) or member.fset is not None)
