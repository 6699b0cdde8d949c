"""Tokens that a service of the operator's verifies."""

from collections.abc import Mapping, Sequence

from fastmcp_rs import host
from fastmcp_rs._native import RemoteVerifier
from fastmcp_rs.auth.asking import AskingProvider
from fastmcp_rs.auth.texts import Expectation

__all__ = ["RemoteAuthProvider"]


class RemoteAuthProvider(AskingProvider):
    """Asks a URL about each token: a service that speaks JSON, or an introspection endpoint (RFC 7662).

    One question at a time is on its way about a token, and no answer is remembered.
    """

    _namesake = "fastmcp.server.auth.RemoteAuthProvider"
    _namesakes_parameters = frozenset(
        {
            "token_verifier",
            "authorization_servers",
            "scopes_supported",
            "resource_name",
            "resource_documentation",
        }
    )

    verify_url: str
    timeout: float
    _native: RemoteVerifier
    audience = Expectation("_native")
    client_id = Expectation("_native")
    issuer = Expectation("_native")

    def __init__(
        self,
        verify_url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        *,
        audience: str | Sequence[str] | None = None,
        client_id: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        detailed_errors: bool = False,
        base_url: object = None,
        resource_base_url: object = None,
        resource_server_url: object = None,
        allow_http: bool = False,
    ) -> None:
        """Configure whom to ask, and what to accept of the answers.

        Args:
            verify_url: Where to ask, by POST: an https URL. http is for this machine only, or with ``allow_http``.
            headers: Headers of each question, such as the service's own credentials; they are sent nowhere else. Their
                ``Content-Type`` says how to ask: ``application/json``, also without one, for ``{"token": ...}``;
                ``application/x-www-form-urlencoded`` for a form as RFC 7662 has it.
            timeout: How long a question may take in all, in seconds: more than 0, at most 300.
            audience: One of these must be in the answer's ``aud``; ``None`` accepts any.
            client_id: One of these must be the answer's ``client_id``, or ``azp``; ``None`` accepts any. Set this or
                ``audience`` where the service also knows the tokens of other applications.
            issuer: One of these must be the answer's ``iss``, where it names one; ``None`` accepts any.
            required_scopes: Scopes that every token must have, by the answer's ``scope``, ``scopes`` or ``scp``.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            base_url: The URL of this server, as the installed FastMCP takes it.
            resource_base_url: The URL of the protected resource, as FastMCP from 3.0 on takes it.
            resource_server_url: The URL of this server, as FastMCP 2.12.0 takes it.
            allow_http: Allow http to other machines, where anybody on the way can read tokens and headers.

        Raises:
            TypeError: A parameter of FastMCP's own class of this name is given.
            ValueError: The configuration cannot work or would not be safe; the text says what would.
        """
        if not isinstance(verify_url, str):
            raise ValueError(  # noqa: TRY004 - as for every other parameter
                f"verify_url must be a str, not {type(verify_url).__name__}; FastMCP's own class of this name is "
                f"{self._namesake}"
            )
        self._native = RemoteVerifier(verify_url, headers, timeout, allow_http=allow_http)
        host.init_verifier(
            self,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )
        self.detailed_errors = detailed_errors
        self.audience = audience
        self.client_id = client_id
        self.issuer = issuer
        self.required_scopes = required_scopes
        self._longest_seconds = float(timeout)
        self._tell(verify_url=verify_url, timeout=self._longest_seconds)

    def __repr__(self) -> str:
        # What a query holds may be a key of the service.
        url = self.verify_url.partition("?")[0]
        return (
            f"{type(self).__name__}(verify_url={url!r}, timeout={self.timeout!r}, "
            f"required_scopes={self.required_scopes!r})"
        )
