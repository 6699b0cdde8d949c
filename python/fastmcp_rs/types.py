"""The types that signatures of this package name, for annotations of your own."""

from typing import Literal, Protocol, TypedDict

__all__ = [
    "Algorithm",
    "AnswerCounts",
    "CacheCounts",
    "HasHost",
    "IntrospectionStats",
    "KeyInfo",
    "KeysStatus",
    "OAuthStats",
    "OperationStats",
    "SigningAlgorithm",
    "SkippedKey",
    "Stats",
    "Url",
    "VerifierStats",
]

SigningAlgorithm = Literal[
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
    "Ed25519",
]
"""The algorithms that ``KeyPair`` signs with."""

Algorithm = Literal[SigningAlgorithm, "ES512", "Ed448"]
"""The registered names of the algorithms that are verified (RFC 7518 section 3.1, RFC 8037, RFC 9864)."""


class HasHost(Protocol):
    """A URL as an object, such as those of pydantic, httpx and yarl; its ``str()`` is the URL."""

    @property
    def host(self) -> object:
        """The host."""


Url = str | HasHost
"""A URL, as text or as an object."""


class KeyInfo(TypedDict):
    """A key of a fetched set."""

    kid: str | None
    """Its id."""
    kty: str
    """Its type, such as ``"RSA"`` (RFC 7517 section 4.1)."""
    alg: Algorithm | None
    """The one algorithm that it is for, if it names one."""


class SkippedKey(TypedDict):
    """A key of a set that cannot be used."""

    kid: str | None
    """The key id, if it is a text."""
    reason: str
    """Why it cannot be used."""


class KeysStatus(TypedDict, total=False):
    """What ``JWTVerifier.keys()`` tells. Empty for keys that were given."""

    source: str
    """The URL of the set, or the issuer whose metadata names it."""
    keys: list[KeyInfo]
    """The keys that are held."""
    skipped: list[SkippedKey]
    """The keys of the set that cannot be used."""
    age: float | None
    """Seconds since they were fetched; ``None`` before that."""
    next_refresh: float | None
    """Seconds until they are fetched again."""
    last_error: str | None
    """Why the last fetch failed; ``None`` if it did not."""
    fetches: int
    """How many fetches there were."""
    failures: int
    """How many of them failed."""


class CacheCounts(TypedDict):
    """The cache of verified tokens."""

    entries: int
    """How many tokens are in it."""
    bytes: int
    """How much memory they take."""
    hits: int
    """How often a token was found."""
    misses: int
    """How often it was not."""


class Stats(TypedDict):
    """What ``stats()`` of any provider counts."""

    accepted: int
    """How many tokens were accepted."""
    rejected: dict[str, int]
    """How many were rejected, by reason code."""
    unavailable: dict[str, int]
    """How often there could be no decision, by reason code."""


class OperationStats(Stats):
    """What ``stats()`` of any provider tells once a good token had too few scopes for an operation of the server."""

    operations: dict[str, int]
    """How often that was, by method and name, such as ``"tools/call save"``."""


class VerifierStats(Stats):
    """What ``stats()`` of a provider that verifies signatures tells as well."""

    keys: KeysStatus
    """The state of the fetched keys."""
    cache: CacheCounts | None
    """The cache of verified tokens; ``None`` if there is none."""


class AnswerCounts(TypedDict):
    """The remembered answers of an endpoint that is asked about tokens."""

    entries: int
    """How many answers are remembered."""
    bytes: int
    """How much memory they take."""
    hits: int
    """How many requests a remembered answer served."""
    misses: int
    """How many found none."""
    questions: int
    """How many questions were sent."""
    stale: int
    """How many requests an older answer served, since the endpoint was out of reach."""
    store_failures: int
    """How often the shared store failed, or took too long."""


class IntrospectionStats(Stats):
    """What ``stats()`` of a provider that asks an endpoint tells as well."""

    answers: AnswerCounts | None
    """The remembered answers; ``None`` where none are remembered."""


class OAuthStats(VerifierStats, IntrospectionStats):
    """What ``stats()`` of an ``OAuthProvider`` tells."""
