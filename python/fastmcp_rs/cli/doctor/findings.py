"""The findings of the doctor: each check with its result, and with a fix if it failed."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from textwrap import indent
from typing import Literal

from fastmcp_rs.cli.terminal import Style, sanitize

__all__ = ["Finding", "advise", "exit_code", "fail", "lines", "note", "pass_", "to_dicts", "unavailable"]

Result = Literal["passed", "note", "failed", "advice", "unavailable"]

_WRONG, _UNAVAILABLE = 1, 3
_FIX = "      fix: "
# The reason why keys cannot be fetched has the URLs that were tried, and ends with what would help.
_LONGEST = 1000


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: Its name.
        result: ``"passed"``; ``"note"``, for what need not be checked; ``"failed"``; ``"advice"``, for what is right
            for some servers and not for others; or ``"unavailable"``, where nothing could be found out.
        text: What was found.
        fix: What to do about it, on one line or on several; ``None`` where it passed, and for a note.
    """

    check: str
    result: Result
    text: str
    fix: str | None = None


def pass_(check: str, text: str) -> Finding:
    """A check that passed."""
    return Finding(check, "passed", text)


def note(check: str, text: str) -> Finding:
    """What need not be checked, or only someone else can check."""
    return Finding(check, "note", text)


def fail(check: str, text: str, fix: str) -> Finding:
    """A check that failed."""
    return Finding(check, "failed", text, fix)


def advise(check: str, text: str, fix: str) -> Finding:
    """Advice that is right for some servers and not for others."""
    return Finding(check, "advice", text, fix)


def unavailable(check: str, text: str, fix: str) -> Finding:
    """A check that could not be made."""
    return Finding(check, "unavailable", text, fix)


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code: 1 if a check failed, else 3 if one could not be made, else 0."""
    results = {finding.result for finding in findings}
    if "failed" in results:
        return _WRONG
    return _UNAVAILABLE if "unavailable" in results else 0


def to_dicts(findings: Iterable[Finding]) -> list[dict[str, str | None]]:
    """Convert them to values that ``json.dumps`` takes."""
    return [asdict(finding) for finding in findings]


def lines(finding: Finding, style: Style) -> Iterator[str]:
    """Write one check for people."""
    yield f"  {style.mark(finding.result)} {finding.check:22} {sanitize(finding.text, _LONGEST)}"
    if finding.fix is not None:
        yield _FIX + indent(finding.fix, " " * len(_FIX)).lstrip()
