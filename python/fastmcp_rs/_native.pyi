# The types of the native module, which `src/python` makes. The module is one file, and a module has one stub.

from collections.abc import Callable, MutableMapping, Sequence, Sized
from datetime import datetime
from typing import Any, Literal, TypeAlias, final

from fastmcp_rs.errors import OAuthError
from fastmcp_rs.types import Algorithm, AnswerCounts, CacheCounts, KeysStatus, SigningAlgorithm, Stats

__all__ = [
    "ASYMMETRIC_ALGORITHMS",
    "DEFAULT_PUBLIC_KEY_ALGORITHM",
    "DEFAULT_SECRET_ALGORITHM",
    "AccessToken",
    "AnswerMemory",
    "AnswerQuestion",
    "AnswerSealer",
    "BearerToken",
    "CacheOptions",
    "ClaimRules",
    "ClientCredentials",
    "Decision",
    "DecisionCounters",
    "DenyList",
    "Dpop",
    "DpopRequest",
    "EndpointAnswers",
    "FetchOptions",
    "IntrospectionVerifier",
    "IssuersVerifier",
    "JwtVerifier",
    "KeyFetch",
    "KeyPair",
    "LibraryKey",
    "Policy",
    "RemoteKeys",
    "ScopePrecheck",
    "StaticVerifier",
    "StoredModel",
    "TokenFields",
    "bearer_token",
    "check_server_url",
    "counts_of_process",
    "explain_dpop_proof",
    "explain_without_keys",
    "file_identity",
    "flag",
    "oauth_verifier",
    "operation_in_message",
    "redacted",
    "remote_verifier",
    "scopes",
    "scopes_of",
    "text",
    "texts",
    "url_text",
    "verify_jws",
]

ASYMMETRIC_ALGORITHMS: tuple[Algorithm, ...]
DEFAULT_PUBLIC_KEY_ALGORITHM: Algorithm
DEFAULT_SECRET_ALGORITHM: Algorithm

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
            user_id: The user that it belongs to.
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
        """The user that it belongs to; ``sub`` of a JWT."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Anything else, in a dict of the caller's own; all claims of a JWT."""

    def is_expired(self) -> bool:
        """Whether ``expires_at`` has come; at that very moment the token is expired."""

    def has_scope(self, required_scope: str) -> bool:
        """Whether this is one of the scopes; case counts."""

    def _fastmcp_fields(self, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The fields of FastMCP's own access token for this one, in a dict that the caller has, or in a new one."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> AccessToken: ...
    def __deepcopy__(self, _memo: object) -> AccessToken: ...

@final
class LibraryKey:
    """A key of another library's, adopted for one algorithm."""

    @staticmethod
    def read(key: str | bytes, algorithm: str) -> LibraryKey | None:
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
        """Check the signature of a JWT and read its claims by type. No claim is validated.

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
class ClaimRules:
    """Rules about claims that not every verifier has."""

    def __new__(
        cls,
        *,
        client_id_claim: object = None,
        subject_claim: object = None,
        scope_claims: object = None,
        scope_hierarchy: object = None,
        required_claims: object = None,
        expected_claims: object = None,
        max_age: object = None,
        iat_leeway: object = None,
    ) -> ClaimRules: ...

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
        private_key_file: object,
        assertion_audience: object,
        allow_http: object,
        dpop: object,
    ) -> ClientCredentials: ...
    @property
    def makes_proofs(self) -> bool: ...
    def authorize(self, token: BearerToken, headers: object, method: str, url: str) -> None: ...
    def note_nonce(self, nonce: str) -> bool: ...
    def admits(self, url: str) -> bool: ...
    def request(self, refused: BearerToken | None, done: Callable[[BearerToken | OAuthError], object]) -> None: ...

@final
class Decision:
    """What became of a token. The answers of both entry points, the log record and the reason come from it."""

    @property
    def outcome(self) -> Literal["accepted", "rejected", "unavailable", "pending", "unproven"]: ...
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
    def claims(self) -> dict[str, Any] | None: ...
    def _fastmcp_fields(self, fields: dict[str, Any] | None = None) -> dict[str, Any]: ...
    @property
    def is_accepted(self) -> bool: ...
    @property
    def is_pending(self) -> bool: ...
    @property
    def kid(self) -> str | None: ...
    @property
    def cause(self) -> Exception | None: ...
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
    def insufficient_scope(missing: list[str], client_id: str | None, subject: str | None) -> Decision: ...
    @staticmethod
    def custom_check_failed() -> Decision: ...
    @staticmethod
    def custom_check_unavailable() -> Decision: ...
    @staticmethod
    def keys_unavailable() -> Decision: ...
    def __copy__(self) -> Decision: ...
    def __deepcopy__(self, _memo: object) -> Decision: ...
    @staticmethod
    def of_expiry(expires_at: int | None) -> Decision | None: ...

@final
class DenyList:
    """Tokens, subjects and clients that are denied."""

    def __new__(cls, read: Callable[[], object] | None = None, interval: object = None) -> DenyList: ...
    def add(
        self,
        *,
        jti: object = None,
        subject: object = None,
        client_id: object = None,
        issuer: object = None,
        issued_before: object = None,
        expires_at: object = None,
    ) -> None: ...
    def replace(self, entries: object) -> None: ...
    def __len__(self) -> int: ...

@final
class Dpop:
    """What a provider demands of proofs of possession (RFC 9449), and those that it accepted."""

    def __new__(
        cls, mode: object, algorithms: object, max_age: object, nonce: object, trust_forwarded: object
    ) -> Dpop: ...
    @property
    def trusts_forwarded(self) -> bool: ...
    @property
    def is_required(self) -> bool: ...
    @property
    def algorithms(self) -> list[str]: ...
    @property
    def remembered(self) -> int: ...
    @property
    def nonce(self) -> str | None: ...
    def prove(self, decision: Decision, request: DpopRequest | None) -> Decision: ...
    def refusal(self, token: str, returned: str, request: DpopRequest | None) -> Decision | None: ...
    def challenges(
        self,
        decision: Decision,
        request: object,
        *,
        detailed: bool,
        scopes: list[str],
        resource_metadata: str | None,
    ) -> list[str]: ...

@final
class DpopRequest:
    """What a request presents: a token, under a scheme, and proofs."""

    @staticmethod
    def of(
        request: object, known_url: str | None, path: str | None, trusts_forwarded: bool
    ) -> DpopRequest | Decision: ...
    @property
    def token(self) -> str: ...
    @property
    def is_dpop(self) -> bool: ...

@final
class EndpointAnswers:
    """What the endpoint of one provider answered, if that is remembered."""

    def __new__(cls, options: CacheOptions) -> EndpointAnswers: ...
    def take_unsent(self, token: str) -> tuple[bytes, float, float] | None: ...
    def generation(self, token: str) -> int: ...
    def invalidate(self, token: object = None) -> None: ...
    def counts(self) -> AnswerCounts | None: ...
    @property
    def serves_stale(self) -> bool: ...

@final
class FetchOptions:
    """How keys are fetched. It is read whether or not there is anything to fetch."""

    def __new__(
        cls,
        *,
        allow_http: object,
        ssrf_safe: object,
        refresh_interval: object,
        max_stale: object,
        key_use: object = None,
    ) -> FetchOptions: ...
    @property
    def allow_http(self) -> bool: ...
    @property
    def ssrf_safe(self) -> bool: ...

@final
class AnswerQuestion:
    """A question about a token that is about to be asked."""

    @property
    def generation(self) -> int: ...

@final
class AnswerMemory:
    """What one verifier returned for tokens. Each caller gets an access token of its own."""

    def __new__(
        cls, options: CacheOptions, model: type[Any], setters: Sequence[Callable[[Any, Any], None]]
    ) -> AnswerMemory: ...
    def get(self, token: str) -> object: ...
    def question(self, token: str) -> AnswerQuestion | None: ...
    def answered_meanwhile(self, question: AnswerQuestion, token: str) -> object: ...
    def asked(self) -> None: ...
    def insert(
        self, question: AnswerQuestion, answer: object, age: float = 0.0, lifetime: float | None = None
    ) -> bool: ...
    def times(self, question: AnswerQuestion) -> tuple[float, float]: ...
    def forget(self, question: AnswerQuestion) -> None: ...
    def out_of_reach(self, question: AnswerQuestion, token: str) -> object: ...
    def within_reach(self) -> None: ...
    def copy(self, answer: object, token: str) -> object: ...
    def invalidate(self, token: object = None) -> None: ...
    def counts(self) -> dict[str, int]: ...
    @property
    def serves_stale(self) -> bool: ...

@final
class CacheOptions:
    """How answers about tokens are remembered, if they are."""

    def __new__(
        cls,
        cache_ttl_seconds: object,
        max_cache_size: object,
        stale_if_error_seconds: object,
        cache_local_seconds: object,
        *,
        shared: bool,
    ) -> CacheOptions: ...
    @property
    def is_on(self) -> bool: ...
    @property
    def longest_seconds(self) -> float: ...

@final
class AnswerSealer:
    """Seals the answers of one endpoint, and opens them."""

    def __new__(cls, cache_secret: object, scope: str) -> AnswerSealer: ...
    def names(self, token: str) -> tuple[str, str, str]: ...
    def seal(self, token: str, payload: bytes, age: float, lifetime: float) -> bytes: ...
    def seal_invalidation(self, token: str | None) -> bytes: ...
    def open(
        self, token: str, answer: bytes, invalidation: bytes | None, epoch: bytes | None
    ) -> tuple[bytes, float, float] | None: ...

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
        allow_id_tokens: object = None,
        rules: ClaimRules | None = None,
        tenants: object = None,
        cache_size: object = ...,
        key_use: str | None = None,
        argument: str = "key",
    ) -> JwtVerifier: ...
    def replace_key(self, key: object, argument: str) -> tuple[int, int] | None: ...
    def cache(self) -> CacheCounts | None: ...
    @property
    def algorithms(self) -> list[Algorithm]: ...
    @property
    def is_symmetric(self) -> bool: ...
    @property
    def short_secret(self) -> tuple[int, int] | None: ...
    @property
    def policy(self) -> Policy: ...
    def accept(self, token: object, fields: TokenFields, counters: DecisionCounters) -> dict[str, Any] | Decision: ...
    def accept_request(
        self, request: object, fields: TokenFields, counters: DecisionCounters
    ) -> dict[str, Any] | Decision: ...
    def decide(
        self,
        token: object,
        validate_issuer: Callable[[str | None], object] | None = None,
        extract_scopes: Callable[[dict[str, Any]], object] | None = None,
        *,
        waited: int = 0,
    ) -> Decision: ...
    def explain(
        self,
        token: object,
        validate_issuer: Callable[[str | None], object] | None = None,
        extract_scopes: Callable[[dict[str, Any]], object] | None = None,
        *,
        waited: int = 0,
        reader: str = "",
    ) -> dict[str, Any] | None: ...

@final
class IntrospectionVerifier:
    """Decides about tokens by asking a server."""

    @property
    def policy(self) -> Policy: ...
    def accept(self, token: object, fields: TokenFields, counters: DecisionCounters) -> dict[str, Any] | Decision: ...
    def accept_request(
        self, request: object, fields: TokenFields, counters: DecisionCounters
    ) -> dict[str, Any] | Decision: ...
    def decide(self, token: object) -> Decision: ...
    def verifies(self, token: object) -> bool: ...
    def explain_later(self, token: object, done: Callable[[dict[str, Any]], object], *, reader: str = "") -> None: ...
    def decide_later(self, token: str, done: Callable[[Decision], object], peer: str = "") -> None: ...
    def unanswered(self) -> Decision: ...
    def admit(self, token: str, generation: int, body: bytes, age: float, lifetime: float) -> Decision: ...

@final
class IssuersVerifier:
    """Verifies the tokens of many issuers, each by a verifier of its own."""

    def __new__(cls, *, cache_size: object = ...) -> IssuersVerifier: ...
    @staticmethod
    def check_count(count: int) -> None: ...
    def add(self, verifier: JwtVerifier) -> None: ...
    def remove(self, issuer: str) -> bool: ...
    def trusted_issuer(self, token: str) -> str | None: ...
    def unlisted_issuer(self, token: object) -> str | None: ...
    @staticmethod
    def looks_like_jwt(token: object) -> bool: ...
    def cache(self) -> CacheCounts | None: ...
    @property
    def policy(self) -> Policy: ...
    def decide(self, token: object, *, waited: bool = False) -> Decision: ...
    def as_for_every_token(self, decision: Decision) -> Decision: ...
    def explain(self, token: object, *, waited: bool = False) -> dict[str, Any] | None: ...

@final
class Policy:
    """The policy of a verifier, as its provider changes it."""

    def demand_proofs(self) -> None: ...
    def set_issuer(self, issuer: object) -> None: ...
    def set_audience(self, audience: object) -> None: ...
    def set_audience_source(self, audiences: Callable[[], list[str]]) -> None: ...
    def set_client_id(self, client_id: object, argument: str = "client_id") -> None: ...
    def set_denylist(self, denylist: DenyList) -> None: ...
    def set_required_scopes(self, required_scopes: object, argument: str = "required_scopes") -> None: ...
    @property
    def required_scopes(self) -> list[str]: ...
    def accepts_issuer(self, issuer: str | None) -> bool: ...

@final
class StaticVerifier:
    """Verifies tokens that were listed at construction."""

    def __new__(cls, valid_tokens: object, token_type: object) -> StaticVerifier: ...
    @property
    def policy(self) -> Policy: ...
    def decide(self, token: object) -> Decision: ...

@final
class KeyPair:
    """A freshly generated key that signs tokens for tests."""

    def __new__(cls, algorithm: SigningAlgorithm) -> KeyPair: ...
    @property
    def algorithm(self) -> SigningAlgorithm: ...
    @property
    def public_key(self) -> str: ...
    def jwk(self) -> dict[str, str]: ...
    def thumbprint(self) -> str: ...
    def sign(self, header: bytes, payload: bytes) -> str: ...

_Failure: TypeAlias = Literal[
    "no_jwks_uri",
    "no_metadata",
    "other_token_endpoint",
    "not_a_key_set",
    "not_found",
    "untrusted_certificate",
    "other",
]

@final
class RemoteKeys:
    """Keys that are fetched from a URL or from where an issuer's metadata says."""

    def __new__(
        cls,
        url: str,
        options: FetchOptions,
        *,
        issuer: str | None = None,
        fetch: Callable[[KeyFetch], object] | None = None,
    ) -> RemoteKeys: ...
    @staticmethod
    def of_issuer(
        issuer: str,
        options: FetchOptions,
        *,
        metadata_url: str | None = None,
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
    def fetch_at_start(self) -> None: ...
    def on_idle(self, wake: Callable[[], object]) -> None: ...
    def retry_after(self) -> float: ...
    def failure(self) -> _Failure | None: ...
    def status(self) -> KeysStatus: ...

@final
class KeyFetch:
    """A fetch that Python carries out, one request after another. If it is dropped before its end, the fetch failed."""

    @property
    def most_bytes(self) -> int: ...
    @property
    def total_seconds(self) -> float: ...
    def next_request(self) -> tuple[str, dict[str, str]] | None: ...
    def on_response(
        self,
        status: int,
        etag: str | None,
        cache_control: str | None,
        media_type: str | None,
        body: bytes,
        content_encoding: str,
    ) -> None: ...
    def failed(self, why: str) -> None: ...

def bearer_token(request: object) -> str | Decision: ...
def check_server_url(value: object, argument: str) -> None: ...
def explain_dpop_proof(proof: str, *, method: str, url: str, token: str, bound_to: str | None) -> dict[str, Any]: ...
def explain_without_keys(
    token: object,
    algorithms: object = None,
    *,
    issuer: object = None,
    audience: object = None,
    required_scopes: object = None,
    leeway: object = None,
    typ: object = None,
    dpop: bool = False,
) -> dict[str, Any]: ...
def file_identity(folder: str, path: str, before: float) -> tuple[int, int, int, int, int] | None: ...
def flag(value: object, argument: str) -> bool: ...
def oauth_verifier(
    client_id: object,
    client_secret: object,
    private_key_file: object,
    assertion_audience: object,
    verifier: JwtVerifier,
    keys: RemoteKeys | None,
    introspection: object,
    timeout: object,
    require_token_type: object,
    options: FetchOptions,
    answers: EndpointAnswers,
    token_characters: object,
) -> IntrospectionVerifier: ...
def operation_in_message(message: MutableMapping[str, Any]) -> tuple[str, str, str | None] | None: ...
def redacted(text: str, headers: list[str]) -> str: ...
def remote_verifier(
    verify_url: object,
    headers: object,
    timeout: object,
    *,
    private_key_file: object,
    assertion_client_id: object,
    assertion_audience: object,
    allow_http: object,
    allow_id_tokens: object,
    require_token_type: object,
    rules: ClaimRules,
    answers: EndpointAnswers,
    token_characters: object,
) -> IntrospectionVerifier: ...
def scopes(value: object, argument: str) -> list[str]: ...
def scopes_of(claims: bytes) -> list[str]: ...
def text(value: object, argument: str) -> str: ...
def texts(value: object, argument: str) -> list[str] | None: ...
def url_text(value: object, argument: str) -> str: ...
def verify_jws(token: object, key: object, algorithms: object = None) -> bytes: ...

@final
class DecisionCounters:
    """Counts the decisions of one provider, which also count for the process."""

    def __new__(cls) -> DecisionCounters: ...
    def count(self, decision: Decision) -> bool: ...
    def count_accepted(self) -> None: ...
    def counts(self) -> Stats: ...

def counts_of_process() -> Stats: ...

@final
class ScopePrecheck:
    """What lets a request of a server pass without a further look at its operation."""

    def __new__(
        cls, app: object, path: str | None, all_scopes: list[str] | None, collections: Sequence[Sized], seconds: float
    ) -> ScopePrecheck: ...
    def check_request(
        self, scope: MutableMapping[str, Any], granted: Sequence[str]
    ) -> bool | tuple[str, str] | None: ...
    def passes(self, message: MutableMapping[str, Any], granted: Sequence[str]) -> bool: ...
    def remember(self, method: str, target: str, version: str | None, scopes: list[str]) -> None: ...

@final
class StoredModel:
    """A model that was read from a store. Each caller gets one of its own."""

    @staticmethod
    def of(model: object, setters: Sequence[Callable[[Any, Any], None]]) -> StoredModel | None: ...
    @property
    def bytes(self) -> int: ...
    def copy(self) -> object: ...

@final
class TokenFields:
    """What the installed FastMCP's access token is made of."""

    def __new__(cls, blank: dict[str, object], unknown: list[str], carrier: str) -> TokenFields: ...
