"""Tokens of the authorization server behind a token URL."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastmcp_rs import host
from fastmcp_rs._native import FetchOptions, JwtVerifier, OAuthVerifier, RemoteKeys
from fastmcp_rs.auth.asking import AskingProvider
from fastmcp_rs.auth.native import CACHE_SIZE
from fastmcp_rs.auth.remote import MAX_STALE_SECONDS, REFRESH_INTERVAL_SECONDS, fetched_keys
from fastmcp_rs.auth.texts import Expectation
from fastmcp_rs.errors import MissingAudienceWarning

__all__ = ["OAuthProvider"]

_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)

# A question about a token may have to wait for the server's metadata and keys first.
_KEYS_SECONDS = 10.0


class OAuthProvider(AskingProvider):
    """Accepts the access tokens of one OAuth 2.0 authorization server, as a resource server does.

    Tokens that are JWTs are verified by the server's published keys, and about all others the server is asked (RFC
    7662). What looks like a JWT is never asked about.
    """

    _namesake = "fastmcp.server.auth.OAuthProvider"
    _namesakes_parameters = frozenset(
        {
            "issuer_url",
            "service_documentation_url",
            "client_registration_options",
            "revocation_options",
        }
    )

    _called_here: ClassVar[Mapping[str, str]] = {"required_scopes": "scope"}

    client_id: str
    token_url: str
    _native: OAuthVerifier
    audience = Expectation("_jwt")

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        token_url: str,
        scope: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        *,
        issuer: str | None = None,
        jwks_uri: str | None = None,
        introspection_url: str | None = None,
        algorithms: Sequence[str] = _ALGORITHMS,
        leeway: float | None = None,
        typ: str | None = None,
        allow_bound_tokens: bool = False,
        timeout: float = 10.0,
        jwks_refresh_interval: float = REFRESH_INTERVAL_SECONDS,
        jwks_max_stale: float = MAX_STALE_SECONDS,
        detailed_errors: bool = False,
        cache_size: int = CACHE_SIZE,
        base_url: object = None,
        resource_base_url: object = None,
        resource_server_url: object = None,
        allow_http: bool = False,
    ) -> None:
        """Name the authorization server, and what its tokens must be.

        Nothing is fetched here. The server's metadata (RFC 8414, OpenID Connect Discovery) is sought at first use,
        below each prefix of the token URL's path, and counts only if its ``token_endpoint`` is ``token_url``.

        Args:
            client_id: The identifier that this server has at the authorization server.
            client_secret: Its secret, for introspection. It is sent to the host of ``token_url`` alone, or to
                ``introspection_url``.
            token_url: The token endpoint, an https URL. http is for this machine only, or with ``allow_http``.
            scope: Scopes that every token must have, all of them.
            audience: One of these must be in the token's ``aud``; ``None`` accepts any, with a warning.
            issuer: The server's issuer, where the token URL does not tell it; its metadata is sought there alone.
            jwks_uri: Where the server's keys are, in the place of what its metadata says.
            introspection_url: Where to ask about tokens, in the place of what the metadata says. An ``iss`` in an
                answer from there is compared with ``issuer`` if that is given.
            algorithms: The accepted signature algorithms, all asymmetric ones by default.
            leeway: Tolerance for clocks that differ, for ``exp`` and ``nbf``, in seconds from 0 to 600. By default none
                for ``exp`` and 30 for ``nbf``.
            typ: The ``typ`` that the header of a JWT must have, such as ``"at+jwt"`` (RFC 9068 section 2.1).
            allow_bound_tokens: Accept tokens that are bound to a proof of possession (``cnf``) as bearer tokens.
            timeout: How long a question about a token may take in all, in seconds: more than 0, at most 300. The search
                for metadata and keys ahead of it has ten seconds of its own.
            jwks_refresh_interval: Seconds between refreshes that an unknown key forces; 0 for one at every miss.
            jwks_max_stale: Seconds for which keys and metadata are used beyond their lifetime while refreshes fail.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            cache_size: How many verified JWTs of typical size to remember, so that their signatures are not checked
                again; 0 for none. Answers about other tokens are never remembered.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            allow_http: Allow http to other machines, where anybody on the way can read secrets and replace keys.

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
        server = keys = RemoteKeys.of_token_endpoint(token_url, options, issuer=issuer, jwks_uri=jwks_uri)
        if issuer is not None and jwks_uri is not None:
            # Nothing is left to be found before a signature can be verified.
            keys = fetched_keys(jwks_uri, None, options)
        self._jwt = JwtVerifier(
            keys, algorithms, leeway=leeway, typ=typ, allow_bound_tokens=allow_bound_tokens, cache_size=cache_size
        )
        self._keys = keys
        introspection = server if introspection_url is None else introspection_url
        self._native = OAuthVerifier(client_id, client_secret, self._jwt, keys, introspection, timeout, options)
        host.init_verifier(
            self,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.detailed_errors = detailed_errors
        self._jwt.set_issuer(issuer)
        self.audience = audience
        self._native.set_required_scopes(scope, "scope")
        self._tell(client_id=client_id, token_url=token_url)
        self._longest_seconds = float(timeout) + _KEYS_SECONDS
        if audience is None:
            warnings.warn(
                "no audience is configured: tokens that the server made for other services are accepted here",
                MissingAudienceWarning,
                stacklevel=2,
            )

    @property
    def scope(self) -> list[str]:
        """The scopes that every token must have: another name for ``required_scopes``."""
        return self.required_scopes

    def stats(self) -> dict[str, Any]:
        """Tell what was decided here so far, and what is held of the server.

        Returns:
            As of a ``JWTVerifier``.
        """
        return {**super().stats(), "keys": self._keys.held(), "cache": self._jwt.cache()}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(client_id={self.client_id!r}, token_url={self.token_url!r}, "
            f"scope={self.required_scopes!r}, audience={self.audience!r})"
        )
