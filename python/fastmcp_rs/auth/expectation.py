"""Attributes for the expected values of a claim: one text, several, or any."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from fastmcp_rs import _compat
from fastmcp_rs.auth.live_list import LiveList, is_kept, keep
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE, ResourceURLs

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastmcp_rs.auth.protected_resource import AudienceDefault

__all__ = ["AudienceExpectation", "Expectation"]

_Texts = str | list[str] | None


class Expectation:
    """The expected text or texts of a claim; ``None`` for any. Setting it takes effect at once.

    So does changing the list that it gives. A list that is set is copied. A value that is refused changes nothing.
    """

    def __init__(self, name: str | None = None) -> None:
        """Make one; ``name`` is what the native policy calls it, if that is not the name of the attribute."""
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
        if is_kept(provider, f"_{self._name}", texts):
            return
        take = getattr(provider._native.policy, f"set_{self._native_name or self._name}")
        if self._native_name is not None:
            take = partial(take, argument=self._name)
        take(texts)
        kept = texts if texts is None or isinstance(texts, str) else LiveList(texts, take)
        keep(provider, f"_{self._name}", kept)


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
            # From the provider that asks this one.
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
        # The policy calls this for each token. It does not refer to the provider, which would keep it alive.
        provider._native.policy.set_audience_source(urls.audiences)
        keep(provider, f"_{self._name}", FROM_RESOURCE)
