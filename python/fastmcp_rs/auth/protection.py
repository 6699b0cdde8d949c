"""``protect()``: puts any provider behind this package's middleware."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

from fastmcp_rs import _compat
from fastmcp_rs._native import Dpop, flag
from fastmcp_rs.auth import fastmcp_verifier
from fastmcp_rs.auth.answer_options import LOCAL_SECONDS, AnswerOptions
from fastmcp_rs.auth.dpop import MAX_AGE_SECONDS, DpopMode, dpop_metadata, dpop_of
from fastmcp_rs.auth.native_provider import NativeProvider
from fastmcp_rs.auth.proof_metadata import with_members
from fastmcp_rs.auth.protected_provider import ProtectedProvider, inside
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.auth.rule_names import refuse_options
from fastmcp_rs.errors import NestedProtectionWarning
from fastmcp_rs.patch.answer_memory import is_asked_over_the_network, remember_on

__all__ = ["protect"]

_Provider = TypeVar("_Provider")

# The attribute of a provider with its protection.
_PROTECTION = "_fastmcp_rs_protection"


def protect(
    provider: _Provider,
    *,
    step_up: bool = True,
    cache_ttl_seconds: float | None = None,
    max_cache_size: int | None = None,
    stale_if_error_seconds: float = 0,
    cache_store: object = None,
    cache_secret: str | bytes | None = None,
    cache_local_seconds: float = LOCAL_SECONDS,
    dpop: DpopMode = "off",
    dpop_algorithms: str | Sequence[str] | None = None,
    dpop_max_age: float = MAX_AGE_SECONDS,
    dpop_nonce: str | bytes | None = None,
    dpop_trust_forwarded: bool = False,
    **options: object,
) -> _Provider:
    """Answer a refused token with the reason, whatever provider a server has.

    The provider stays what it is, with its routes, and its own code verifies tokens. A request that it refuses is
    answered as by the providers of this project: 401 with the time of expiry, 403 where scopes are missing, 503 with
    ``Retry-After`` where keys or another server are out of reach. Challenges have the ``resource_metadata`` that
    FastMCP names. A refusal whose reason the provider does not show has FastMCP's own text.

    Args:
        provider: A provider of FastMCP's, such as a ``RemoteAuthProvider``, ``MultiAuth`` or ``OAuthProxy``, or one of
            your own. The outermost provider of a server is the one to protect.
        step_up: Answer 403, with the scopes that are needed, where a token has too few for the tool, resource or
            prompt that a request asks for. ``False`` leaves it to FastMCP, as ``step_up=False`` of a verifier inside.
        cache_ttl_seconds: How long to remember, in seconds, what the verifiers inside returned for a token that ask
            over the network: FastMCP's own, and those of your own classes that hold no other provider. At most a year,
            and never past the token's expiry; ``None`` or 0 asks for each request. ``await
            fastmcp_rs.invalidate(token)`` forgets a token.
        max_cache_size: How many tokens to remember at most for each verifier, 10,000 by default; 0 for none.
        stale_if_error_seconds: How much longer one serves while the service is out of reach (RFC 5861 section 4).
        cache_store: A store of py-key-value-aio, such as ``RedisStore``, in which workers share answers, or a function
            that makes one for each event loop. Reading it reveals nothing, and writing to it forges nothing.
        cache_secret: What the keys of the store are made of: 32 bytes or more, the same for all workers. Verifiers of a
            class of your own that ask different services need different ones.
        cache_local_seconds: How long a worker keeps an answer without looking into the store.
        dpop: Whether tokens may be bound to a key of the client, and come with a proof of it (RFC 9449): ``"off"``
            leaves that to the verifiers inside; ``"allowed"`` takes them beside bearer tokens; ``"required"`` takes no
            others. The binding is the ``cnf`` that a verifier tells of a token, or that of the JWT itself.
        dpop_algorithms: The algorithms that a proof may be signed with, none of them symmetric; by default ES256,
            ES384, ES512, EdDSA, Ed25519, PS256 and RS256.
        dpop_max_age: How far the time of a proof may be from now, either way, in seconds from 1 to 3600.
        dpop_nonce: A secret of at least 32 bytes that all workers of the server share: a proof then has to hold a nonce
            that is made of it (RFC 9449 section 9). ``None`` demands no nonce.
        dpop_trust_forwarded: Take scheme and host of a request from ``Forwarded``, or from ``X-Forwarded-Proto`` and
            ``X-Forwarded-Host``, where no URL of this server is given. A proxy has to set them, and to replace what
            clients send.
        **options: None. A rule about tokens that FastMCP's classes do not have is refused by a text that names the
            class which has it.

    Returns:
        The same provider.

    Raises:
        ValueError: ``step_up`` is no bool, another argument is out of its bounds, or nothing inside asks over the
            network, so that there is nothing to remember. Or ``dpop`` cannot be: the tokens of an ``OAuthProxy`` are
            its own, which are never bound.
        TypeError: It cannot be protected; the text names the class and the method. Or there is no such argument.
    """
    refuse_options("protect", options)
    given: Any = provider
    if not isinstance(given, _compat.AuthProviderBase):
        raise TypeError(
            f"protect() takes a provider of FastMCP's base class AuthProvider: {_name(given)} has no get_middleware() "
            "that a server would ask"
        )
    steps_up = flag(step_up, "step_up")
    remembering = AnswerOptions(
        cache_ttl_seconds, max_cache_size, stale_if_error_seconds, cache_store, cache_secret, cache_local_seconds
    )
    asking = _asking(given) if remembering.native.is_on else []
    demanded = dpop_of(dpop, dpop_algorithms, dpop_max_age, dpop_nonce, dpop_trust_forwarded)
    proving = [] if demanded is None else _proving(given)
    if isinstance(given, AuthProvider):
        for verifier in proving:
            verifier._demand_proofs(demanded)
        given.step_up = steps_up and given.step_up
        return provider
    for verifier in asking:
        _set(verifier, "verify_token", remember_on(verifier, remembering))
    if _PROTECTION in vars(given):
        return provider
    if any(_PROTECTION in vars(other) for other in inside(given)):
        _warn_of_nesting(_name(given))
    fastmcp_verifier.watch_verifier("protect")
    protection = _Protection(given, step_up=steps_up, dpop=demanded)
    if _compat.takes_middleware():
        # Raises now instead of when a server is made.
        protection.get_middleware()
    for verifier in proving:
        verifier._demand_proofs(demanded)
    _replace(given, protection)
    return provider


def _proving(provider: Any) -> list[NativeProvider]:  # noqa: ANN401 - of FastMCP's base class
    """The native verifiers inside that are to check proofs of possession.

    Raises:
        ValueError: Proofs can be looked at nowhere, or are already.
    """
    found = list(inside(provider))
    if any(_compat.is_oauth_proxy(one) for one in found):
        raise ValueError(
            "dpop cannot be for an OAuthProxy: the tokens that it issues are its own, and bound to no key of a client"
        )
    if _PROTECTION in vars(provider):
        raise ValueError("dpop is to be given at the first call of protect() for a provider")
    ours = [one for one in found if isinstance(one, AuthProvider)]
    if any(one._dpop is not None for one in ours):
        raise ValueError("dpop is given to a verifier inside already: leave it out here")
    others = [one for one in ours if not isinstance(one, NativeProvider)]
    if others:
        raise ValueError(f"dpop cannot be for {_name(others[0])}, which reads requests by itself")
    return [one for one in ours if isinstance(one, NativeProvider)]


def _asking(provider: Any) -> list[Any]:  # noqa: ANN401 - of FastMCP's base class
    """The verifiers inside that ask over the network, and are to remember answers.

    Raises:
        ValueError: There are none.
    """
    found = [
        verifier
        for verifier in inside(provider)
        if is_asked_over_the_network(verifier, holds_others=len(list(inside(verifier))) > 1)
    ]
    if not found:
        raise ValueError(
            "cache_ttl_seconds is for verifiers that ask over the network, and protect() finds none in "
            f"{_name(provider)}: leave it out, or give it to the OAuthProvider or RemoteAuthProvider itself"
        )
    return found


class _Protection:
    """The protection of a provider: the methods that its server calls instead of the provider's own."""

    def __init__(self, provider: Any, *, step_up: bool, dpop: Dpop | None) -> None:  # noqa: ANN401 - of FastMCP's base class
        self._provider = provider
        self._asked = ProtectedProvider(provider, step_up=step_up, dpop=dpop)
        self._own_middleware = getattr(provider, "get_middleware", None)
        self._own_routes = provider.get_routes
        self._is_served = False
        self.stats = self._asked.stats
        self.verify_token = self._asked.verify_token
        if not _compat.takes_middleware():
            # 2.12.0 asks the provider before any route, and would let an exception out.
            self._asked.replaced_verify_token = vars(provider).get("verify_token")

    def get_middleware(self) -> list[Any]:
        """The provider's middleware, with this package's in place of FastMCP's that authenticates."""
        from starlette.middleware import Middleware  # noqa: PLC0415 - only a server needs it

        from fastmcp_rs.auth.middleware import AuthenticationMiddleware  # noqa: PLC0415 - likewise

        assert self._own_middleware is not None  # noqa: S101 - where FastMCP takes middleware
        entries = list(self._own_middleware())
        does = [_compat.authenticates_for(entry, self._provider) for entry in entries]
        if does.count(True) != 1:
            raise TypeError(
                f"{_name(self._provider)}.get_middleware() does not ask the provider about bearer tokens as FastMCP's "
                "own does, so protect() cannot take its place"
            )
        ours = Middleware(AuthenticationMiddleware, provider=self._asked)
        return [ours if done else entry for entry, done in zip(entries, does, strict=True) if done is not False]

    def serve_middleware(self) -> list[Any]:
        """Do the same for a server."""
        self._is_served = True
        return self.get_middleware()

    def get_routes(self, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401 - those of the installed FastMCP
        """The provider's routes."""
        caller = sys._getframe(1).f_locals.get("self")
        if not self._is_served and caller is not self._provider and isinstance(caller, _compat.AuthProviderBase):
            _warn_of_nesting(_name(caller))
            self._is_served = True
        routes: list[Any] = self._own_routes(*arguments, **options)
        if members := dpop_metadata(self._asked._dpop):
            routes = with_members(routes, members)
        self._asked.note_path(arguments[0] if arguments else options.get("mcp_path"))
        if _compat.takes_middleware():
            return routes
        from fastmcp_rs.auth.fastmcp_2_12_0 import AuthenticationRoute  # noqa: PLC0415 - only a server needs it

        return [AuthenticationRoute(self._asked), *routes]


def _replace(provider: Any, protection: _Protection) -> None:  # noqa: ANN401 - of FastMCP's base class
    replaced = {"get_routes": protection.get_routes, _PROTECTION: protection}
    if _compat.takes_middleware():
        replaced["get_middleware"] = protection.serve_middleware
    else:
        replaced["verify_token"] = protection.verify_token
    if not hasattr(provider, "stats"):
        replaced["stats"] = protection.stats
    for name, value in replaced.items():
        _set(provider, name, value)


def _set(provider: Any, name: str, value: object) -> None:  # noqa: ANN401 - as above
    try:
        setattr(provider, name, value)
    except Exception as error:
        raise TypeError(
            f"{_name(provider)}.{name} cannot be set on an instance, so protect() cannot protect it"
        ) from error


def _warn_of_nesting(outer: str) -> None:
    warnings.warn(
        f"a provider that protect() was given stands inside {outer}, where it has no effect: protect the outermost",
        NestedProtectionWarning,
        stacklevel=3,
    )


def _name(thing: object) -> str:
    return type(thing).__qualname__
