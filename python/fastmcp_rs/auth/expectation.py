"""Attributes for expected claim values, which are one text or several."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from fastmcp_rs import _compat
from fastmcp_rs.auth.live_list import LiveList
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE, ResourceURLs

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.auth.protected_resource import AudienceDefault

__all__ = ["AudienceExpectation", "Expectation"]

_Texts = str | list[str] | None


class Expectation:
    """A property of a provider's: the expected text or texts; ``None`` for any. Setting it takes effect at once.

    So does changing a list that is read; the list that is given stays the caller's own. What is refused changes
    nothing.
    """

    def __init__(self, name: str | None = None) -> None:
        """Take what the native policy calls this expectation, if that is another name than the attribute's."""
        self._native_name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, provider: None, owner: type) -> "Self": ...
    @overload
    def __get__(self, provider: object, owner: type) -> _Texts: ...
    def __get__(self, provider: object, owner: type) -> "Self | _Texts":
        if provider is None:
            return self
        texts: _Texts = vars(provider)[f"_{self._name}"]
        return texts

    def __set__(self, provider: Any, texts: str | Sequence[str] | None) -> None:  # noqa: ANN401 - any provider
        if texts is not None and texts is vars(provider).get(f"_{self._name}"):
            # `+=` changes the list and then sets it: it stays the same list, which a server may hold.
            return
        take = getattr(provider._native.policy, f"set_{self._native_name or self._name}")
        if self._native_name is not None:
            take = partial(take, argument=self._name)
        take(texts)
        self._keep(provider, texts if texts is None or isinstance(texts, str) else LiveList(texts, take))

    def _keep(self, provider: Any, kept: object) -> None:  # noqa: ANN401 - any provider
        before = vars(provider).get(f"_{self._name}")
        if isinstance(before, LiveList):
            before.detach()
        vars(provider)[f"_{self._name}"] = kept


class AudienceExpectation(Expectation):
    """The expected audience, which may be the URL of the resource that a request is for."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, provider: None, owner: type) -> "Self": ...
        @overload
        def __get__(self, provider: object, owner: type) -> "_Texts | AudienceDefault": ...
        def __get__(self, provider: object, owner: type) -> "Self | _Texts | AudienceDefault": ...

    def __set__(self, provider: Any, texts: "str | Sequence[str] | AudienceDefault | ResourceURLs | None") -> None:  # noqa: ANN401 - any provider
        urls: ResourceURLs | None
        if isinstance(texts, ResourceURLs):
            # Those of the provider that asks this one.
            urls = texts
        elif texts is FROM_RESOURCE:
            urls = provider._resource_urls
        else:
            super().__set__(provider, texts)
            return
        if urls is None:
            raise ValueError(
                "audience cannot be that of a resource without metadata: give authorization_servers and "
                f"{_compat.server_url_parameter()} when the provider is made, or an audience"
            )
        # It is asked for each token, and knows no provider, which it would keep alive.
        provider._native.policy.set_audience_source(urls.audiences)
        self._keep(provider, FROM_RESOURCE)
