"""Remembers what FastMCP's network verifiers returned for a token.

What is remembered is the access token that such a verifier returned for the token that it was given, so providers that
refresh, exchange or qualify tokens still run for each request.
"""

# The objects of FastMCP have no types unless it is installed.
# ruff: noqa: ANN401

import copy
import functools
import inspect
import json
import sys
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import AnswerMemory, AnswerQuestion
from fastmcp_rs.auth.answer_options import AnswerOptions
from fastmcp_rs.auth.outage_log import OutageLog
from fastmcp_rs.auth.shared_calls import SharedCalls
from fastmcp_rs.auth.telemetry import observe_answers
from fastmcp_rs.patch.answer_scope import scope_of, scope_of_own_class
from fastmcp_rs.patch.observed_http import HttpTrace, observing, observing_send
from fastmcp_rs.patch.recognition import Swap, expect, takes

__all__ = [
    "REMEMBERED",
    "RememberedAnswers",
    "VerifierAnswers",
    "invalidate",
    "is_asked_over_the_network",
    "remember_on",
]

_PROVIDERS = "fastmcp.server.auth.providers"
# The verifiers that ask over the network for each token. Not every FastMCP has all of them.
_VERIFIERS = {
    "azure": "AzureTokenVerifier",
    "clerk": "ClerkTokenVerifier",
    "discord": "DiscordTokenVerifier",
    "github": "GitHubTokenVerifier",
    "google": "GoogleTokenVerifier",
    "huggingface": "HuggingFaceTokenVerifier",
    "introspection": "IntrospectionTokenVerifier",
    "workos": "WorkOSTokenVerifier",
}

# Whether a provider's own route is running, such as the one that revokes a token: it must not get remembered answers.
_in_own_route: ContextVar[bool] = ContextVar("_in_own_route", default=False)

_Ask = Callable[[], Awaitable[Any]]


class VerifierAnswers:
    """The answers of one verifier while its attributes were these.

    Attributes:
        attributes: The attributes, with copies of what can be changed in place.
        verifier: A weak reference to the verifier.
    """

    def __init__(
        self, verifier: Any, gone: Callable[[Any], object], options: AnswerOptions, own_scope: str | None = None
    ) -> None:
        """Take a verifier.

        Args:
            verifier: The verifier.
            gone: Called when there is no verifier any more.
            options: How its answers are remembered.
            own_scope: What tells a verifier of a user's class apart from others of that class; ``None`` of FastMCP's,
                which ask by HTTP alone. Of any other, a change of ``required_scopes`` alone is noticed.
        """
        self._is_fastmcps = own_scope is None
        self.attributes = {name: _snapshot(value) for name, value in self._watched(verifier).items()}
        self.verifier = weakref.ref(verifier, gone)
        self.memory = AnswerMemory(options.native, _compat.FastMCPAccessToken, _compat.model_setters())
        self.get: Callable[[str], Any] = self.memory.get
        self._calls: SharedCalls[Any] = SharedCalls(self._duplicate)
        self._log = OutageLog(type(verifier).__name__, options.stale_seconds)
        self.shared = options.shared(scope_of(type(verifier), self.attributes) + (own_scope or ""))
        observe_answers(type(verifier).__name__, self)

    async def ask(self, token: str, ask: _Ask) -> Any:
        """Ask about a token, unless that question is on its way, and remember the answer if it is one."""
        question = self.memory.question(token)
        if question is None:
            return await ask()
        return await self._calls.join(
            (question.generation, token), functools.partial(self._answer, question, token, ask)
        )

    async def _answer(self, question: AnswerQuestion, token: str, ask: _Ask) -> Any:
        found = self.memory.answered_meanwhile(question, token)
        if found is not None:
            return found
        stored = None if self.shared is None else await self.shared.read(token)
        found = None if stored is None else self._restored(question, token, *stored)
        if found is not None:
            return found
        self.memory.asked()
        try:
            with observing() as trace:
                answer = await ask()
        except Exception as error:
            unavailable = _compat.unavailable_error()
            if trace.is_outage or (unavailable is not None and isinstance(error, unavailable)):
                old = self._old(question, token)
                if old is not None:
                    return old
            raise
        if answer is None and trace.is_outage:
            return self._old(question, token)
        if trace.answered and not trace.is_outage:
            self.memory.within_reach()
            self._log.note(serves_stale=False)
        # If no request was sent, the answer is from FastMCP's own cache, and has an age.
        if answer is not None and self._may_be_remembered(trace) and self.is_of(self.verifier()):
            self.memory.insert(question, answer)
            await self._tell(question, token, answer)
        elif answer is None:
            self.memory.forget(question)
        return answer

    async def _tell(self, question: AnswerQuestion, token: str, answer: Any) -> None:
        """Write the answer to the shared store, if JSON can hold the whole access token."""
        if self.shared is None or type(answer) is not _compat.FastMCPAccessToken:
            return
        fields = {name: value for name, value in vars(answer).items() if name != "token"}
        content = [fields, sorted(answer.model_fields_set)]
        try:
            body = json.dumps(content)
        except (TypeError, ValueError):
            return
        if _is_same(json.loads(body), content):
            await self.shared.write(token, body.encode(), *self.memory.times(question))

    def _restored(self, question: AnswerQuestion, token: str, body: bytes, age: float, lifetime: float) -> Any:
        """The access token of another worker, if it serves now."""
        model: Any = _compat.FastMCPAccessToken
        fields, fields_set = json.loads(body)
        if {*fields, "token"} != model.model_fields.keys():
            # Another version of FastMCP wrote it.
            return None
        answer = model.model_construct({*fields_set}, token=token, **fields)
        return answer if self.memory.insert(question, answer, age, lifetime) else None

    def _duplicate(self, answer: Any) -> Any:
        token = getattr(answer, "token", None)
        return self.memory.copy(answer, token) if isinstance(token, str) else copy.deepcopy(answer)

    def counts(self) -> dict[str, int]:
        """Count what is remembered, and how it was used."""
        failures = 0 if self.shared is None else self.shared.failures
        return {**self.memory.counts(), "store_failures": failures}

    def _may_be_remembered(self, trace: HttpTrace) -> bool:
        return trace.is_good and (trace.answered > 0 or not self._is_fastmcps)

    def _watched(self, verifier: Any) -> dict[str, Any]:
        return vars(verifier) if self._is_fastmcps else {"scopes": getattr(verifier, "required_scopes", None)}

    def is_of(self, verifier: Any) -> bool:
        """Whether this verifier returned it, and none of its attributes has changed since."""
        try:
            return self.verifier() is verifier and self.attributes == self._watched(verifier)
        except Exception:  # noqa: BLE001 - what cannot be compared may have changed
            return False

    def _old(self, question: AnswerQuestion, token: str) -> Any:
        old = self.memory.out_of_reach(question, token)
        if old is not None:
            self._log.note(serves_stale=True)
        return old


_memories: "weakref.WeakSet[RememberedAnswers]" = weakref.WeakSet()


async def invalidate(token: str | None) -> None:
    """Forget a token, or all, wherever an access token of FastMCP's is remembered."""
    for memory in list(_memories):
        await memory.invalidate(token)


class RememberedAnswers:
    """The memory of all network verifiers of FastMCP's in this process."""

    def __init__(self, own_scope: str | None = None) -> None:
        self._own_scope = own_scope
        self._options: AnswerOptions | None = None
        _memories.add(self)
        self._answers: dict[int, VerifierAnswers] = {}

    @property
    def is_on(self) -> bool:
        """Whether answers are remembered."""
        return self._options is not None

    def start(self, options: AnswerOptions) -> None:
        """Remember from now on, with nothing from before; or do not, if the options say so."""
        self.stop()
        self._options = options if options.native.is_on else None

    def stop(self) -> None:
        """Stop remembering."""
        self._options = None
        self._answers = {}

    def swaps(self, module: ModuleType | Any) -> list[Swap]:
        """List what to replace in a module, if answers are remembered.

        Raises:
            UnrecognisedError: The module is not as expected.
        """
        if self._options is None:
            return []
        return REMEMBERED[module.__name__](self, module)

    def of(self, verifier: Any) -> VerifierAnswers | None:
        """What this verifier returned; ``None`` where nothing is remembered."""
        answers, place = self._answers, id(verifier)
        found = answers.get(place)
        if found is not None and found.is_of(verifier):
            return found
        options = self._options
        if options is None:
            return None

        def forget(reference: Any) -> None:
            if place in answers and answers[place].verifier is reference:
                del answers[place]

        made = VerifierAnswers(verifier, forget, options, self._own_scope)
        if found is not None and answers.get(place) is found:
            answers.pop(place, None)
        # If two threads come here at once, the later one uses the object of the other.
        current = answers.setdefault(place, made)
        return current if current.is_of(verifier) else made

    async def invalidate(self, token: str | None) -> None:
        """Forget a token, or all, whichever verifier was asked about it."""
        known = list(self._answers.values())
        for answers in known:
            answers.memory.invalidate(token)
        for shared in {id(answers.shared): answers.shared for answers in known}.values():
            if shared is not None:
                await shared.invalidate(token)


def _is_same(one: Any, other: Any) -> bool:
    """Whether values are equal and of the same types, all the way down."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return list(one) == list(other) and all(_is_same(one[name], other[name]) for name in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def _snapshot(value: Any) -> Any:
    """A value that stays as it is when the given one is changed in place."""
    if type(value) in (list, set):
        return value.copy() if type(value) is set else [_snapshot(item) for item in value]
    return {name: _snapshot(item) for name, item in value.items()} if type(value) is dict else value


def is_asked_over_the_network(verifier: Any, *, holds_others: bool) -> bool:
    """Whether this is one of FastMCP's verifiers that ask over the network, or of a class derived from one."""
    if _is_fastmcps(verifier):
        return True
    module = type(verifier).__module__
    return (
        not hasattr(verifier, "_counters")
        and not holds_others
        and module.partition(".")[0] not in {"fastmcp", "fastmcp_rs", "mcp"}
    )


def _is_fastmcps(verifier: Any) -> bool:
    package, _, module = type(verifier).__module__.rpartition(".")
    return package == _PROVIDERS and _VERIFIERS.get(module) == type(verifier).__name__


def remember_on(verifier: Any, options: AnswerOptions) -> Callable[[Any], Awaitable[Any]]:
    """Make the ``verify_token`` of one verifier that remembers."""
    own: Any = vars(verifier).get("verify_token")
    own = getattr(own, "remembers", own)
    memory = RememberedAnswers(None if _is_fastmcps(verifier) else scope_of_own_class(verifier))
    memory.start(options)
    for name, swaps in (("httpx", _http), ("httpx2", _http), ("mcp.server.auth.handlers.revoke", _revocation)):
        module = sys.modules.get(name)
        for owner, attribute, ours in [] if module is None else swaps(memory, module):
            setattr(owner, attribute, ours)

    async def verify_token(token: Any) -> Any:
        ask: Any = functools.partial(type(verifier).verify_token, verifier) if own is None else own
        answers = memory.of(verifier) if isinstance(token, str) and not _in_own_route.get() else None
        if answers is None:
            return await ask(token)
        found = answers.get(token)
        return await answers.ask(token, functools.partial(ask, token)) if found is None else found

    vars(verify_token)["remembers"] = own
    return verify_token


def _verifier(name: str, remembered: RememberedAnswers, module: Any) -> list[Swap]:
    cls = getattr(module, name, None)
    if cls is None:
        # Another line has it.
        return []
    original = vars(cls).get("verify_token")
    expect(inspect.iscoroutinefunction(original) and takes(original, "self", "token"), f"{name} verifies differently")
    ask: Any = original

    @functools.wraps(ask)
    async def verify_token(self: Any, token: Any) -> Any:
        # A subclass may answer differently about the same token.
        if type(self) is not cls or not isinstance(token, str) or _in_own_route.get():
            return await ask(self, token)
        answers = remembered.of(self)
        if answers is None:
            return await ask(self, token)
        found = answers.get(token)
        if found is not None:
            return found
        return await answers.ask(token, functools.partial(ask, self, token))

    return [(cls, "verify_token", verify_token)]


def _http(_remembered: RememberedAnswers, module: Any) -> list[Swap]:
    client = module.AsyncClient
    expect(inspect.iscoroutinefunction(vars(client).get("send")), f"{module.__name__}'s AsyncClient sends differently")
    if hasattr(client.send, "observes"):
        return []
    return [(client, "send", observing_send(client.send))]


def _revocation(_remembered: RememberedAnswers, module: Any) -> list[Swap]:
    handler = module.RevocationHandler
    handle: Any = vars(handler).get("handle")
    if hasattr(handle, "observes"):
        return []
    expect(inspect.iscoroutinefunction(handle), "RevocationHandler handles requests differently")

    @functools.wraps(handle)
    async def handled(*args: Any, **options: Any) -> Any:
        reset = _in_own_route.set(True)
        try:
            return await handle(*args, **options)
        finally:
            reset_context(_in_own_route, reset)

    vars(handled)["observes"] = True
    return [(handler, "handle", handled)]


# The modules in which something is replaced, and what.
REMEMBERED: dict[str, Callable[[RememberedAnswers, ModuleType], list[Swap]]] = {
    "httpx": _http,
    "httpx2": _http,
    "mcp.server.auth.handlers.revoke": _revocation,
    **{f"{_PROVIDERS}.{module}": functools.partial(_verifier, name) for module, name in _VERIFIERS.items()},
}
