"""``RemoteAuthProvider``: has a service of the operator's verify each token."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Literal

from fastmcp_rs._native import ClaimRules, EndpointAnswers, remote_verifier
from fastmcp_rs.auth.answer_options import LOCAL_SECONDS, AnswerOptions
from fastmcp_rs.auth.denylist import DENYLIST_SECONDS, DenyingProvider, ReadDenylist
from fastmcp_rs.auth.dpop import MAX_AGE_SECONDS, DpopMode, dpop_of
from fastmcp_rs.auth.expectation import AudienceExpectation, Expectation
from fastmcp_rs.auth.introspecting_provider import IntrospectingProvider
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE, AudienceDefault
from fastmcp_rs.auth.start_hints import warn_of_any_audience
from fastmcp_rs.types import KeysStatus, Url

__all__ = ["RemoteAuthProvider"]


class RemoteAuthProvider(IntrospectingProvider, DenyingProvider):
    """Asks a URL about each token: a service that speaks JSON, or an introspection endpoint (RFC 7662).

    Concurrent requests with one token share one call. Responses are remembered with ``cache_ttl_seconds`` alone.
    """

    _fastmcps_class = "fastmcp.server.auth.RemoteAuthProvider"
    _fastmcps_parameters = frozenset({"token_verifier"})

    verify_url: str
    timeout: float
    audience = AudienceExpectation()
    client_id = Expectation()
    issuer = Expectation()

    def __init__(
        self,
        verify_url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        *,
        audience: str | Sequence[str] | AudienceDefault | None = FROM_RESOURCE,
        client_id: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        client_id_claim: str | Sequence[str] | None = None,
        subject_claim: str | Sequence[str] | None = None,
        scope_claims: str | Sequence[str] | None = None,
        scope_hierarchy: Mapping[str, str | Sequence[str]] | None = None,
        required_claims: str | Sequence[str] | None = None,
        expected_claims: Mapping[str, object] | None = None,
        max_age: int | None = None,
        iat_leeway: float | None = None,
        allow_id_tokens: bool = False,
        require_token_type: bool | None = None,
        token_characters: str = "",
        private_key_file: str | PathLike[str] | None = None,
        assertion_client_id: str | None = None,
        assertion_audience: str | None = None,
        denylist: ReadDenylist | None = None,
        denylist_interval: float = DENYLIST_SECONDS,
        detailed_errors: bool = False,
        unavailable: Literal["raise", "none"] = "raise",
        step_up: bool = True,
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
        """Configure the service, and what to accept of its responses.

        Args:
            verify_url: The https URL of the service, which is sent a POST. http is for this machine only, or with
                ``allow_http``.
            headers: Headers of each request, such as credentials for the service; they are sent nowhere else. Their
                ``Content-Type`` selects the format: ``application/json``, which is the default, for ``{"token":
                ...}``; ``application/x-www-form-urlencoded`` for the form of RFC 7662.
            timeout: How long a request may take in all, in seconds: more than 0, at most 300.
            audience: One of these must be in the response's ``aud``; ``None`` accepts any. By default, where there are
                ``authorization_servers``, the URL of the resource that the request is for, as the metadata has it (RFC
                8707); else ``None``.
            client_id: One of these must be the response's ``client_id``, or ``azp``; ``None`` accepts any. Set this or
                ``audience`` where the service also accepts the tokens of other applications.
            issuer: One of these must be the response's ``iss``, where it has one; ``None`` accepts any.
            required_scopes: Scopes that every token must have, by the response's ``scope``, ``scopes`` or ``scp``.
            client_id_claim: The member of the response that names the client, or several, of which the first that is
                there counts, in place of ``client_id`` and ``azp``. Here and below, a text that begins with a slash is
                a JSON Pointer (RFC 6901).
            subject_claim: The member that names the subject, or several, in place of ``sub``, ``user_id`` and
                ``username``.
            scope_claims: The members whose values are scopes, in place of ``scope``, ``scopes`` and ``scp``; all of
                them are granted. Only a text of ``scope`` and ``scp`` is split at spaces. A member of a list is one
                scope, never split; what is no scope (RFC 6749 section 3.3) grants nothing.
            scope_hierarchy: Scopes, and those that each implies. The access token has them all.
            required_claims: Members that must be there and not null.
            expected_claims: Members, and what each must be: a value or a list of them. A list in the response fits if
                one of its members does. ``True``, 1 and ``"true"`` differ.
            max_age: How many seconds ago the user may have signed in, by ``auth_time``, from 1 on. An older token is
                answered with ``insufficient_user_authentication`` (RFC 9470).
            iat_leeway: How many seconds ``iat`` may lie in the future, from 0 to 600; ``None`` for any number.
            allow_id_tokens: Accept what is an ID token by the answer's ``at_hash``, ``c_hash``, ``token_use`` or
                ``token_type``.
            require_token_type: Refuse a token whose type the answer does not say, since it may be a refresh token.
                ``None`` does so once an introspection endpoint has named the type of an access token; ``False`` never
                does.
            token_characters: Characters that a token may have beside those of RFC 6750 section 2.1, such as ``"!"`` for
                those of Salesforce. No endpoint is asked about a token with any other character.
            private_key_file: The path of a file with a private key: each request of the form of RFC 7662 then has an
                assertion that it signed (``private_key_jwt``: RFC 7523). PEM, or a JWK as JSON text, whose ``kid`` and
                ``alg`` count. A file that is replaced is read again; while it holds no key, its last one is used, and
                the log says so.
            assertion_client_id: The identifier that this server has at the service: ``iss`` and ``sub`` of assertions.
            assertion_audience: The ``aud`` of assertions, ``verify_url`` by default. The issuer of the authorization
                server is what a later version of RFC 7523 wants there.
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
            cache_ttl_seconds: How long to remember what the service answered about a token, in seconds: at most a year,
                never past the token's expiry, and shorter where the answer has a ``max-age``. ``None`` or 0 asks for
                each request. A token that is revoked meanwhile is accepted until then: see ``invalidate``. Only what
                says yes is remembered, and everything else is checked for each request.
            max_cache_size: How many answers to remember at most, 10,000 by default, within 3,200 bytes for each on
                average; 0 for none.
            stale_if_error_seconds: How much longer an answer serves while the service is out of reach (RFC 5861
                section 4), never past the token's expiry. The log says when that begins and ends.
            cache_store: A store of py-key-value-aio, such as ``RedisStore``, in which workers share answers, or a
                function that makes one for each event loop. Reading it reveals nothing, and writing to it forges
                nothing.
            cache_secret: What the keys of the store are made of: 32 bytes or more, the same for all workers.
            cache_local_seconds: How long a worker keeps an answer without looking into the store.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            allow_http: Allow http to other machines. Anyone on the network path can then read tokens and headers.
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
        if not isinstance(verify_url, str):
            raise ValueError(  # noqa: TRY004 - as for every other parameter
                f"verify_url must be a str, not {type(verify_url).__name__}; FastMCP's own class of this name is "
                f"{self._fastmcps_class}"
            )
        answers = AnswerOptions(
            cache_ttl_seconds,
            max_cache_size,
            stale_if_error_seconds,
            cache_store,
            cache_secret,
            cache_local_seconds,
        )
        self._answers = EndpointAnswers(answers.native)
        self._native = remote_verifier(
            verify_url,
            headers,
            timeout,
            private_key_file=private_key_file,
            assertion_client_id=assertion_client_id,
            assertion_audience=assertion_audience,
            allow_http=allow_http,
            allow_id_tokens=allow_id_tokens,
            require_token_type=require_token_type,
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
            answers=self._answers,
            token_characters=token_characters,
        )
        self._scope_hierarchy = dict(scope_hierarchy or {})
        self._demand_proofs(dpop_of(dpop, dpop_algorithms, dpop_max_age, dpop_nonce, dpop_trust_forwarded))
        self._describe_resource(
            (base_url, resource_base_url, resource_server_url),
            None,
            authorization_servers=authorization_servers,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        self._remember(answers, "RemoteAuthProvider", verify_url, sorted((headers or {}).items()))
        super().__init__(
            required_scopes=required_scopes,
            detailed_errors=detailed_errors,
            unavailable=unavailable,
            step_up=step_up,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self._read_denylist(denylist, denylist_interval)
        self.audience = None if audience is FROM_RESOURCE and self._resource is None else audience
        self.client_id = client_id
        self.issuer = issuer
        self._longest_seconds = float(timeout)
        self._expose(verify_url=verify_url, timeout=self._longest_seconds)

    def keys(self) -> KeysStatus:
        """The state of fetched keys: empty, since a service needs none."""
        return {}

    def _note_start(self) -> None:
        """Say that any audience is accepted."""
        if self.audience is None and self.client_id is None:
            warn_of_any_audience(self, "client_id")

    async def warm_up(self) -> None:
        """Read the ``denylist`` ahead of the first request.

        Raises:
            TokenVerificationError: It cannot be read; the text says why.
        """
        await self._warm_up_denylist()

    def _shown(self) -> str:
        # The query of the URL may hold a key of the service.
        url = self.verify_url.partition("?")[0]
        return (
            f"{type(self).__name__}(verify_url={url!r}, timeout={self.timeout!r}, "
            f"required_scopes={self.required_scopes!r})"
        )
