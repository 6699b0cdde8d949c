"""All scopes that the tools, resources and prompts of a FastMCP server name, with those of servers mounted in it."""

from collections.abc import Collection, Iterable, Mapping
from operator import is_
from typing import Any, NamedTuple

from fastmcp_rs.auth.component_checks import demanded_by, is_auth_middleware, is_fastmcps, read_checks

__all__ = ["ScopeInventory"]


class _Seen(NamedTuple):
    """What was in a collection, and the checks of each. They are kept, so that nothing new has their identity."""

    collection: Collection[Any]
    members: list[Any]
    checks: list[Any]

    def is_unchanged(self) -> bool:
        members = _members(self.collection)
        return (
            len(members) == len(self.members)
            and all(map(is_, members, self.members))
            and all(map(is_, map(_checks, members), self.checks))
        )


class ScopeInventory:
    """What was found when a server was gone through.

    Attributes:
        scopes: The scopes.
        is_complete: Whether there can be no others: providers and transforms of an application's own may bring some.
        collections: What of the server grows when something is added to it.
    """

    scopes: set[str]
    is_complete: bool
    collections: list[Collection[Any]]

    def __init__(self, server: Any) -> None:  # noqa: ANN401 - FastMCP's
        self.scopes = set()
        self.is_complete = True
        self.collections = []
        self._servers: set[int] = set()
        self._add_server(server)
        self._seen = [_Seen(each, _members(each), [*map(_checks, _members(each))]) for each in self.collections]

    def is_unchanged(self) -> bool:
        """Whether the server has the same components, checks and middleware still, as far as that can be seen."""
        return self.is_complete and all(seen.is_unchanged() for seen in self._seen)

    def _add_server(self, server: Any) -> None:  # noqa: ANN401 - FastMCP's
        if id(server) in self._servers:
            return
        self._servers.add(id(server))
        self.collections += (server.middleware, server.providers)
        for middleware in server.middleware:
            if is_auth_middleware(middleware):
                self._add_checks(middleware.auth)
        if hasattr(server, "_injected_tools"):
            self._add_components(server._injected_tools())
        self._add_transforms(server)
        for provider in server.providers:
            self._add_provider(provider)

    def _add_provider(self, provider: Any) -> None:  # noqa: ANN401 - FastMCP's, or an application's own
        if not is_fastmcps(type(provider)):
            self.is_complete = False
            return
        self._add_transforms(provider)
        members = vars(provider)
        components = members.get("_components")
        if components is not None:
            self.collections.append(components)
            self._add_components(components.values())
        for inner in (members.get("_inner"), *members.get("providers", ())):
            if inner is not None:
                self._add_provider(inner)
        if members.get("server") is not None:
            self._add_server(members["server"])

    def _add_transforms(self, transformed: Any) -> None:  # noqa: ANN401 - a server or a provider
        transforms = transformed._transforms
        self.collections.append(transforms)
        self.is_complete &= all(is_fastmcps(type(transform)) for transform in transforms)

    def _add_components(self, components: Iterable[Any]) -> None:
        for component in components:
            self._add_checks(component.auth)
            self.scopes |= demanded_by(component)

    def _add_checks(self, checks: Any) -> None:  # noqa: ANN401 - FastMCP's
        for check in read_checks(checks):
            if check is not None:
                self.scopes |= check.scopes


def _members(collection: Collection[Any]) -> list[Any]:
    return [*(collection.values() if isinstance(collection, Mapping) else collection)]


def _checks(member: Any) -> Any:  # noqa: ANN401 - a component, a middleware or whatever else FastMCP holds
    return getattr(member, "auth", None)
