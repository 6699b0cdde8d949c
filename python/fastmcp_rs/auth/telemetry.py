"""Metrics through OpenTelemetry, where its API package is installed; counting itself needs nothing of it.

The instruments are observable: they read the counts when a reader collects, so that a token costs nothing more.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from fastmcp_rs._native import counts_of_process

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider

__all__ = ["observe"]

_providers: "WeakSet[AuthProvider]" = WeakSet()
_instruments: list[Any] = []


def observe(provider: "AuthProvider") -> None:
    """Let the metrics speak of a provider for as long as it lives; the first one makes the instruments."""
    _providers.add(provider)
    if not _instruments and find_spec("opentelemetry") is not None and find_spec("opentelemetry.metrics") is not None:
        _instruments.extend(_make(import_module("opentelemetry.metrics")))


def _make(metrics: Any) -> Iterable[Any]:  # noqa: ANN401 - a module that need not be installed
    meter = metrics.get_meter("fastmcp_rs")

    def tokens(_: object) -> Iterable[Any]:
        counts = counts_of_process()
        yield metrics.Observation(counts.pop("accepted"), {"outcome": "accepted"})
        for outcome, reasons in counts.items():
            for reason, count in reasons.items():
                yield metrics.Observation(count, {"outcome": outcome, "reason": reason})

    def keys(member: str) -> Any:  # noqa: ANN401 - a callback, as the API wants it
        def observed(_: object) -> Iterable[Any]:
            for source, held in _held().items():
                if held[member] is not None:
                    yield metrics.Observation(held[member], {"source": source})

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


def _held() -> dict[str, dict[str, Any]]:
    """What is held of fetched keys, by where they come from: verifiers that share them share this."""
    held = (provider.stats().get("keys") for provider in list(_providers))
    return {keys["source"]: keys for keys in held if keys}
