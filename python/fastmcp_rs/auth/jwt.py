"""JSON Web Tokens under keys that an operator gives."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastmcp_rs import host
from fastmcp_rs._native import Decision, FetchOptions, JwtVerifier, RemoteKeys, scopes_of, text
from fastmcp_rs.auth.native import CACHE_SIZE, NativeProvider
from fastmcp_rs.auth.remote import (
    MAX_STALE_SECONDS,
    REFRESH_INTERVAL_SECONDS,
    Issuer,
    check_client,
    fetched_keys,
    settled,
    warm_up,
)
from fastmcp_rs.auth.texts import Expectation
from fastmcp_rs.errors import MissingAudienceWarning, ShortSecretWarning

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.auth.client_fetcher import AsyncClient
    from fastmcp_rs.auth.explanation import Explanation

__all__ = ["JWTVerifier"]

# The default that the documentation states. By identity it is told from a list that was given, since a `public_key` has
# FastMCP's default instead.
_DOCUMENTED_ALGORITHMS: Sequence[str] = ["HS256"]
_FASTMCP_ALGORITHM = "RS256"

# FastMCP's own ways to find a key. A subclass that overrides one expects to be asked, and would not be.
_UNASKED = ("_get_verification_key", "_get_jwks_key")


class JWTVerifier(NativeProvider, host.JWTVerifierBase):
    """Verifies JSON Web Tokens (RFC 7519) natively.

    Where FastMCP is installed, this is an instance of its ``JWTVerifier``, whose initializer is not run.
    """

    _native: JwtVerifier
    issuer = Expectation("_native")
    audience = Expectation("_native")
    _asks_issuer = False
    _asks_scopes = False

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - a class statement's own arguments
        super().__init_subclass__(**kwargs)
        for name in _UNASKED:
            if _overrides(cls, name):
                raise TypeError(
                    f"{cls.__name__} overrides {name}, which is not asked here: give the key at construction"
                )
        cls._asks_issuer = _overrides(cls, "_validate_issuer")
        cls._asks_scopes = _overrides(cls, "_extract_scopes")

    def __init__(
        self,
        secret: str | bytes | None = None,
        algorithms: Sequence[str] = _DOCUMENTED_ALGORITHMS,
        audience: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        *,
        public_key: str | bytes | None = None,
        algorithm: str | None = None,
        required_scopes: str | Sequence[str] | None = None,
        base_url: object = None,
        resource_base_url: object = None,
        resource_server_url: object = None,
        leeway: float | None = None,
        typ: str | None = None,
        allow_bound_tokens: bool = False,
        jwks_uri: object = None,
        jwks_refresh_interval: float = REFRESH_INTERVAL_SECONDS,
        jwks_max_stale: float = MAX_STALE_SECONDS,
        http_client: "AsyncClient | None" = None,
        ssrf_safe: bool = False,
        allow_http: bool = False,
        detailed_errors: bool = False,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        """Configure what to accept.

        Args:
            secret: The key: a shared secret for HS* (the default), or with asymmetric ``algorithms`` a public key.
            algorithms: The accepted algorithms, HS256 by default: any of HS256, HS384, HS512; or any of RS256, RS384,
                RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, Ed448.
            audience: One of these must be in ``aud``; ``None`` accepts any, with a warning.
            issuer: One of these must be ``iss``; ``None`` accepts any.
            public_key: The key under FastMCP's name, RS256 by default: PEM text (SPKI, PKCS#1, X.509 certificate), a
                JWK, a JWK Set, or a shared secret where HS* is named.
            algorithm: FastMCP's parameter for a single algorithm.
            required_scopes: Scopes that every token must have.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            leeway: Tolerance for clocks that differ, for ``exp`` and ``nbf``, in seconds from 0 to 600. By default none
                for ``exp`` and 30 for ``nbf``.
            typ: The ``typ`` that the header must have, such as ``"at+jwt"`` (RFC 9068 section 2.1).
            allow_bound_tokens: Accept tokens that are bound to a proof of possession (``cnf``) as bearer tokens.
            jwks_uri: The https URL of a JWK Set, whose keys are fetched and refreshed in the background. http is for
                this machine only, or with ``allow_http``.
            jwks_refresh_interval: Seconds between refreshes that an unknown key forces; 0 for one at every miss.
            jwks_max_stale: Seconds for which keys are used beyond their lifetime while refreshes fail; 0 for none.
            http_client: An httpx or httpx2 ``AsyncClient`` that does the fetching, in its own event loop; closing it is
                the caller's. Not together with ``ssrf_safe``.
            ssrf_safe: For a URL that nobody vouches for: https only, public addresses only, no proxy, tighter bounds.
            allow_http: Allow http to other machines, where anybody on the way can replace the keys.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            cache_size: How many verified tokens of typical size to remember, so that their signatures are not checked
                again; 0 for none. Time, claims and keys are checked each time.

        Raises:
            ValueError: The configuration cannot work or would not be safe; the text says what would.
        """
        if jwks_uri is not None and (secret is not None or public_key is not None):
            raise ValueError("there are two kinds of keys: give either jwks_uri or a key")
        options = FetchOptions(
            allow_http=allow_http,
            ssrf_safe=ssrf_safe,
            refresh_interval=jwks_refresh_interval,
            max_stale=jwks_max_stale,
        )
        check_client(http_client, options)
        key: str | bytes | RemoteKeys | None
        self._remote: RemoteKeys | None = None
        if jwks_uri is None:
            key, names = _key_and_algorithms(secret, public_key, algorithms, algorithm)
        else:
            names = _algorithms(algorithms, algorithm, _FASTMCP_ALGORITHM)
            key = self._remote = fetched_keys(jwks_uri, http_client, options)
        self._native = JwtVerifier(
            key,
            names,
            leeway=leeway,
            typ=typ,
            allow_bound_tokens=allow_bound_tokens,
            cache_size=cache_size,
            argument="public_key" if secret is None else "secret",
        )
        if not (self._asks_issuer or self._asks_scopes):
            self._decide_natively()
        host.init_verifier(
            self,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.issuer = issuer
        self.audience = audience
        self.required_scopes = required_scopes
        self.detailed_errors = detailed_errors
        self._tell(
            public_key=None if self._native.is_symmetric else public_key or secret,
            jwks_uri=None if jwks_uri is None or isinstance(jwks_uri, Issuer) else str(jwks_uri),
            ssrf_safe=ssrf_safe,
        )
        _warn(self._native.short_secret, audience)

    @property
    def algorithms(self) -> list[str]:
        """The accepted algorithms."""
        return self._native.algorithms

    @property
    def algorithm(self) -> str:  # type: ignore[override]  # an attribute of FastMCP's, which nobody sets again
        """The first of the accepted algorithms: FastMCP's attribute, which knows only one."""
        return self._native.algorithms[0]

    @classmethod
    def from_issuer(cls, issuer: str, **options: Any) -> "Self":  # noqa: ANN401 - those of the initializer
        """Make a verifier of an issuer's tokens, whose keys its metadata names.

        The metadata is looked for as OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3 say, when keys are
        first needed and at each refresh; its ``issuer`` must be this one, character by character.

        Args:
            issuer: The issuer, an https URL; it is also what ``iss`` must be.
            **options: Parameters of the initializer, but for those of keys.

        Raises:
            ValueError: The configuration cannot work; the text says what would.
        """
        for name in ("secret", "public_key", "jwks_uri"):
            if name in options:
                raise ValueError(f"from_issuer() finds keys by the issuer: {name} cannot be given as well")
        return cls(jwks_uri=Issuer(text(issuer, "issuer")), issuer=issuer, **options)

    async def warm_up(self) -> None:
        """Fetch the keys ahead of the first request.

        Raises:
            KeysUnavailableError: They cannot be fetched; the text says why.
        """
        if self._remote is not None:
            await warm_up(self._remote)

    def keys(self) -> dict[str, Any]:
        """Tell what is held of fetched keys.

        Returns:
            ``source``, the URL or issuer; ``keys``, a list of dicts with ``kid``, ``kty`` and ``alg``; ``age`` and
            ``next_refresh``, in seconds; ``last_error``, a text; and the counters ``fetches`` and ``failures``. Empty
            for keys that were given.
        """
        return {} if self._remote is None else self._remote.held()

    def stats(self) -> dict[str, Any]:
        """Tell what was decided here so far, and what is held of fetched keys.

        Returns:
            ``accepted``, a number; ``rejected`` and ``unavailable``, each a dict of numbers by reason code; ``keys``,
            as ``keys()`` tells it; and ``cache``, a dict of ``entries``, ``bytes``, ``hits`` and ``misses``, or
            ``None``.
        """
        return {**super().stats(), "keys": self.keys(), "cache": self._native.cache()}

    async def explain(self, token: str) -> "Explanation":
        """Explain what this verifier says of a token: each check, and what is most likely to help.

        For people who develop or operate a server; a client is to be told less. Nothing is logged or counted, and the
        token is sent nowhere. Keys are fetched if they are needed.

        Args:
            token: The token as the client sends it.

        Returns:
            The explanation. Its outcome and code are those of ``verify_token``.
        """
        from fastmcp_rs.auth.explanation import explained  # noqa: PLC0415 - a server that serves has no need of it

        return await explained(self._native, self._remote, token, *self._hooks())

    def _decide(self, token: object) -> Decision:
        return self._ask(token)

    def _ask(self, token: object, *, waited: bool = False) -> Decision:
        validate_issuer, extract_scopes = self._hooks()
        return self._native.decide(token, validate_issuer, extract_scopes, waited=waited)

    def _hooks(self) -> "tuple[Callable[[Any], object] | None, Callable[[Any], object] | None]":
        """What a subclass has overridden and is to be asked."""
        return (
            self._validate_issuer if self._asks_issuer else None,
            self._extract_scopes if self._asks_scopes else None,
        )

    async def _decide_later(self, token: object) -> Decision:
        assert self._remote is not None  # noqa: S101 - only fetched keys are ever on their way
        await settled(self._remote)
        return self._ask(token, waited=True)

    def _validate_issuer(self, issuer: Any) -> bool:  # noqa: ANN401 - FastMCP's signature
        """Tell whether a token's issuer is acceptable. A subclass may override it and is then always asked."""
        return self._native.accepts_issuer(issuer)

    def _extract_scopes(self, claims: Mapping[str, Any]) -> list[str]:
        """Return the scopes that the claims grant. A subclass may override it; its answer is the last word."""
        return scopes_of(json.dumps({name: claims[name] for name in ("scope", "scp") if name in claims}).encode())

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(algorithms={self.algorithms!r}, audience={self.audience!r}, "
            f"issuer={self.issuer!r}, required_scopes={self.required_scopes!r})"
        )


def _overrides(cls: type, name: str) -> bool:
    """Whether a subclass, or a mixin before ``JWTVerifier`` in its order, defines the method."""
    return any(name in vars(base) for base in cls.__mro__[: cls.__mro__.index(JWTVerifier)])


def _key_and_algorithms(
    secret: str | bytes | None,
    public_key: str | bytes | None,
    algorithms: Sequence[str],
    algorithm: str | None,
) -> tuple[str | bytes | None, Sequence[str]]:
    if secret is None and public_key is None:
        raise ValueError("there is no key: give a secret, a public_key, or the jwks_uri where keys are published")
    if secret is not None and public_key is not None:
        raise ValueError("there are two keys: give either secret or public_key")
    default = "HS256" if public_key is None else _FASTMCP_ALGORITHM
    return public_key if secret is None else secret, _algorithms(algorithms, algorithm, default)


def _algorithms(algorithms: Sequence[str], algorithm: str | None, default: str) -> Sequence[str]:
    given = algorithms is not _DOCUMENTED_ALGORITHMS
    if given and algorithm is not None:
        raise ValueError("give either algorithms or algorithm, not both")
    if algorithm is not None:
        return [text(algorithm, "algorithm")]
    return algorithms if given else [default]


def _warn(short_secret: tuple[int, int] | None, audience: object) -> None:
    stack_level = 3
    if short_secret is not None:
        length, wanted = short_secret
        warnings.warn(
            f"the secret has {length} bytes and its algorithm asks for {wanted} (RFC 7518 section 3.2): a short one "
            "can be guessed from a single token",
            ShortSecretWarning,
            stacklevel=stack_level,
        )
    if audience is None:
        warnings.warn(
            "no audience is configured: tokens that the issuer made for other services are accepted here",
            MissingAudienceWarning,
            stacklevel=stack_level,
        )
