"""Base of the providers that ask another server about tokens (RFC 7662, or a verification service)."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from fastmcp_rs._callbacks import await_callback
from fastmcp_rs._native import Decision, EndpointAnswers, IntrospectionVerifier
from fastmcp_rs.auth.answer_options import AnswerOptions
from fastmcp_rs.auth.expectation import AudienceExpectation
from fastmcp_rs.auth.native_provider import NativeProvider
from fastmcp_rs.auth.outage_log import OutageLog
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE
from fastmcp_rs.auth.shared_calls import SharedCalls
from fastmcp_rs.auth.shared_store import SharedStore, StoredAnswer
from fastmcp_rs.types import IntrospectionStats

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.auth.explanation import Explanation

__all__ = ["IntrospectingProvider"]

# The native side has its own timeout. This one is for an answer that never comes, such as after a fork.
_SPARE_SECONDS = 5.0


class IntrospectingProvider(NativeProvider):
    """A provider that asks another server. FastMCP has a class of the same name with another purpose."""

    # FastMCP's class of that name, and the parameters that only FastMCP's class has.
    _fastmcps_class: ClassVar[str]
    _fastmcps_parameters: ClassVar[frozenset[str]]
    # Parameters of other providers, and their names in this one.
    _our_names: ClassVar[Mapping[str, str]] = {}
    # The class whose parameter names an explanation uses, if they differ from those of most classes.
    _advised_as: ClassVar[str] = ""

    audience: AudienceExpectation
    _native: IntrospectionVerifier
    _answers: EndpointAnswers
    _longest_seconds: float
    _outage_log: OutageLog
    _shared: SharedStore | None
    _shared_reads: SharedCalls[StoredAnswer]

    def __new__(cls, *_: object, **options: object) -> "Self":
        """Raise ``TypeError`` for parameters of FastMCP's class, before any other argument is looked at."""
        for name in options.keys() & cls._our_names.keys():
            raise TypeError(
                f"{cls.__name__} of fastmcp_rs has no parameter {name!r}: here it is called {cls._our_names[name]}; "
                f"FastMCP's own class of this name is {cls._fastmcps_class}"
            )
        for name in options.keys() & cls._fastmcps_parameters:
            raise TypeError(
                f"{cls.__name__} of fastmcp_rs has no parameter {name!r}: it is one of FastMCP's own class of this "
                f"name, {cls._fastmcps_class}"
            )
        return super().__new__(cls)

    def _needs_asyncio(self) -> bool:
        """Always true: each answer comes from the network."""
        return True

    async def explain(self, token: str) -> "Explanation":
        """Explain the decision about a token: each check, and what is most likely to help.

        For those who develop or operate a server; clients should learn less. The server that is asked about tokens is
        asked, whatever is remembered of the token. Nothing is logged. A subclass's ``verify_token`` or ``authenticate``
        is not asked, and the explanation says so.

        Args:
            token: The token as the client sends it.

        Returns:
            The explanation. Its outcome and code are those of ``verify_token``, unless that uses a remembered answer.
        """
        from fastmcp_rs.auth.explanation import (  # noqa: PLC0415 - a running server does not need it
            with_override_advice,
            with_resource_advice,
        )

        explanation = with_override_advice(await self._explained(token), self)
        return with_resource_advice(explanation) if self.audience is FROM_RESOURCE else explanation

    async def _explained(self, token: str) -> "Explanation":
        from fastmcp_rs.auth.explanation import (  # noqa: PLC0415 - a running server does not need it
            explanation_of,
            explanation_of_decision,
        )

        seconds = self._longest_seconds + _SPARE_SECONDS
        try:
            ask = partial(self._native.explain_later, token, reader=self._advised_as)
            return explanation_of(await await_callback(ask, seconds))
        except asyncio.TimeoutError:
            return explanation_of_decision(self._native.unanswered())

    async def invalidate(self, token: str | None = None) -> None:
        """Forget the answer about a token, such as a revoked one: the next request asks about it.

        Args:
            token: The token as the client sends it; ``None`` for every token.

        Raises:
            TypeError: It is neither a str nor ``None``.
            ConnectionError: ``cache_store`` is out of reach, so the other workers still have the answer.
        """
        self._answers.invalidate(token)
        if self._shared is not None:
            await self._shared.invalidate(token)

    def _remember(self, options: AnswerOptions, *scope: object) -> None:
        """Take the settings for answers; ``scope`` separates the endpoint's answers from those of others."""
        self._outage_log = OutageLog(type(self).__name__, options.stale_seconds)
        self._shared = options.shared(json.dumps(scope))
        self._shared_reads = SharedCalls(lambda stored: stored)
        self._bind_decision()

    def stats(self) -> IntrospectionStats:
        """Count what was decided so far.

        Returns:
            As of every provider, and ``answers``: ``None`` where answers are not remembered, else a dict of numbers.
            ``entries`` and ``bytes`` are what is remembered now. ``hits``, ``misses`` and ``stale`` count requests that
            a remembered answer served, that found none, and that one served since the endpoint was out of reach;
            ``questions`` counts those that were sent.
        """
        answers = self._answers.counts()
        if answers is not None:
            answers["store_failures"] = 0 if self._shared is None else self._shared.failures
        return {**super().stats(), "answers": answers}

    async def _decide_later(self, token: Any, request: object = None) -> Decision:  # noqa: ANN401 - a str: any other value was decided at once
        shared = self._shared
        if shared is None:
            return await self._ask(token, request)
        generation = self._answers.generation(token)
        # Callers share the answer of the store, and not a decision: each may be for another resource.
        stored = await self._shared_reads.join((generation, token), partial(shared.read, token))
        if stored is not None:
            decision = self._native.admit(token, generation, *stored)
            if not decision.is_pending:
                return decision
        decision = await self._ask(token, request)
        unsent = self._answers.take_unsent(token)
        if unsent is not None:
            await shared.write(token, *unsent)
        return decision

    def _unanswered(self) -> Decision:
        return self._native.unanswered()

    async def _ask(self, token: str, request: object) -> Decision:
        try:
            decision: Decision = await await_callback(
                partial(self._native.decide_later, token, peer=_peer(request)), self._longest_seconds + _SPARE_SECONDS
            )
        except asyncio.TimeoutError:
            return self._unanswered()
        self._outage_log.note(serves_stale=self._answers.serves_stale)
        return decision


def _peer(request: object) -> str:
    """The address of the client, for the fair queue before the endpoint; empty if it is not known."""
    scope = request if isinstance(request, Mapping) else getattr(request, "scope", None)
    client = scope.get("client") if isinstance(scope, Mapping) else None
    return client[0] if isinstance(client, (tuple, list)) and client and isinstance(client[0], str) else ""
