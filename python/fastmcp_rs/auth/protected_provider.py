"""Adapts a provider of FastMCP, or of another library, to the middleware."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MethodType
from typing import Any, ClassVar

from fastmcp_rs import _compat
from fastmcp_rs._native import AccessToken, Decision, DecisionCounters, Dpop
from fastmcp_rs.auth import fastmcp_verifier
from fastmcp_rs.auth.dpop import refusal
from fastmcp_rs.auth.out_of_reach import is_out_of_reach
from fastmcp_rs.auth.protected_resource import ResourceURLs
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.auth.remote_keys import soonest_fetch
from fastmcp_rs.auth.reporting import report, report_exception, says_unavailable
from fastmcp_rs.auth.telemetry import observe
from fastmcp_rs.types import OperationStats, Stats

__all__ = ["ProtectedProvider", "inside"]


class ProtectedProvider:
    """Asks a provider about bearer tokens, and finds the reason of a refusal, if the provider shows one."""

    _not_asked: ClassVar[frozenset[str]] = frozenset()
    # FastMCP answers a refusal without a known reason.
    _answers_denied: ClassVar[bool] = False
    detailed_errors = False
    unavailable = "none"
    # A native verifier counts the tokens that it accepts.
    _counts_accepted = True

    def __init__(self, provider: Any, *, step_up: bool = True, dpop: Dpop | None = None) -> None:  # noqa: ANN401 - of FastMCP's base class
        self.provider = provider
        self._delegation = _compat.delegation_of(provider)
        # The method that was set on the instance, if it had to be replaced.
        self.replaced_verify_token: Callable[[str], Awaitable[Any]] | None = None
        self._urls = ResourceURLs()
        # The URLs for a verifier inside that uses them as its audience.
        self._resource_urls: ResourceURLs | None = None
        self._counters = DecisionCounters()
        # The settings of a native verifier inside that checks proofs of possession.
        self._dpop = dpop or next((ours._dpop for ours in self._ours() if ours._dpop is not None), None)
        # The settings of `protect()`, also for tokens of other verifiers.
        self._demanded = dpop
        self._operations: dict[str, int] = {}
        # It is off if any native verifier inside has it off.
        self._step_up = step_up and all(own._step_up for own in self._ours())
        observe(self)

    @property
    def _decides_alone(self) -> bool:
        """Whether the provider only asks a native verifier, which then decides alone."""
        provider = self.provider
        # A method that is set later, on the class or on the instance, is called.
        if (
            self._delegation is None
            or type(provider).verify_token is not self._delegation
            or "verify_token" in provider.__dict__
        ):
            return False
        # Only native verifiers have it; a mock has everything.
        return getattr(provider.token_verifier, "_decides_alone", None) is True

    @property
    def _scope_hierarchy(self) -> Mapping[str, str | Sequence[str]]:
        return {scope: implied for own in self._ours() for scope, implied in own._scope_hierarchy.items()}

    @property
    def scopes_supported(self) -> Sequence[str]:
        """The scopes that the provider's metadata names, where FastMCP has such."""
        return list(getattr(self.provider, "scopes_supported", None) or ())

    def get_challenge_scopes(self, scopes: list[str]) -> list[str]:
        """Scopes by the names of the provider's authorization server."""
        return _compat.challenge_scopes(self.provider, scopes)

    @property
    def required_scopes(self) -> Sequence[str]:
        """The scopes that the provider demands, or, if it demands none itself, those of the verifiers inside."""
        demanded = [getattr(provider, "required_scopes", None) or () for provider in inside(self.provider)]
        return list(demanded[0] or dict.fromkeys(scope for scopes in demanded for scope in scopes))

    async def authenticate(self, _: Any) -> AccessToken | None:  # noqa: ANN401 - no request is given
        """Raise: FastMCP's providers are asked about tokens."""
        raise NotImplementedError

    async def verify_token(self, token: str) -> Any:  # noqa: ANN401 - the installed FastMCP's access token
        """Ask the provider about a bearer token.

        Returns:
            Its answer, or ``None``: no exception of the provider's ends the request.
        """
        with fastmcp_verifier.find_reasons() as reasons:
            try:
                answer = await self._own_verify_token()(token)
            except Exception as error:  # noqa: BLE001 - one that says nothing of reach is a refusal, and is logged
                where = f"{type(self.provider).__qualname__}.verify_token"
                out_of_reach = says_unavailable(error) or is_out_of_reach(error)
                report_exception(self, error, where, is_out_of_reach=out_of_reach)
                return None
        if answer is None:
            if reasons:
                report(self, max(reasons, key=lambda reason: reason.progress))
            return None
        refused = None if self._demanded is None else refusal(self._demanded, token, getattr(answer, "claims", None))
        if refused is not None:
            report(self, refused)
            return None
        if not _compat.is_made_here(answer):
            self._counters.count_accepted()
        return answer

    @property
    def _located_urls(self) -> ResourceURLs:
        return self._urls

    def stats(self) -> Stats:
        """Count what was decided so far, here and by the native verifiers inside.

        Returns:
            ``accepted``, a number; ``rejected`` and ``unavailable``, each a dict of numbers by reason code.
        """
        total = self._counters.counts()
        for provider in self._ours():
            counted = provider.stats()
            total["accepted"] += counted["accepted"]
            _add(total["rejected"], counted["rejected"])
            _add(total["unavailable"], counted["unavailable"])
        if not self._operations:
            return total
        with_operations: OperationStats = {**total, "operations": dict(self._operations)}
        return with_operations

    def _retry_after(self) -> float | None:
        """The seconds until a verifier inside fetches keys again."""
        waits = [provider._retry_after() for provider in self._ours()]
        waits += [fastmcp_verifier.retry_after(provider) for provider in inside(self.provider)]
        return soonest_fetch(waits)

    def _needs_asyncio(self) -> bool:
        """Whether a native verifier inside needs it."""
        return any(provider._needs_asyncio() for provider in self._ours())

    def _note_start(self) -> None:
        """Log the hints of the native verifiers inside."""
        for provider in self._ours():
            provider._note_start()

    def note_path(self, path: str | None) -> None:
        """Note the path of a resource, and forward it to the native verifiers inside, since FastMCP may not do so."""
        url = _compat.resource_url(self.provider, path)
        self._urls.note(path, url)
        for provider in self._ours():
            if provider._resource_urls is not None:
                provider._resource_urls.note(path, url)
                self._resource_urls = self._urls

    def _bind_decision(self) -> None:
        """Nothing is overridden here."""

    def _own_verify_token(self) -> Callable[[str], Awaitable[Any]]:
        """The provider's own answer, also if its method had to be replaced or was set later."""
        found: Callable[[str], Awaitable[Any]] = self.provider.verify_token
        if found == self.verify_token:
            cls: Any = type(self.provider)
            found = self.replaced_verify_token or MethodType(cls.verify_token, self.provider)
        return found

    def _takes_requests(self) -> bool:
        return False

    def _admit_at_once(self, request: object) -> Any:  # noqa: ANN401 - the installed FastMCP's access token, or a decision
        return self.provider.token_verifier._admit_at_once(request)

    def _admit(self, request: object, decision: Decision | None) -> Awaitable[Any]:
        admitted: Awaitable[Any] = self.provider.token_verifier._admit(request, decision)
        return admitted

    def _ours(self) -> Iterator[AuthProvider]:
        return (provider for provider in inside(self.provider) if isinstance(provider, AuthProvider))


def _add(total: dict[str, int], counted: dict[str, int]) -> None:
    for reason, count in counted.items():
        total[reason] = total.get(reason, 0) + count


def inside(provider: object) -> Iterator[Any]:
    """A provider, and all providers inside it. Only attributes of instances are read, so that no property runs."""
    pending, seen = [provider], set[int]()
    while pending:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, (list, tuple)):
            pending.extend(found)
        elif isinstance(found, dict):
            pending.extend(found.values())
        elif isinstance(found, _compat.AuthProviderBase):
            yield found
            pending.extend(value for value in vars(found).values() if isinstance(value, _HOLDERS))


_HOLDERS = (list, tuple, dict, _compat.AuthProviderBase)
