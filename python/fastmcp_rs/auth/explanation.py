"""Why a token is accepted or refused, as a value."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fastmcp_rs.auth.remote import settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastmcp_rs._native import JwtVerifier, RemoteKeys

__all__ = ["CheckResult", "Explanation", "explained"]


@dataclass(frozen=True)
class CheckResult:
    """What became of one check.

    Attributes:
        name: Its stable name, such as ``"audience"``.
        result: How it ended; ``"not_reached"`` where an earlier one left it nothing to look at.
        code: The reason code of a failure.
        text: What it found, on one line that any terminal may show.
        got: What the token says, as it stands, where the check compares texts: do not print it raw.
        expected: What is expected; empty where anything will do.
    """

    name: str
    result: Literal["passed", "failed", "unavailable", "not_reached"]
    code: str | None
    text: str
    got: list[str] | None
    expected: list[str] | None


@dataclass(frozen=True)
class Explanation:
    """Why a token is accepted or refused. Nothing of its signature is in it.

    Attributes:
        outcome: What the verifier says of the token; ``"unavailable"`` where its keys are out of reach.
        code: The reason code, such as ``"audience_mismatch"``; ``None`` for an accepted token.
        reason: The reason in words.
        fix: What is most likely to help, on one line that any terminal may show.
        signature_verified: Whether the signature holds. If not, the claims are a stranger's words, and so is what the
            checks of them say.
        checks: Every check, in the order in which a token meets them. Unlike a decision, they go on past the first
            failure, which gives the reason.
        header: The header, as it stands; ``None`` where none can be read.
        claims: The claims, as they stand; ``None`` where none can be read.
        times: For each of ``iat``, ``nbf`` and ``exp`` that is there, ``at`` in UTC, and ``words`` such as ``"expired 3
            minutes ago"``.
    """

    outcome: Literal["accepted", "rejected", "unavailable"]
    code: str | None
    reason: str | None
    fix: str | None
    signature_verified: bool
    checks: tuple[CheckResult, ...] = field(repr=False)
    header: dict[str, Any] | None = field(repr=False)
    claims: dict[str, Any] | None = field(repr=False)
    times: dict[str, dict[str, str | None]] = field(repr=False)

    @classmethod
    def of(cls, told: "dict[str, Any]") -> "Explanation":
        """Make one of what the native side tells."""
        return cls(**{**told, "checks": tuple(CheckResult(**check) for check in told["checks"])})

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as what ``json.dumps`` takes."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}


async def explained(
    native: "JwtVerifier",
    remote: "RemoteKeys | None",
    token: object,
    validate_issuer: "Callable[[str | None], object] | None" = None,
    extract_scopes: "Callable[[dict[str, Any]], object] | None" = None,
) -> Explanation:
    """Explain what a verifier says of a token, with its keys fetched if need be."""
    told = native.explain(token, validate_issuer, extract_scopes)
    if told is None and remote is not None:
        await settled(remote)
        told = native.explain(token, validate_issuer, extract_scopes, waited=True)
    assert told is not None  # noqa: S101 - who has waited is always told
    if told["outcome"] == "unavailable" and remote is not None:
        told["fix"] = f"the keys cannot be fetched: {remote.held()['last_error']}"
    return Explanation.of(told)
