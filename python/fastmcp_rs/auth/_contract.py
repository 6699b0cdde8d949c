"""What the middleware, the log and the metrics need of a provider; ``AuthProvider`` fulfils it.

They know this alone, and the providers know them: so no two modules of this folder import each other.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from fastmcp_rs._compat import FastMCPAccessToken
    from fastmcp_rs._native import AccessToken, Decision, DecisionCounters, Dpop
    from fastmcp_rs.auth.protected_resource import ResourceURLs
    from fastmcp_rs.types import Stats

__all__ = ["Provider"]


class Provider(Protocol):
    """A provider, seen from the modules that it calls or is served by."""

    _counters: "DecisionCounters"
    # How often a good token had too few scopes for an operation, by operation.
    _operations: dict[str, int]
    # Whether an accepted token has been counted when an entry point returns it.
    _counts_accepted: bool
    # What is demanded of proofs of possession; None where none is looked at.
    _dpop: "Dpop | None"
    # Methods of FastMCP that this package never calls, so a subclass cannot override them.
    _not_asked: ClassVar[frozenset[str]]

    # Whether this package answers a refusal without a known reason; else FastMCP does.
    _answers_denied: ClassVar[bool]

    @property
    def required_scopes(self) -> Sequence[str]:
        """The scopes that every token must have."""

    @property
    def detailed_errors(self) -> bool:
        """Whether clients get the text of the log."""

    @property
    def _decides_alone(self) -> bool:
        """Whether ``_admit_at_once`` and ``_admit`` decide, and no override."""

    @property
    def _scope_hierarchy(self) -> Mapping[str, str | Sequence[str]]:
        """Scopes, and those that each implies."""

    @property
    def _step_up(self) -> bool:
        """Whether a request for an operation that its token has too few scopes for is refused."""

    @property
    def _resource_urls(self) -> "ResourceURLs | None":
        """The URLs of the resources that the provider serves, where these are audiences."""

    @property
    def _located_urls(self) -> "ResourceURLs | None":
        """The URLs of the resources by their paths, where these are known: what a proof of possession is made for."""

    async def authenticate(self, request: Any) -> "AccessToken | None":  # noqa: ANN401 - of whatever framework
        """Authenticate a request."""

    async def verify_token(self, token: str) -> Any:  # noqa: ANN401 - the installed FastMCP's access token
        """Verify a bearer token."""

    def stats(self) -> "Stats":
        """Count what was decided so far."""

    def _takes_requests(self) -> bool:
        """Whether ``authenticate`` reads more of a request than its bearer token."""

    def _admit_at_once(self, request: object) -> "FastMCPAccessToken | Decision | None":
        """Decide about a request without an entry point, as far as nothing has to be waited for.

        Returns:
            The installed FastMCP's access token, which is counted; or else what is known so far, for ``_admit``.
        """

    def _admit(self, request: object, decision: "Decision | None") -> "Awaitable[FastMCPAccessToken | Decision]":
        """Decide about a request of which ``_admit_at_once`` gave this, count the decision and log a refusal.

        Returns:
            The installed FastMCP's access token, or why there is none.
        """

    def _needs_asyncio(self) -> bool:
        """Whether waiting for a decision needs asyncio."""

    @property
    def unavailable(self) -> str:
        """What ``verify_token`` does about an unavailable decision: ``"raise"`` or ``"none"``."""

    def _retry_after(self) -> float | None:
        """The seconds until keys are fetched again, where that is known."""

    def _note_start(self) -> None:
        """Log the hints for operators when a server starts."""

    def _bind_decision(self) -> None:
        """Choose the function that decides, after the class or this instance was changed."""
