from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, final

from fastmcp_rs.errors import OAuthError

__all__ = [
    "AccessToken",
    "AdoptedKey",
    "BearerToken",
    "ClientCredentials",
    "Decision",
    "FetchOptions",
    "JwtVerifier",
    "KeyFetch",
    "KeyPair",
    "OAuthVerifier",
    "RemoteKeys",
    "RemoteVerifier",
    "StaticVerifier",
    "Tally",
    "bearer_token",
    "check_server_url",
    "counts_of_process",
    "explain_without_keys",
    "flag",
    "scopes",
    "scopes_of",
    "text",
    "texts",
    "url_text",
    "verify_jws",
]

@final
class AccessToken:
    """An access token and what it stands for: immutable, and equal to another with the same content."""

    def __new__(
        cls,
        token: str,
        token_type: str = "bearer",
        expires_at: datetime | None = None,
        scope: str | Sequence[str] | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> AccessToken:
        """Make a token.

        Args:
            token: The token as the client sends it.
            token_type: A label, such as ``"bearer"`` or ``"api_key"``.
            expires_at: When it stops being valid; a naive datetime is UTC.
            scope: Its scopes, as a list or as text with spaces between them.
            user_id: Whom it belongs to.
            metadata: Anything else; copied.
        """

    @property
    def token(self) -> str:
        """The token as the client sent it."""

    @property
    def token_type(self) -> str:
        """The kind of token, ``"bearer"`` for a JWT."""

    @property
    def expires_at(self) -> datetime | None:
        """When it stops being valid, in UTC; ``None`` for never."""

    @property
    def scope(self) -> list[str] | None:
        """Its scopes, in a list of the caller's own."""

    @property
    def user_id(self) -> str | None:
        """Whom it belongs to; ``sub`` of a JWT."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Anything else, in a dict of the caller's own; all claims of a JWT."""

    def is_expired(self) -> bool:
        """Whether ``expires_at`` has come; at that very moment the token is expired."""

    def has_scope(self, required_scope: str) -> bool:
        """Whether this is one of the scopes; case counts."""

    def host_fields(self, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The fields of FastMCP's own access token for this one, in a dict that the caller has, or in a new one."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> AccessToken: ...
    def __deepcopy__(self, _memo: object) -> AccessToken: ...

@final
class AdoptedKey:
    """A key of another library's, adopted for one algorithm."""

    @staticmethod
    def read(key: str | bytes, algorithm: str) -> AdoptedKey | None:
        """Read the PEM text of a public key, or take a secret where the algorithm is symmetric.

        Returns:
            The key, or ``None`` where the key or its algorithm is nothing that is read here.

        Raises:
            ValueError: The key is no Unicode text.
        """

    @property
    def unsound(self) -> str | None:
        """Why no token under this key can be trusted; ``None`` for a sound key."""

    def decode(
        self,
        token: object,
        only_registered: bool,
    ) -> tuple[dict[str, Any], dict[str, Any]] | str | None:
        """Check the signature of a JWT and read its claims by type, and judge none of them.

        Args:
            token: The token.
            only_registered: Whether header parameters that RFC 7515 does not name leave it unsettled.

        Returns:
            Header and claims; or the reason for which the token is refused; or ``None`` where another library may see
            it otherwise.
        """

@final
class BearerToken:
    """A bearer token that no repr, local variable or pickle shows."""

    def __new__(cls, token: object) -> BearerToken: ...
    def expose(self) -> str: ...
    def authorize(self, headers: object) -> None: ...

@final
class ClientCredentials:
    """Gets tokens with the client credentials grant, and holds them and the secret."""

    def __new__(
        cls,
        client_id: object,
        client_secret: object,
        token_url: object,
        *,
        scope: object,
        audience: object,
        resource: object,
        server_url: object,
        token_endpoint_auth_method: object,
        allow_http: object,
    ) -> ClientCredentials: ...
    def admits(self, url: str) -> bool: ...
    def request(self, refused: BearerToken | None, done: Callable[[BearerToken | OAuthError], object]) -> None: ...

@final
class Decision:
    """What became of a token: both faces' answers, the log record and the reason are read off it."""

    @property
    def outcome(self) -> Literal["accepted", "rejected", "unavailable", "pending"]: ...
    @property
    def code(self) -> str | None: ...
    @property
    def level(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def client_id(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...
    def access_token(self) -> AccessToken | None: ...
    def host_fields(self, fields: dict[str, Any] | None = None) -> dict[str, Any]: ...
    @property
    def is_accepted(self) -> bool: ...
    @property
    def is_pending(self) -> bool: ...
    @property
    def kid(self) -> str | None: ...
    @property
    def mismatch(self) -> tuple[list[str], list[str]] | None: ...
    @property
    def progress(self) -> int: ...
    def answer(
        self, *, detailed: bool, scopes: list[str], resource_metadata: str | None
    ) -> tuple[int, str | None, str | None, str | None]: ...
    @staticmethod
    def denied() -> Decision: ...
    @staticmethod
    def custom_check_failed() -> Decision: ...
    @staticmethod
    def custom_check_unavailable() -> Decision: ...
    def __copy__(self) -> Decision: ...
    def __deepcopy__(self, _memo: object) -> Decision: ...
    @staticmethod
    def of_expiry(expires_at: int | None) -> Decision | None: ...

@final
class FetchOptions:
    """How keys are fetched. It is read whether or not there is anything to fetch."""

    def __new__(
        cls, *, allow_http: object, ssrf_safe: object, refresh_interval: object, max_stale: object
    ) -> FetchOptions: ...
    @property
    def allow_http(self) -> bool: ...
    @property
    def ssrf_safe(self) -> bool: ...

@final
class JwtVerifier:
    """Verifies JWTs under keys that were given at construction."""

    def __new__(
        cls,
        key: object,
        algorithms: object,
        *,
        leeway: object = None,
        typ: object = None,
        allow_bound_tokens: object = ...,
        cache_size: object = ...,
        argument: str = "key",
    ) -> JwtVerifier: ...
    def cache(self) -> dict[str, int] | None: ...
    @property
    def algorithms(self) -> list[str]: ...
    @property
    def is_symmetric(self) -> bool: ...
    @property
    def short_secret(self) -> tuple[int, int] | None: ...
    @property
    def required_scopes(self) -> list[str]: ...
    def set_issuer(self, issuer: object) -> None: ...
    def set_audience(self, audience: object) -> None: ...
    def set_required_scopes(self, required_scopes: object, argument: str = "required_scopes") -> None: ...
    def accepts_issuer(self, issuer: str | None) -> bool: ...
    def decide(
        self,
        token: object,
        validate_issuer: Callable[[str | None], object] | None = None,
        extract_scopes: Callable[[dict[str, Any]], object] | None = None,
        *,
        waited: bool = False,
    ) -> Decision: ...
    def explain(
        self,
        token: object,
        validate_issuer: Callable[[str | None], object] | None = None,
        extract_scopes: Callable[[dict[str, Any]], object] | None = None,
        *,
        waited: bool = False,
    ) -> dict[str, Any] | None: ...

@final
class StaticVerifier:
    """Verifies tokens that were listed at construction."""

    def __new__(cls, valid_tokens: object, token_type: object) -> StaticVerifier: ...
    @property
    def required_scopes(self) -> list[str]: ...
    def set_required_scopes(self, required_scopes: object, argument: str = "required_scopes") -> None: ...
    def decide(self, token: object) -> Decision: ...

@final
class OAuthVerifier:
    """Verifies the tokens of one authorization server, or asks it about them."""

    def __new__(
        cls,
        client_id: object,
        client_secret: object,
        verifier: JwtVerifier,
        keys: RemoteKeys,
        introspection: object,
        timeout: object,
        options: FetchOptions,
    ) -> OAuthVerifier: ...
    @property
    def required_scopes(self) -> list[str]: ...
    def set_required_scopes(self, required_scopes: object, argument: str = "required_scopes") -> None: ...
    def decide(self, token: object) -> Decision: ...
    def decide_later(self, token: str, done: Callable[[Decision], object]) -> None: ...
    def unanswered(self) -> Decision: ...

@final
class RemoteVerifier:
    """Asks a service about each token."""

    def __new__(cls, verify_url: object, headers: object, timeout: object, *, allow_http: object) -> RemoteVerifier: ...
    @property
    def required_scopes(self) -> list[str]: ...
    def set_issuer(self, issuer: object) -> None: ...
    def set_audience(self, audience: object) -> None: ...
    def set_client_id(self, client_id: object) -> None: ...
    def set_required_scopes(self, required_scopes: object, argument: str = "required_scopes") -> None: ...
    @staticmethod
    def decide(token: object) -> Decision: ...
    def decide_later(self, token: str, done: Callable[[Decision], object]) -> None: ...
    def unanswered(self) -> Decision: ...

@final
class KeyPair:
    """A freshly generated key that signs tokens for tests."""

    def __new__(cls, algorithm: str) -> KeyPair: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def public_key(self) -> str: ...
    def jwk(self) -> dict[str, str]: ...
    def sign(self, header: bytes, payload: bytes) -> str: ...

@final
class RemoteKeys:
    """Keys that are fetched from a URL or from where an issuer's metadata says."""

    def __new__(
        cls,
        url: str,
        options: FetchOptions,
        *,
        discover: bool,
        fetch: Callable[[KeyFetch], object] | None = None,
    ) -> RemoteKeys: ...
    @staticmethod
    def of_token_endpoint(
        token_url: object,
        options: FetchOptions,
        *,
        issuer: object,
        jwks_uri: object,
    ) -> RemoteKeys: ...
    def request(self) -> Literal["ready", "pending", "unavailable"]: ...
    def when_settled(self, wake: Callable[[], object]) -> None: ...
    def held(self) -> dict[str, Any]: ...

@final
class KeyFetch:
    """A fetch that Python does: it asks what there is to ask until that is over. Forgotten, it is a failure."""

    @property
    def most_bytes(self) -> int: ...
    @property
    def total_seconds(self) -> float: ...
    def question(self) -> tuple[str, str | None] | None: ...
    def answered(self, status: int, etag: str | None, cache_control: str | None, body: bytes) -> None: ...
    def failed(self, why: str) -> None: ...

def bearer_token(request: object) -> str | Decision: ...
def check_server_url(value: object, argument: str) -> None: ...
def explain_without_keys(
    token: object,
    algorithms: object = None,
    *,
    issuer: object = None,
    audience: object = None,
    required_scopes: object = None,
    leeway: object = None,
    typ: object = None,
) -> dict[str, Any]: ...
def flag(value: object, argument: str) -> bool: ...
def scopes(value: object, argument: str) -> list[str]: ...
def scopes_of(claims: bytes) -> list[str]: ...
def text(value: object, argument: str) -> str: ...
def texts(value: object, argument: str) -> list[str] | None: ...
def url_text(value: object, argument: str) -> str: ...
def verify_jws(token: object, key: object, algorithms: object = None) -> bytes: ...

@final
class Tally:
    """Counts the decisions of one provider, which also count for the process."""

    def __new__(cls) -> Tally: ...
    def count(self, decision: Decision) -> bool: ...
    def count_accepted(self) -> None: ...
    def counts(self) -> dict[str, Any]: ...

def counts_of_process() -> dict[str, Any]: ...
