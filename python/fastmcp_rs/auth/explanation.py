"""The result of ``JWTVerifier.explain``: why a token is accepted or refused."""

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from fastmcp_rs.auth.entry_points import ENTRY_POINTS
from fastmcp_rs.auth.overrides import overrides_entry_point
from fastmcp_rs.auth.remote_keys import wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastmcp_rs._native import Decision, JwtVerifier, RemoteKeys
    from fastmcp_rs.auth.provider import AuthProvider

__all__ = [
    "CheckResult",
    "Explanation",
    "explained",
    "explanation_of",
    "explanation_of_decision",
    "with_override_advice",
    "with_resource_advice",
]


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: Its stable name, such as ``"audience"``.
        result: How it ended; ``"unchecked"`` where nothing is demanded or the token has no such claim, and
            ``"not_reached"`` where an earlier failure left it nothing to check.
        code: The reason code of a failure.
        text: What it found, on one line that is safe to print.
        got: The token's values, unchanged, where the check compares texts: not safe to print.
        expected: The expected values; empty where any value passes.
        unverified: Whether it looked at claims that anyone may have written, since no signature was checked.
    """

    name: str
    result: Literal["passed", "failed", "unavailable", "unchecked", "not_reached"]
    code: str | None
    text: str
    got: list[str] | None
    expected: list[str] | None
    unverified: bool = False


@dataclass(frozen=True)
class Explanation:
    """Why a token is accepted or refused. The signature is not part of it.

    Attributes:
        outcome: What the verifier decides; ``"unavailable"`` where its keys are out of reach.
        code: The reason code, such as ``"audience_mismatch"``; ``None`` for an accepted token.
        reason: The reason in words.
        fix: What is most likely to help, on one line that is safe to print.
        signature_verified: Whether the claims are authentic: the signature is valid, or the server that was asked about
            the token returned them. If not, anyone may have written the claims that were checked.
        checks: Every check, in the order in which they run. Unlike in a decision, those after the first failure run
            too; the first failure is the reason.
        header: The header, unchanged; ``None`` where none can be read.
        claims: The claims, unchanged; ``None`` where none can be read.
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

    def to_dict(self) -> dict[str, Any]:
        """Convert it to values that ``json.dumps`` takes."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}


def explanation_of(found: "dict[str, Any]") -> Explanation:
    """Make an explanation from what the native verifier returns."""
    return Explanation(**{**found, "checks": tuple(CheckResult(**check) for check in found["checks"])})


def explanation_of_decision(decision: "Decision") -> Explanation:
    """Make an explanation of which no more is known than the decision."""
    outcome: Any = decision.outcome
    return Explanation(
        outcome,
        decision.code,
        reason=decision.message,
        fix=decision.message,
        signature_verified=False,
        checks=(),
        header=None,
        claims=None,
        times={},
    )


def with_override_advice(explanation: Explanation, provider: "AuthProvider") -> Explanation:
    """Say where a subclass overrides what FastMCP asks that this was not asked."""
    names = [name for name in sorted(ENTRY_POINTS) if overrides_entry_point(provider, name)]
    if not names:
        return explanation
    text = f"{' and '.join(names)} of {type(provider).__qualname__} decides in the end, and was not asked here"
    check = CheckResult("override", "unchecked", None, text, None, None)
    fix = text if explanation.outcome == "accepted" else explanation.fix
    return replace(explanation, checks=(*explanation.checks, check), fix=fix)


def with_resource_advice(explanation: Explanation) -> Explanation:
    """Add what helps where the expected audience is the URL of the resource that is served."""
    if explanation.code != "audience_mismatch":
        return explanation
    advice = (
        "the audience is the URL of the served resource, which clients ask for (RFC 8707): at an issuer that does "
        "not know that, register this URL there as the API or audience, or give audience= what it writes"
    )
    return replace(explanation, fix=f"{explanation.fix}; {advice}")


async def explained(
    native: "JwtVerifier",
    remote: "RemoteKeys | None",
    token: object,
    validate_issuer: "Callable[[str | None], object] | None" = None,
    extract_scopes: "Callable[[dict[str, Any]], object] | None" = None,
    *,
    reader: str = "",
) -> Explanation:
    """Explain a verifier's decision about a token; keys are fetched if they are needed.

    The advice names settings as the ``reader`` knows them: a class, or the command.
    """
    found = native.explain(token, validate_issuer, extract_scopes, reader=reader)
    for waited in (1, 2):
        if found is None and remote is not None:
            await wait_until_idle(remote)
            found = native.explain(token, validate_issuer, extract_scopes, waited=waited, reader=reader)
    assert found is not None  # noqa: S101 - after waiting there is always an explanation
    if found["outcome"] == "unavailable" and remote is not None:
        error = remote.status()["last_error"]
        found["fix"] = found["reason"] if error is None else f"the keys cannot be fetched: {error}"
    return explanation_of(found)
