"""Base of the native providers: one decision for both entry points and for the log."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from fastmcp_rs import _compat
from fastmcp_rs._native import AccessToken, Decision, Dpop, IntrospectionVerifier, JwtVerifier, Policy, bearer_token
from fastmcp_rs.auth.dpop import present, presented
from fastmcp_rs.auth.entry_points import ENTRY_POINTS
from fastmcp_rs.auth.event_loop import is_asyncio, log_unsupported_loop
from fastmcp_rs.auth.fastmcp_middleware import refuse
from fastmcp_rs.auth.overrides import class_without_overrides
from fastmcp_rs.auth.protected_resource import protected_resource
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.auth.reporting import report

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken

__all__ = ["CACHE_SIZE", "NativeProvider", "NativeVerifier"]

# How many verified tokens a JWT verifier caches by default.
CACHE_SIZE = 10_000

# The native entry points, kept apart from overrides that are set later.
_NATIVE: dict[str, Any] = {}


class NativeVerifier(Protocol):
    """The native verifier of a provider."""

    @property
    def policy(self) -> Policy:
        """The policy for tokens."""

    def decide(self, token: object) -> Decision:
        """Decide about a token, at once."""


class NativeProvider(AuthProvider):
    """A provider whose decisions are made natively."""

    _native: NativeVerifier
    _counts_accepted = True
    _has_logged_event_loop = False
    # Decides without overrides and proofs, counts an accepted token, and makes the fields of FastMCP's access token.
    _acceptor: JwtVerifier | IntrospectionVerifier | None = None

    def _scopes_taker(self) -> Callable[[object, str], list[str]]:
        policy = self._native.policy

        def take(required_scopes: object, argument: str) -> list[str]:
            policy.set_required_scopes(required_scopes, argument)
            return policy.required_scopes

        return take

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, but not a parameter that is read at construction only: that would change nothing.

        Raises:
            AttributeError: It is such a parameter, and the value is another one.
        """
        known = vars(self)
        if (
            "_native" in known
            and name in _fixed_parameters(class_without_overrides(self))
            and known.get(name, ...) is not value
        ):
            raise AttributeError(
                f"{name} is read when a {type(self).__name__} is made, and would change nothing later: make a new one"
            )
        super().__setattr__(name, value)

    def _expose(self, **configuration: object) -> None:
        """Make the configuration readable as attributes."""
        vars(self).update(configuration)

    def _describe_resource(self, urls: Iterable[object], issuer: str | Sequence[str] | None, **given: object) -> None:
        """Take what describes the protected resource, and make it readable.

        Raises:
            ValueError: It describes none; the text says what is missing.
        """
        resource = self._resource = protected_resource(urls, issuer, **given)
        if resource is not None:
            self._expose(
                authorization_servers=list(resource.authorization_servers),
                resource_name=resource.resource_name,
                resource_documentation=resource.resource_documentation,
            )

    def _decide(self, token: object) -> Decision:
        """Decide about a token, at once."""
        return self._native.decide(token)

    def _bind_decision(self) -> None:
        """Call the native function directly if there are no overrides, which saves a call for each request."""
        known = vars(self)
        if "_native" in known:
            known["_decide"] = self._native.decide
            if self._dpop is None and isinstance(self._native, (JwtVerifier, IntrospectionVerifier)):
                known["_acceptor"] = self._native

    async def _decide_later(self, token: object, request: object = None) -> Decision:
        """Decide about a token after waiting for what the decision needs, such as keys."""
        raise NotImplementedError

    async def _wait_for_decision(self, token: object, request: object = None) -> Decision:
        """Decide after waiting; on another event loop than asyncio's, which cannot wait, the token is unavailable."""
        if is_asyncio():
            return await self._decide_later(token, request)
        if not self._has_logged_event_loop:
            self._has_logged_event_loop = True
            log_unsupported_loop(self)
        return self._unanswered()

    def _unanswered(self) -> Decision:
        """The decision on an event loop that cannot wait."""
        return Decision.keys_unavailable()

    async def authenticate(self, request: object) -> AccessToken | None:
        """Authenticate a request.

        Args:
            request: A Starlette request or connection, an ASGI scope, or anything with ``headers``.

        Returns:
            The access token, or ``None`` if the request carries no valid one. Never raises for what a client sent.
        """
        return (await self._decide_request(request)).access_token()

    async def verify_token(self, token: str) -> "FastMCPAccessToken | None":
        """Verify a bearer token.

        Args:
            token: The token as the client sent it.

        Returns:
            The installed FastMCP's access token, or ``None`` if the token is refused. Never raises for what a client
            sent.

        Raises:
            ImportError: Neither FastMCP nor the MCP SDK is installed.
            TokenVerificationError: FastMCP's own, where it has one (4.2) and ``unavailable`` is ``"raise"``: keys are
                out of reach, so the token can be neither accepted nor rejected. FastMCP's middleware would answer 500
                to an exception: it gets ``None`` and answers 503.
        """
        # As in `_admit_at_once`: one more coroutine would be a tenth of what a cached token costs.
        fields = _compat.token_fields
        if self._acceptor is None or fields is None:
            decision = self._decide(token)
        else:
            accepted = self._acceptor.accept(token, fields, self._counters)
            if isinstance(accepted, dict):
                return _compat.token_of_fields(accepted)
            decision = accepted
        if decision.is_pending:
            decision = await self._wait_for_decision(token)
        if self._dpop is not None:
            decision = self._dpop.prove(decision, presented())
        report(self, decision)
        if decision.is_accepted:
            return _compat.to_fastmcp(decision)
        refuse(self, token, decision)
        return None

    async def _decide_request(self, request: object) -> Decision:
        """Decide about a request, and report what was decided."""
        if self._dpop is not None:
            return await self._decide_presented(self._dpop, request)
        token = bearer_token(request)
        decision = token if isinstance(token, Decision) else self._decide(token)
        if decision.is_pending:
            decision = await self._wait_for_decision(token, request)
        report(self, decision)
        return decision

    def _admit_at_once(self, request: object) -> "FastMCPAccessToken | Decision | None":
        """FastMCP's access token, or else the decision so far, which ``_admit`` completes and reports."""
        acceptor, fields = self._acceptor, _compat.token_fields
        if acceptor is None or fields is None:
            return None
        accepted = acceptor.accept_request(request, fields, self._counters)
        return _compat.token_of_fields(accepted) if isinstance(accepted, dict) else accepted

    async def _admit(self, request: object, decision: Decision | None) -> "FastMCPAccessToken | Decision":
        """Complete the decision about a request, and report it. Returns FastMCP's access token, or the decision."""
        if decision is None:
            decision = await self._decide_request(request)
        else:
            if decision.is_pending:
                decision = await self._wait_for_decision(bearer_token(request), request)
            report(self, decision)
        return _compat.to_fastmcp(decision) if decision.is_accepted else decision

    async def _decide_presented(self, dpop: Dpop, request: object) -> Decision:
        """Decide about a request that may have a proof of possession: first the token, then the proof."""
        given = present(self, request, trusts_forwarded=dpop.trusts_forwarded)
        if isinstance(given, Decision):
            decision = given
        else:
            decision = self._decide(given.token)
            if decision.is_pending:
                decision = await self._wait_for_decision(given.token)
            decision = dpop.prove(decision, given)
        report(self, decision)
        return decision

    def _demand_proofs(self, dpop: Dpop | None) -> None:
        """Check proofs of possession by these settings."""
        if dpop is not None:
            self._native.policy.demand_proofs()
            self._dpop = dpop
            # `_acceptor` checks no proof. It is set if `protect(dpop=...)` changes a provider that was made before.
            vars(self).pop("_acceptor", None)

    # FastMCP's JWTVerifier has this second name. It is defined here so that a class without overrides inherits every
    # entry point from one class, and it is the same function so that it calls no other entry point.
    load_access_token = verify_token

    def _takes_requests(self) -> bool:
        """Whether a subclass overrides ``authenticate``: native verifiers read bearer tokens only."""
        return super()._takes_requests() and type(self).authenticate is not _NATIVE["authenticate"]

    @classmethod
    def _detect_overrides(cls) -> None:
        """Find out whether the native decision is final."""
        super()._detect_overrides()
        native = all(getattr(cls, name) is function for name, function in _NATIVE.items())
        cls._decides_alone = native and _compat.takes_middleware()

    def _shown(self) -> str:
        """The repr of a provider that was made."""
        raise NotImplementedError

    def __repr__(self) -> str:
        try:
            return self._shown()
        except AttributeError:
            # Its construction failed, and a repr, such as a debugger's, must not hide why.
            return f"{type(self).__name__}(not constructed)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it holds keys; construct it where it is needed")


_NATIVE.update({name: vars(NativeProvider)[name] for name in ENTRY_POINTS})


@cache
def _fixed_parameters(cls: type) -> frozenset[str]:
    """The parameters of this package's class that have no setter; those that a subclass adds are ignored."""
    ours = next(base for base in cls.__mro__ if base.__module__.startswith("fastmcp_rs."))
    names = inspect.signature(ours).parameters
    return frozenset(name for name in names if name not in _compat.URL_PARAMETERS and not _is_set_by_class(cls, name))


def _is_set_by_class(cls: type, name: str) -> bool:
    member = inspect.getattr_static(cls, name, None)
    return hasattr(type(member), "__set__") and (not isinstance(member, property) or member.fset is not None)
