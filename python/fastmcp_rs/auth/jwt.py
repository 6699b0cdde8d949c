"""``JWTVerifier``: verifies JSON Web Tokens with keys that are given or fetched."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from fastmcp_rs import _compat
from fastmcp_rs._native import (
    DEFAULT_PUBLIC_KEY_ALGORITHM,
    ClaimRules,
    Decision,
    FetchOptions,
    JwtVerifier,
    RemoteKeys,
    text,
)
from fastmcp_rs.auth.configuration_warnings import warn_of_missing_audience, warn_of_short_secret
from fastmcp_rs.auth.denylist import DENYLIST_SECONDS, ReadDenylist
from fastmcp_rs.auth.dpop import MAX_AGE_SECONDS, DpopMode, dpop_of
from fastmcp_rs.auth.expectation import AudienceExpectation, Expectation
from fastmcp_rs.auth.issuers import MultiIssuerVerifier
from fastmcp_rs.auth.jwt_overrides import OverridableChecks
from fastmcp_rs.auth.key_arguments import DOCUMENTED_ALGORITHMS, accepted_algorithms, key_and_algorithms
from fastmcp_rs.auth.native_provider import CACHE_SIZE
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE, AudienceDefault
from fastmcp_rs.auth.remote_keys import (
    MAX_STALE_SECONDS,
    REFRESH_INTERVAL_SECONDS,
    IssuerMetadata,
    check_client,
    fetcher_of,
    keys_at_url,
    keys_of_issuer,
    wait_until_idle,
    warm_up,
)
from fastmcp_rs.auth.replaceable_key import ReplaceableKey
from fastmcp_rs.auth.start_hints import fetch_first_keys, warn_of_any_audience
from fastmcp_rs.types import Algorithm, KeysStatus, Url, VerifierStats

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.auth.explanation import Explanation
    from fastmcp_rs.auth.httpx_fetcher import AsyncClient

__all__ = ["JWTVerifier"]


class JWTVerifier(ReplaceableKey, OverridableChecks):
    """Verifies JSON Web Tokens (RFC 7519) natively.

    Where FastMCP is installed, this is an instance of its ``JWTVerifier``, whose initializer is not run.
    """

    _native: JwtVerifier
    issuer = Expectation()
    audience = AudienceExpectation()  # type: ignore[assignment] # FastMCP's knows no default
    client_id = Expectation()

    def __init__(
        self,
        secret: str | bytes | None = None,
        algorithms: Sequence[Algorithm] = DOCUMENTED_ALGORITHMS,
        audience: str | Sequence[str] | AudienceDefault | None = FROM_RESOURCE,
        issuer: str | Sequence[str] | None = None,
        *,
        public_key: str | bytes | None = None,
        algorithm: Algorithm | None = None,
        required_scopes: str | Sequence[str] | None = None,
        base_url: Url | None = None,
        resource_base_url: Url | None = None,
        resource_server_url: Url | None = None,
        tenants: str | Sequence[str] | None = None,
        client_id: str | Sequence[str] | None = None,
        client_id_claim: str | Sequence[str] | None = None,
        subject_claim: str | Sequence[str] | None = None,
        scope_claims: str | Sequence[str] | None = None,
        scope_hierarchy: Mapping[str, str | Sequence[str]] | None = None,
        required_claims: str | Sequence[str] | None = None,
        expected_claims: Mapping[str, object] | None = None,
        max_age: int | None = None,
        iat_leeway: float | None = None,
        leeway: float | None = None,
        typ: str | None = None,
        allow_bound_tokens: bool = False,
        allow_id_tokens: bool | None = None,
        jwks_uri: Url | None = None,
        jwks_refresh_interval: float = REFRESH_INTERVAL_SECONDS,
        jwks_max_stale: float = MAX_STALE_SECONDS,
        http_client: "AsyncClient | None" = None,
        ssrf_safe: bool = False,
        allow_http: bool = False,
        denylist: ReadDenylist | None = None,
        denylist_interval: float = DENYLIST_SECONDS,
        detailed_errors: bool = False,
        unavailable: Literal["raise", "none"] = "raise",
        step_up: bool = True,
        cache_size: int = CACHE_SIZE,
        key_use: str | None = None,
        dpop: DpopMode = "off",
        dpop_algorithms: str | Sequence[str] | None = None,
        dpop_max_age: float = MAX_AGE_SECONDS,
        dpop_nonce: str | bytes | None = None,
        dpop_trust_forwarded: bool = False,
        authorization_servers: Sequence[Url] | None = None,
        scopes_supported: str | Sequence[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: Url | None = None,
    ) -> None:
        """Configure what to accept.

        Args:
            secret: The key: a shared secret for HS* (the default), or with asymmetric ``algorithms`` a public key.
            algorithms: The accepted algorithms, HS256 by default: any of HS256, HS384, HS512; or any of RS256, RS384,
                RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, Ed448.
            audience: One of these must be in ``aud``; ``None`` accepts any, with a warning. By default, where there are
                ``authorization_servers``, the URL of the resource that the request is for, as the metadata has it (RFC
                8707); else ``None``.
            issuer: One of these must be ``iss``; ``None`` accepts any.
            public_key: The key under FastMCP's name, RS256 by default: PEM text (SPKI, PKCS#1, X.509 certificate), a
                JWK, a JWK Set, or a shared secret where HS* is named.
            algorithm: FastMCP's parameter for a single algorithm.
            required_scopes: Scopes that every token must have.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            tenants: The tenants of an ``issuer`` with ``{tenantid}`` in its path: their GUIDs, or ``"any"``. The
                placeholder is the token's ``tid``.
            client_id: One of these must be the client that the token was issued to; ``None`` accepts any. For issuers
                that write no ``aud``, such as Amazon Cognito for clients that name no resource.
            client_id_claim: The claim that names the client, or several, of which the first that is there counts, in
                place of ``client_id`` and ``azp``. Here and below, a text that begins with a slash is a JSON Pointer
                (RFC 6901).
            subject_claim: The claim that names the subject, or several, in place of ``sub``.
            scope_claims: The claims whose values are scopes, in place of ``scope`` and ``scp``; all of them are
                granted. Only a text of those two is split at spaces. A member of a list is one scope, never split; what
                is no scope (RFC 6749 section 3.3) grants nothing.
            scope_hierarchy: Scopes, and those that each implies. The access token has them all.
            required_claims: Claims that must be there and not null.
            expected_claims: Claims, and what each must be: a value or a list of them. A list in the token fits if one
                of its members does. ``True``, 1 and ``"true"`` differ.
            max_age: How many seconds ago the user may have signed in, by ``auth_time``, from 1 on. An older token is
                answered with ``insufficient_user_authentication`` (RFC 9470).
            iat_leeway: How many seconds ``iat`` may lie in the future, from 0 to 600; ``None`` for any number.
            leeway: Tolerance for clocks that differ, for ``exp`` and ``nbf``, in seconds from 0 to 600. By default none
                for ``exp`` and 30 for ``nbf``.
            typ: The ``typ`` that the header of a JWT must have, such as ``"at+jwt"`` (RFC 9068 section 2.1).
            allow_bound_tokens: Accept tokens that are bound to a proof of possession (``cnf``) as bearer tokens.
            allow_id_tokens: ``None`` refuses what is an ID token by its ``at_hash``, ``c_hash`` or ``token_use``;
                ``False`` also every JWT that does not say that it is an access token, by ``typ`` or by ``client_id``,
                ``scope`` or ``scp``; ``True`` accepts ID tokens.
            jwks_uri: The https URL of a JWK Set, whose keys are fetched and refreshed in the background. http is for
                this machine only, or with ``allow_http``.
            jwks_refresh_interval: Seconds between refreshes that an unknown key forces; 0 for one at every miss.
            jwks_max_stale: Seconds for which expired keys and metadata are still used while refreshes fail; 0 for none.
            http_client: An httpx or httpx2 ``AsyncClient`` that does the fetching, in its own event loop; closing it is
                the caller's. Not together with ``ssrf_safe``.
            ssrf_safe: For a URL that is not trusted: https only, public addresses only, no proxy, tighter bounds.
            allow_http: Allow http to other machines. Anyone on the network path can then replace the keys.
            denylist: A function that lists dicts of what ``deny()`` takes, also an asynchronous one. It is called in a
                thread of its own. Until it was read once, and when it could not be read for five intervals, no token
                can be decided about: 503.
            denylist_interval: How often it is called, in seconds from 1 to 86400.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            unavailable: What ``verify_token`` does if it can neither accept nor reject a token: ``"raise"`` raises
                FastMCP's ``TokenVerificationError``, where it has one (4.2); ``"none"`` answers ``None``, for routes of
                an application and for the MCP SDK's own server. A server of this provider answers 503 in both cases.
            step_up: Answer 403, with the scopes that are needed, where a token has too few for the tool, resource or
                prompt that a request asks for (MCP authorization, "Scope Challenge Handling"). ``False`` leaves it to
                FastMCP.
            cache_size: How many verified JWTs of typical size to cache, so that their signatures are not checked again;
                0 for none. Time, claims and keys are checked each time.
            key_use: A value of a JWK's ``use`` that marks keys which verify signatures, beside ``"sig"`` (RFC 7517
                section 4.2), such as ``"jwt-svid"`` of SPIFFE.
            dpop: Whether tokens may be bound to a key of the client, and come with a proof of it (RFC 9449): ``"off"``
                refuses them; ``"allowed"`` takes them beside bearer tokens; ``"required"`` takes no others.
            dpop_algorithms: The algorithms that a proof may be signed with, none of them symmetric; by default ES256,
                ES384, ES512, EdDSA, Ed25519, PS256 and RS256.
            dpop_max_age: How far the time of a proof may be from now, either way, in seconds from 1 to 3600.
            dpop_nonce: A secret of at least 32 bytes that all workers of the server share: a proof then has to hold a
                nonce that is made of it (RFC 9449 section 9). ``None`` demands no nonce.
            dpop_trust_forwarded: Take scheme and host of a request from ``Forwarded``, or from ``X-Forwarded-Proto``
                and ``X-Forwarded-Host``, where no URL of this server is given. A proxy has to set them, and to replace
                what clients send.
            authorization_servers: The issuers that clients get tokens from, as they call themselves (RFC 9728). With
                them, and the URL of this server, a server publishes the metadata of its protected resource, and names
                it in each challenge. ``from_issuer`` names its issuer by itself.
            scopes_supported: The scopes that the metadata names, in the place of those that are required.
            resource_name: The name of this server for people, in the metadata.
            resource_documentation: The URL of a page for developers, in the metadata.

        Raises:
            ValueError: The configuration cannot work or would not be safe; the text says what would.
        """
        if jwks_uri is not None and (secret is not None or public_key is not None):
            raise ValueError("there are two kinds of keys. Provide either public_key or jwks_uri, not both")
        options = FetchOptions(
            allow_http=allow_http,
            ssrf_safe=ssrf_safe,
            refresh_interval=jwks_refresh_interval,
            max_stale=jwks_max_stale,
            key_use=key_use,
        )
        # With a given key nothing is fetched; FastMCP accepts a client beside a key too.
        check_client(http_client, ssrf_safe=options.ssrf_safe and jwks_uri is not None)
        key: str | bytes | RemoteKeys | None
        self._fetched = None
        self._fetcher = fetcher_of(http_client)
        found_by: str | None = None
        if jwks_uri is None:
            key, names = key_and_algorithms(secret, public_key, algorithms, algorithm)
        else:
            names = accepted_algorithms(algorithms, algorithm, DEFAULT_PUBLIC_KEY_ALGORITHM)
            if isinstance(jwks_uri, IssuerMetadata):
                # Clients cannot get tokens from a template.
                found_by = jwks_uri.issuer if tenants is None else None
                self._fetched = keys_of_issuer(jwks_uri, self._fetcher, options)
            else:
                self._fetched = keys_at_url(jwks_uri, self._fetcher, options, issuer)
            key = self._fetched
        # The fetched keys, if they are in use.
        self._remote = self._fetched
        self._native = JwtVerifier(
            key,
            names,
            leeway=leeway,
            typ=typ,
            allow_bound_tokens=allow_bound_tokens,
            allow_id_tokens=allow_id_tokens,
            tenants=tenants,
            rules=ClaimRules(
                client_id_claim=client_id_claim,
                subject_claim=subject_claim,
                scope_claims=scope_claims,
                scope_hierarchy=scope_hierarchy,
                required_claims=required_claims,
                expected_claims=expected_claims,
                max_age=max_age,
                iat_leeway=iat_leeway,
            ),
            cache_size=cache_size,
            key_use=key_use,
            argument="public_key" if secret is None else "secret",
        )
        self._demand_proofs(dpop_of(dpop, dpop_algorithms, dpop_max_age, dpop_nonce, dpop_trust_forwarded))
        self._scope_hierarchy = dict(scope_hierarchy or {})
        self._bind_decision()
        self._describe_resource(
            (base_url, resource_base_url, resource_server_url),
            found_by,
            authorization_servers=authorization_servers,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        vars(self).update(_compat.jwt_verifier_state(self._native.algorithms, jwks_refresh_interval, http_client))
        super().__init__(
            required_scopes=required_scopes,
            detailed_errors=detailed_errors,
            unavailable=unavailable,
            step_up=step_up,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.issuer = issuer
        self.audience = None if audience is FROM_RESOURCE and self._resource is None else audience
        self.client_id = client_id
        self._read_denylist(denylist, denylist_interval)
        self._expose(
            public_key=None if self._native.is_symmetric else public_key or secret,
            jwks_uri=None if jwks_uri is None or isinstance(jwks_uri, IssuerMetadata) else str(jwks_uri),
            ssrf_safe=ssrf_safe,
        )
        if self._native.short_secret is not None:
            warn_of_short_secret(*self._native.short_secret)
        if self.audience is None and client_id is None:
            warn_of_missing_audience(issuer, "the issuer", "client_id")

    @property
    def algorithms(self) -> list[Algorithm]:
        """The accepted algorithms."""
        return self._native.algorithms

    @property
    def algorithm(self) -> Algorithm:  # type: ignore[override]  # a plain attribute in FastMCP, which is not set later
        """The first of the accepted algorithms: FastMCP's attribute, which knows only one."""
        return self._native.algorithms[0]

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        metadata_url: str | None = None,
        **options: Any,  # noqa: ANN401 - those of the initializer
    ) -> "Self":
        """Make a verifier of an issuer's tokens, whose keys its metadata names.

        The metadata is fetched as OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3 say, when keys are
        first needed and at each refresh. Its ``issuer`` must equal this one, character by character.

        Args:
            issuer: The issuer, an https URL; it is also what ``iss`` must be. With ``tenants``, a template.
            metadata_url: The URL of the metadata, where it is at no well-known place of the issuer, as of a template.
            **options: Parameters of the initializer, but for those of keys.

        Raises:
            ValueError: The configuration cannot work; the text says what would.
        """
        for name in ("secret", "public_key", "jwks_uri"):
            if name in options:
                raise ValueError(f"from_issuer() finds keys by the issuer: {name} cannot be given as well")
        url = None if metadata_url is None else text(metadata_url, "metadata_url")
        place: Any = IssuerMetadata(text(issuer, "issuer"), url)
        return cls(jwks_uri=place, issuer=issuer, **options)

    @classmethod
    def from_issuers(cls, issuers: Iterable[Any], **options: Any) -> MultiIssuerVerifier:  # noqa: ANN401 - see below
        """Make a verifier of the tokens of many issuers, each with keys and rules of its own.

        The ``iss`` of a token chooses; exactly that issuer's keys and rules decide. ``add_issuer`` and
        ``remove_issuer`` of what is made change the issuers while requests run.

        Args:
            issuers: Each an issuer, an https URL whose metadata names the keys; or a dict of the initializer's
                parameters with an ``issuer``, whose metadata names the keys unless they are given; or a
                ``JWTVerifier`` with an ``issuer``.
            **options: ``opaque_token_provider``, another provider of this package that is asked about what is no JWT;
                ``unlisted_issuers``, a function that is called with an issuer that is not listed, and gives ``True``,
                ``False`` or a dict of parameters: keys are then fetched as with ``ssrf_safe``, from at most 1000 such
                issuers. Each name is asked about once in 60 seconds. The parameters of the initializer that concern
                the server and its answers, ``required_scopes`` among them, and ``cache_size`` are for all tokens;
                others are the defaults of each issuer.

        Raises:
            ValueError: The configuration cannot work; the text says what would.
        """
        return MultiIssuerVerifier(cls, issuers, **options)

    async def warm_up(self) -> None:
        """Fetch the keys, and read the ``denylist``, ahead of the first request.

        Raises:
            KeysUnavailableError: They cannot be fetched; the text says why.
            TokenVerificationError: The ``denylist`` cannot be read; the text says why.
        """
        await self._warm_up_denylist()
        if self._remote is not None:
            await warm_up(self._remote)

    def _note_start(self) -> None:
        """Warn if any audience is accepted, and fetch the keys, so that the log shows a failure at once."""
        if self.audience is None and self.client_id is None:
            warn_of_any_audience(self, "client_id")
        fetch_first_keys([self._remote])

    def keys(self) -> KeysStatus:
        """The state of the fetched keys.

        Returns:
            ``source``, the URL or issuer; ``keys``, a list of dicts with ``kid``, ``kty`` and ``alg``; ``skipped``,
            the keys that cannot be used, a list of dicts with ``kid`` and ``reason``; ``age`` and
            ``next_refresh``, in seconds; ``last_error``, a text; and the counters ``fetches`` and ``failures``. Empty
            for keys that were given.
        """
        return {} if self._remote is None else self._remote.status()

    def _retry_after(self) -> float | None:
        """The seconds until keys whose fetch failed can be fetched again."""
        return None if self._remote is None else self._remote.retry_after()

    def stats(self) -> VerifierStats:
        """Count what was decided so far, with the state of the fetched keys.

        Returns:
            ``accepted``, a number; ``rejected`` and ``unavailable``, each a dict of numbers by reason code; ``keys``,
            as ``keys()`` tells it; and ``cache``, a dict of ``entries``, ``bytes``, ``hits`` and ``misses``, or
            ``None``.
        """
        return {**super().stats(), "keys": self.keys(), "cache": self._native.cache()}

    async def explain(self, token: str) -> "Explanation":
        """Explain the decision about a token: each check, and what is most likely to help.

        For those who develop or operate a server; clients should learn less. Nothing is logged or counted, and the
        token is sent nowhere. Keys are fetched if they are needed. A subclass's ``verify_token`` or ``authenticate`` is
        not asked, and the explanation says so.

        Args:
            token: The token as the client sends it.

        Returns:
            The explanation. Its outcome and code are those of ``verify_token``.
        """
        from fastmcp_rs.auth.explanation import (  # noqa: PLC0415 - a running server does not need it
            explained,
            with_override_advice,
            with_resource_advice,
        )

        explanation = await explained(self._native, self._remote, token, *self._overridden_checks())
        explanation = with_override_advice(explanation, self)
        return with_resource_advice(explanation) if self.audience is FROM_RESOURCE else explanation

    def _decide(self, token: object) -> Decision:
        return self._ask(token)

    def _ask(self, token: object, *, waited: int = 0) -> Decision:
        validate_issuer, extract_scopes = self._overridden_checks()
        return self._native.decide(token, validate_issuer, extract_scopes, waited=waited)

    def _needs_asyncio(self) -> bool:
        """Whether keys are fetched."""
        return self._remote is not None

    async def _decide_later(self, token: object, request: object = None) -> Decision:  # noqa: ARG002 - keys are for all
        assert self._fetched is not None  # noqa: S101 - only fetched keys can be pending
        await wait_until_idle(self._fetched)
        decision = self._ask(token, waited=1)
        if decision.is_pending:
            # The fetch began before the token named its key: only the next fetch can show whether the key exists.
            await wait_until_idle(self._fetched)
            decision = self._ask(token, waited=2)
        return decision

    def _shown(self) -> str:
        return (
            f"{type(self).__name__}(algorithms={self.algorithms!r}, audience={self.audience!r}, "
            f"issuer={self.issuer!r}, required_scopes={self.required_scopes!r})"
        )
