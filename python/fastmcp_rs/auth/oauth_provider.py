"""``OAuthProvider``: accepts the tokens of the authorization server behind a token URL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, ClassVar, Literal

from fastmcp_rs._native import (
    ASYMMETRIC_ALGORITHMS,
    ClaimRules,
    EndpointAnswers,
    FetchOptions,
    JwtVerifier,
    RemoteKeys,
    oauth_verifier,
    text,
)
from fastmcp_rs.auth.answer_options import LOCAL_SECONDS, AnswerOptions
from fastmcp_rs.auth.configuration_warnings import warn_of_missing_audience
from fastmcp_rs.auth.denylist import DENYLIST_SECONDS, DenyingProvider, ReadDenylist
from fastmcp_rs.auth.dpop import MAX_AGE_SECONDS, DpopMode, dpop_of
from fastmcp_rs.auth.expectation import AudienceExpectation, Expectation
from fastmcp_rs.auth.introspecting_provider import IntrospectingProvider
from fastmcp_rs.auth.native_provider import CACHE_SIZE
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE, AudienceDefault
from fastmcp_rs.auth.remote_keys import (
    MAX_STALE_SECONDS,
    REFRESH_INTERVAL_SECONDS,
    IssuerMetadata,
    keys_at_url,
    keys_of_issuer,
    warm_up,
)
from fastmcp_rs.auth.start_hints import fetch_first_keys, warn_of_any_audience
from fastmcp_rs.types import Algorithm, KeysStatus, OAuthStats, Url

if TYPE_CHECKING:
    from fastmcp_rs.auth.explanation import Explanation

__all__ = ["OAuthProvider"]

# An introspection request may have to wait for the server's metadata and keys.
_KEYS_SECONDS = 10.0


class OAuthProvider(IntrospectingProvider, DenyingProvider):
    """Accepts the access tokens of one OAuth 2.0 authorization server, as a resource server does.

    A token that looks like a JWT is verified with the server's published keys. Every other token is introspected (RFC
    7662).
    """

    _fastmcps_class = "fastmcp.server.auth.OAuthProvider"
    _fastmcps_parameters = frozenset(
        {
            "issuer_url",
            "service_documentation_url",
            "client_registration_options",
            "revocation_options",
        }
    )

    _our_names: ClassVar[Mapping[str, str]] = {"required_scopes": "scope"}
    _advised_as: ClassVar[str] = "OAuthProvider"

    client_id: str
    token_url: str | None
    audience = AudienceExpectation()
    allowed_client_id = Expectation("client_id")

    def __init__(
        self,
        client_id: str,
        client_secret: str | None,
        token_url: str | None = None,
        scope: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | AudienceDefault | None = FROM_RESOURCE,
        *,
        issuer: str | None = None,
        jwks_uri: str | None = None,
        introspection_url: str | None = None,
        private_key_file: str | PathLike[str] | None = None,
        assertion_audience: str | None = None,
        algorithms: Sequence[Algorithm] = ASYMMETRIC_ALGORITHMS,
        allowed_client_id: str | Sequence[str] | None = None,
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
        require_token_type: bool | None = None,
        token_characters: str = "",
        timeout: float = 10.0,
        jwks_refresh_interval: float = REFRESH_INTERVAL_SECONDS,
        jwks_max_stale: float = MAX_STALE_SECONDS,
        denylist: ReadDenylist | None = None,
        denylist_interval: float = DENYLIST_SECONDS,
        detailed_errors: bool = False,
        unavailable: Literal["raise", "none"] = "raise",
        step_up: bool = True,
        cache_size: int = CACHE_SIZE,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        stale_if_error_seconds: float = 0,
        cache_store: object = None,
        cache_secret: str | bytes | None = None,
        cache_local_seconds: float = LOCAL_SECONDS,
        base_url: Url | None = None,
        resource_base_url: Url | None = None,
        resource_server_url: Url | None = None,
        allow_http: bool = False,
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
        """Name the authorization server, and what its tokens must be.

        Nothing is fetched here. The server's metadata (RFC 8414, OpenID Connect Discovery) is looked for at first use,
        at each prefix of the token URL's path, and used only if its ``token_endpoint`` is ``token_url``.

        Args:
            client_id: The identifier that this server has at the authorization server.
            client_secret: Its secret, for introspection. It is sent to the host of ``token_url`` alone, or to
                ``introspection_url``. ``None`` with ``private_key_file``.
            token_url: The token endpoint, an https URL. http is for this machine only, or with ``allow_http``. Without
                it, ``introspection_url`` is asked about every token, unless ``issuer`` or ``jwks_uri`` tells where the
                keys for JWTs are.
            scope: Scopes that every token must have, all of them.
            audience: One of these must be in the token's ``aud``; ``None`` accepts any, with a warning. By default,
                where there are ``authorization_servers``, the URL of the resource that the request is for, as the
                metadata has it (RFC 8707); else ``None``.
            issuer: The server's issuer, where the token URL does not tell it; metadata is looked for there only.
            jwks_uri: Where the server's keys are, instead of what its metadata says.
            introspection_url: The introspection endpoint, instead of what the metadata says. An ``iss`` in its
                response is compared with ``issuer`` if that is given.
            private_key_file: The path of a file with a private key, in the place of a secret: each introspection
                request then has an assertion that it signed (``private_key_jwt``: RFC 7523). PEM, or a JWK as JSON
                text, whose ``kid`` and ``alg`` count. A file that is replaced is read again; while it holds no key, its
                last one is used, and the log says so.
            assertion_audience: The ``aud`` of assertions. By default the issuer where it is known, else ``token_url``
                or ``introspection_url``.
            algorithms: The accepted signature algorithms, all asymmetric ones by default.
            allowed_client_id: One of these must be the client that the token was issued to, by a JWT or by the answer;
                ``None`` accepts any. For servers that write no ``aud``.
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
            require_token_type: Refuse a token whose type the answer does not say, since it may be a refresh token.
                ``None`` does so once an introspection endpoint has named the type of an access token; ``False`` never
                does.
            token_characters: Characters that a token may have beside those of RFC 6750 section 2.1, such as ``"!"`` for
                those of Salesforce. No endpoint is asked about a token with any other character.
            timeout: How long an introspection request may take in all, in seconds: more than 0, at most 300. Fetching
                metadata and keys before it may take ten seconds more.
            jwks_refresh_interval: Seconds between refreshes that an unknown key forces; 0 for one at every miss.
            jwks_max_stale: Seconds for which expired keys and metadata are still used while refreshes fail; 0 for none.
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
            cache_ttl_seconds: How long to remember what the introspection endpoint answered about a token, in seconds:
                at most a year, never past the token's expiry, and shorter where the answer has a ``max-age``. ``None``
                or 0 asks for each request. A token that is revoked meanwhile is accepted until then: see
                ``invalidate``. Only what says yes is remembered, and everything else is checked for each request.
            max_cache_size: How many answers to remember at most, 10,000 by default, within 3,200 bytes for each on
                average; 0 for none.
            stale_if_error_seconds: How much longer an answer serves while the endpoint is out of reach (RFC 5861
                section 4), never past the token's expiry. The log says when that begins and ends.
            cache_store: A store of py-key-value-aio, such as ``RedisStore``, in which workers share answers, or a
                function that makes one for each event loop. Reading it reveals nothing, and writing to it forges
                nothing.
            cache_secret: What the keys of the store are made of: 32 bytes or more, the same for all workers.
            cache_local_seconds: How long a worker keeps an answer without looking into the store.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            allow_http: Allow http to other machines. Anyone on the network path can then read secrets and replace keys.
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
                it in each challenge.
            scopes_supported: The scopes that the metadata names, in the place of those that are required.
            resource_name: The name of this server for people, in the metadata.
            resource_documentation: The URL of a page for developers, in the metadata.

        Raises:
            TypeError: A parameter of FastMCP's own class of this name is given.
            ValueError: The configuration cannot work or would not be safe; the text says what would.
        """
        options = FetchOptions(
            allow_http=allow_http,
            ssrf_safe=False,
            refresh_interval=jwks_refresh_interval,
            max_stale=jwks_max_stale,
        )
        server, keys = _server_and_keys(token_url, options, issuer, jwks_uri, introspection_url)
        self._jwt = JwtVerifier(
            keys,
            algorithms,
            leeway=leeway,
            typ=typ,
            allow_bound_tokens=allow_bound_tokens,
            allow_id_tokens=allow_id_tokens,
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
        )
        self._server, self._keys = server, keys
        self._scope_hierarchy = dict(scope_hierarchy or {})
        introspection = server if introspection_url is None else introspection_url
        self._metadata_names_endpoint = introspection_url is None
        answers = AnswerOptions(
            cache_ttl_seconds,
            max_cache_size,
            stale_if_error_seconds,
            cache_store,
            cache_secret,
            cache_local_seconds,
        )
        self._answers = EndpointAnswers(answers.native)
        self._native = oauth_verifier(
            client_id,
            client_secret,
            private_key_file,
            _assertion_audience(assertion_audience, private_key_file, introspection_url, issuer, token_url),
            self._jwt,
            keys,
            introspection,
            timeout,
            require_token_type,
            options,
            self._answers,
            token_characters,
        )
        self._demand_proofs(dpop_of(dpop, dpop_algorithms, dpop_max_age, dpop_nonce, dpop_trust_forwarded))
        self._describe_resource(
            (base_url, resource_base_url, resource_server_url),
            None,
            authorization_servers=authorization_servers,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        self._remember(answers, "OAuthProvider", client_id, token_url, issuer, introspection_url)
        super().__init__(
            detailed_errors=detailed_errors,
            unavailable=unavailable,
            step_up=step_up,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self._read_denylist(denylist, denylist_interval)
        self._native.policy.set_issuer(issuer)
        self.audience = None if audience is FROM_RESOURCE and self._resource is None else audience
        self.allowed_client_id = allowed_client_id
        self._require(scope, "scope")
        self._expose(client_id=client_id, token_url=token_url)
        self._longest_seconds = float(timeout) + _KEYS_SECONDS
        if self.audience is None and allowed_client_id is None:
            warn_of_missing_audience(None, "the server", "allowed_client_id")

    @property
    def scope(self) -> list[str]:
        """The scopes that every token must have: another name for ``required_scopes``."""
        return self.required_scopes

    def keys(self) -> KeysStatus:
        """The state of the server's metadata and keys, as ``JWTVerifier.keys()`` tells it; empty without any."""
        return {} if self._keys is None else self._keys.status()

    def _note_start(self) -> None:
        """Warn if any audience is accepted, and fetch metadata and keys, so that the log shows a failure at once."""
        if self.audience is None and self.allowed_client_id is None:
            warn_of_any_audience(self, "allowed_client_id")
        fetch_first_keys((self._server, self._keys))

    async def warm_up(self) -> None:
        """Fetch metadata and keys, and read the ``denylist``, ahead of the first request.

        Raises:
            KeysUnavailableError: They cannot be fetched; the text says why.
            TokenVerificationError: The ``denylist`` cannot be read; the text says why.
        """
        await self._warm_up_denylist()
        for remote in dict.fromkeys((self._server, self._keys)):
            if remote is not None:
                await warm_up(remote)

    async def _explained(self, token: str) -> "Explanation":
        if not self._native.verifies(token):
            return self._with_metadata_error(await super()._explained(token))
        from fastmcp_rs.auth.explanation import explained  # noqa: PLC0415 - a running server does not need it

        return await explained(self._jwt, self._keys, token, reader=self._advised_as)

    def _with_metadata_error(self, explanation: "Explanation") -> "Explanation":
        """Say why no metadata names the endpoint that would be asked."""
        if explanation.outcome != "unavailable" or not self._metadata_names_endpoint or self._server is None:
            return explanation
        error = self._server.status()["last_error"]
        return explanation if self._server.request() == "ready" or error is None else replace(explanation, fix=error)

    def _retry_after(self) -> float | None:
        """The seconds until metadata and keys whose fetch failed can be fetched again."""
        return None if self._keys is None else self._keys.retry_after()

    def stats(self) -> OAuthStats:
        """Count what was decided so far, with the state of the server's metadata and keys.

        Returns:
            As of a ``JWTVerifier``, and ``answers`` as of a ``RemoteAuthProvider``.
        """
        return {
            **super().stats(),
            "keys": self.keys(),
            "cache": self._jwt.cache(),
        }

    def _shown(self) -> str:
        return (
            f"{type(self).__name__}(client_id={self.client_id!r}, token_url={_without_query(self.token_url)!r}, "
            f"scope={self.required_scopes!r}, audience={self.audience!r})"
        )


def _without_query(url: str | None) -> str | None:
    """A URL for a log, without its query, which may hold a secret."""
    return url if url is None else url.split("?", 1)[0]


def _assertion_audience(
    given: object, private_key_file: object, introspection_url: object, issuer: str | None, token_url: str | None
) -> object:
    """The ``aud`` of assertions; ``None`` for the issuer of the metadata, or for the endpoint where there is none."""
    if given is not None or private_key_file is None or introspection_url is None:
        return given
    return token_url if issuer is None else issuer


def _server_and_keys(
    token_url: object, options: FetchOptions, issuer: str | None, jwks_uri: str | None, introspection_url: object
) -> tuple[RemoteKeys | None, RemoteKeys | None]:
    """The sources of the server's metadata and of its keys."""
    if token_url is not None:
        server = keys = RemoteKeys.of_token_endpoint(token_url, options, issuer=issuer, jwks_uri=jwks_uri)
        if issuer is not None and jwks_uri is not None:
            # The keys need no metadata then.
            keys = keys_at_url(jwks_uri, None, options, issuer)
        return server, keys
    if introspection_url is None:
        raise ValueError(
            "token_url is missing: give the token endpoint, whose server's metadata names the rest, or "
            "introspection_url"
        )
    if jwks_uri is not None:
        return None, keys_at_url(jwks_uri, None, options, issuer)
    return None, None if issuer is None else keys_of_issuer(IssuerMetadata(text(issuer, "issuer")), None, options)
