"""Metrics through OpenTelemetry, where its API package is installed. The counters work without it.

The instruments are observable: they read the counters when a reader collects, at no cost for each token.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import WeakKeyDictionary, WeakSet

from fastmcp_rs._native import counts_of_process

if TYPE_CHECKING:
    from fastmcp_rs.auth._contract import Provider
    from fastmcp_rs.types import KeysStatus

__all__ = ["living", "observe", "observe_answers"]


class _Counted(Protocol):
    """The remembered answers of one of FastMCP's verifiers."""

    def counts(self) -> dict[str, int]: ...
    def __hash__(self) -> int: ...


_providers: "WeakSet[Provider]" = WeakSet()
# The remembered answers of FastMCP's verifiers, by the class of each.
_answers: "WeakKeyDictionary[_Counted, str]" = WeakKeyDictionary()
_instruments: list[Any] = []


def observe(provider: "Provider") -> None:
    """Include a provider in the metrics for as long as it lives; the first one makes the instruments."""
    _providers.add(provider)
    _make_once()


def observe_answers(verifier: str, answers: _Counted) -> None:
    """Include the remembered answers of a verifier of this class in the metrics, as long as they exist."""
    _answers[answers] = verifier
    _make_once()


def _make_once() -> None:
    if not _instruments and find_spec("opentelemetry") is not None and find_spec("opentelemetry.metrics") is not None:
        _instruments.extend(_make(import_module("opentelemetry.metrics")))


def living() -> "list[Provider]":
    """The providers of this process that are in use."""
    return list(_providers)


def _make(metrics: Any) -> Iterable[Any]:  # noqa: ANN401 - an optional module
    meter = metrics.get_meter("fastmcp_rs")

    def tokens(_: object) -> Iterable[Any]:
        counts = counts_of_process()
        yield metrics.Observation(counts["accepted"], {"outcome": "accepted"})
        for outcome, reasons in (("rejected", counts["rejected"]), ("unavailable", counts["unavailable"])):
            for reason, count in reasons.items():
                yield metrics.Observation(count, {"outcome": outcome, "reason": reason})

    def keys(member: Literal["age", "fetches", "failures"]) -> Any:  # noqa: ANN401 - a callback of the API's type
        def observed(_: object) -> Iterable[Any]:
            for source, held in _held().items():
                if (value := held[member]) is not None:
                    yield metrics.Observation(value, {"source": source})

        return observed

    yield meter.create_observable_counter(
        "fastmcp_rs.auth.tokens", [tokens], "{token}", "Bearer tokens by what became of them, and why."
    )
    yield meter.create_observable_gauge(
        "fastmcp_rs.auth.keys.age", [keys("age")], "s", "Time since keys were last fetched or found unchanged."
    )
    yield meter.create_observable_counter(
        "fastmcp_rs.auth.keys.fetches", [keys("fetches")], "{fetch}", "Attempts to fetch keys."
    )
    yield meter.create_observable_counter(
        "fastmcp_rs.auth.keys.failures", [keys("failures")], "{fetch}", "Attempts to fetch keys that failed."
    )
    yield from _make_of_answers(metrics, meter)


def _make_of_answers(metrics: Any, meter: Any) -> Iterable[Any]:  # noqa: ANN401 - as above
    def counts(member: str) -> Any:  # noqa: ANN401 - as above
        def observed(_: object) -> Iterable[Any]:
            for provider, answers in _remembered().items():
                yield metrics.Observation(answers[member], {"provider": provider})

        return observed

    for name, unit, text in (
        ("entries", "{answer}", "Remembered answers."),
        ("bytes", "By", "What remembered answers take in memory."),
    ):
        yield meter.create_observable_gauge(f"fastmcp_rs.auth.answers.{name}", [counts(name)], unit, text)
    for name, unit, text in (
        ("hits", "{request}", "Requests that a remembered answer served."),
        ("misses", "{request}", "Requests that found no remembered answer."),
        ("questions", "{question}", "Questions about tokens that were sent."),
        ("stale", "{request}", "Requests that an answer served only since the endpoint was out of reach."),
        ("store_failures", "{failure}", "Failures of the store that workers share."),
    ):
        yield meter.create_observable_counter(f"fastmcp_rs.auth.answers.{name}", [counts(name)], unit, text)


def _held() -> "dict[str, KeysStatus]":
    """The state of fetched keys by their source; verifiers of the same source share it."""
    counted: Iterable[Any] = (provider.stats() for provider in living())
    held: Iterable[KeysStatus | None] = (stats.get("keys") for stats in counted)
    return {keys["source"]: keys for keys in held if keys}


def _remembered() -> dict[str, dict[str, int]]:
    """The counts of remembered answers, added up for each class of providers and verifiers."""
    counted: list[tuple[str, Any]] = [(type(one).__name__, dict(one.stats()).get("answers")) for one in living()]
    counted += [(verifier, answers.counts()) for answers, verifier in list(_answers.items())]
    found: dict[str, dict[str, int]] = {}
    for name, counts in counted:
        if counts:
            before = found.get(name, {})
            found[name] = {member: count + before.get(member, 0) for member, count in counts.items()}
    return found
