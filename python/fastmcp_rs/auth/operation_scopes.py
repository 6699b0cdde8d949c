"""The scopes that an operation of a FastMCP server needs, as far as they can be read from the server.

They come from ``require_scope`` on a function, and from FastMCP's ``require_scopes`` and ``restrict_tag`` on a
component or in an ``AuthMiddleware``. FastMCP checks all of them itself, after this. Reading them first only makes the
refusal one that a client can act on. If more than scopes decides, FastMCP answers.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import ScopePrecheck
from fastmcp_rs.auth.component_checks import demanded_by, is_auth_middleware, may_hide, scopes_for, underlying
from fastmcp_rs.auth.scope_inventory import ScopeInventory
from fastmcp_rs.logs import get_logger

__all__ = ["VERSION_IN_BODY", "Operation", "OperationScopes", "Requirement"]

_logger = get_logger("step_up")

# How long a request may pass by what was read of its server before. Before a refusal the server is read again.
_SECONDS = 1.0
_MOST_OPERATIONS = 1024
_LONGEST_TEXT = 256
_NONE: frozenset[str] = frozenset()
# The version of an operation that headers name: only the body has it.
VERSION_IN_BODY = ""


class Operation(NamedTuple):
    """The operation of a request: the method, the name or URI, and the version if the request names one."""

    method: str
    target: str
    version: str | None


class Requirement(NamedTuple):
    """The scopes that an operation needs.

    Attributes:
        scopes: The scopes.
        name: The component's name in this server, its URI, or the template of its URI.
        is_versioned: Whether the component may have several versions.
        servers: The servers that lead to the component: the one that gets the request, then those mounted in it.
    """

    scopes: frozenset[str]
    name: str
    is_versioned: bool
    servers: tuple[Any, ...]


class OperationScopes:
    """The scopes that the operations of one server need."""

    def __init__(self, server: Any, app: object = None, path: str | None = None) -> None:  # noqa: ANN401 - FastMCP's
        self._server = server
        self._app = app
        self._path = path
        self._inventory: ScopeInventory | None = None
        self._known_scopes: frozenset[str] = _NONE
        self._precheck = ScopePrecheck(app, path, None, (), 0.0)
        self._found: dict[Operation, Requirement] = {}
        self._has_failed = False

    def read_server(self) -> ScopePrecheck:
        """Read all scopes of the server.

        Returns:
            A check that lets requests pass as long as the server stays the same.
        """
        self._found.clear()
        all_scopes: list[str] | None = []
        try:
            inventory = self._inventory = ScopeInventory(self._server)
        except Exception as error:  # noqa: BLE001 - as in `needed`
            self._report(error)
            self._inventory = None
            self._known_scopes = _NONE
            self._precheck = ScopePrecheck(self._app, self._path, all_scopes, (), _SECONDS)
        else:
            self._known_scopes = frozenset(inventory.scopes)
            all_scopes = [*self._known_scopes] if inventory.is_complete else None
            self._precheck = ScopePrecheck(self._app, self._path, all_scopes, inventory.collections, _SECONDS)
        return self._precheck

    def known_scopes(self) -> frozenset[str]:
        """The scopes that ``read_server`` found."""
        return self._known_scopes

    async def needed(self, operation: Operation, granted: Iterable[str], sessions: Iterable[str]) -> Requirement | None:
        """Find the scopes that an operation needs.

        Args:
            operation: The operation.
            granted: The scopes of the token.
            sessions: The names under which FastMCP may keep what it hides from the client's session.

        Returns:
            The scopes. ``None`` if FastMCP is to answer: there is no such component, it is hidden, or more than scopes
            decides.
        """
        # On this transport FastMCP checks no scopes, so it finds what a token with every scope would find.
        transport = _compat.fastmcp("server.context")._current_transport
        outside = transport.set("stdio")
        # Another task may replace it meanwhile, and what is found below is not for that one.
        precheck = self._precheck
        try:
            found = self._found.get(operation)
            if found is None or self._inventory is None or not self._inventory.is_unchanged():
                found = await self._find(precheck, operation, granted)
            if found is not None:
                for server in found.servers:
                    if await _may_be_hidden(server, operation.method, sessions):
                        return None
        except Exception as error:  # noqa: BLE001 - code of the application, or of a FastMCP that has changed
            self._report(error)
            self._remember(precheck, operation, None)
            return None
        finally:
            reset_context(transport, outside)
        return found

    async def _find(self, precheck: ScopePrecheck, operation: Operation, granted: Iterable[str]) -> Requirement | None:
        found = await _resolve(self._server, operation)
        if found is not None and found.is_versioned:
            if operation.version == VERSION_IN_BODY:
                return found
            if operation.version is None:
                found = await _unless_another_version_serves(self._server, operation, found, granted)
        self._remember(precheck, operation, found)
        return found

    def _remember(self, precheck: ScopePrecheck, operation: Operation, found: Requirement | None) -> None:
        if len(operation.target) > _LONGEST_TEXT or len(operation.version or "") > _LONGEST_TEXT:
            return
        precheck.remember(*operation, [] if found is None else [*found.scopes])
        if found is not None and not found.is_versioned:
            if len(self._found) >= _MOST_OPERATIONS:
                self._found.clear()
            self._found[operation] = found

    def _report(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            kind = type(error)
            _logger.warning(
                "the scopes that an operation needs cannot be read, so FastMCP answers: %s", kind.__qualname__
            )


async def _resolve(server: Any, operation: Operation) -> Requirement | None:  # noqa: ANN401 - FastMCP's
    """Follow a request from its server into those that are mounted in it."""
    scopes: set[str] = set()
    method, target, version = operation
    called: Any = None
    servers = []
    while True:
        servers.append(server)
        async with _compat.fastmcp("server.context").Context(fastmcp=server):
            component = await _look_up(server, Operation(method, target, version))
        if component is None:
            return None
        for checks in (*(each.auth for each in server.middleware if is_auth_middleware(each)), component.auth):
            demanded = scopes_for(component, checks)
            if demanded is None:
                return None
            scopes |= demanded
        called = called or component
        running = underlying(component)
        inner = getattr(running, "_server", None)
        if inner is None:
            scopes |= demanded_by(running)
            return Requirement(frozenset(scopes), _name(called), called.version is not None, tuple(servers))
        server, target, version = inner, _inner_target(running, target), running.version or None


async def _look_up(server: Any, operation: Operation) -> Any:  # noqa: ANN401 - FastMCP's
    method, target, version = operation
    spec = _compat.fastmcp("utilities.versions").VersionSpec(eq=version) if version else None
    if method == "tools/call":
        return await server.get_tool(target, spec)
    if method == "prompts/get":
        return await server.get_prompt(target, spec)
    exists = False
    if hasattr(server, "_lookup_resource"):
        # In these versions a hidden resource also hides a template that its URI would match.
        resource, exists = await server._lookup_resource(target, spec)
    else:
        resource = await server.get_resource(target, spec)
    return resource if resource is not None or exists else await server.get_resource_template(target, spec)


async def _may_be_hidden(server: Any, method: str, sessions: Iterable[str]) -> bool:  # noqa: ANN401 - FastMCP's
    """Whether a middleware or the client's session may hide components of a server from this client."""
    if any(may_hide(middleware, method) for middleware in server.middleware):
        return True
    context, visibility = _compat.fastmcp("server.context"), _compat.fastmcp("server.transforms.visibility")
    for session in sessions:
        asking = context.Context(fastmcp=server, session=_Session(session))
        if await visibility.get_session_transforms(asking):
            return True
    return False


class _Session:
    """A session for FastMCP's look-up of the state that it keeps under a session's name."""

    def __init__(self, name: str) -> None:
        self._fastmcp_state_prefix = name


def _inner_target(component: Any, target: str) -> str:  # noqa: ANN401 - FastMCP's
    """The name or URI of a component in the mounted server that has it."""
    for attribute in ("_original_name", "_original_uri"):
        original = getattr(component, attribute, None)
        if original is not None:
            return str(original)
    template = component._original_uri_template
    parameters = component.matches(target)
    module = _compat.fastmcp("server.providers.fastmcp_provider")
    if hasattr(module, "forward_uri"):
        return str(module.forward_uri(template, parameters, target))
    return str(module.expand_uri_template(template, parameters))


def _name(component: Any) -> str:  # noqa: ANN401 - FastMCP's
    return next(str(getattr(component, name)) for name in ("uri_template", "uri", "name") if hasattr(component, name))


async def _unless_another_version_serves(
    server: Any,  # noqa: ANN401 - FastMCP's
    operation: Operation,
    found: Requirement,
    granted: Iterable[str],
) -> Requirement | None:
    """The scopes that the newest version needs; ``None`` if the token has the scopes for another version.

    From 4.2 on FastMCP serves that one, if the request names no version.
    """
    if found.scopes.issubset(granted) or not hasattr(_compat.fastmcp("server.server"), "_highest_available_version"):
        return found
    for version in await _versions(server, operation):
        other = await _resolve(server, operation._replace(version=version))
        if other is None or other.scopes.issubset(granted):
            return None
    return found


async def _versions(server: Any, operation: Operation) -> list[str]:  # noqa: ANN401 - FastMCP's
    method, target, _ = operation
    if method == "tools/call":
        same = [tool for tool in await server.list_tools(run_middleware=False) if tool.name == target]
    elif method == "prompts/get":
        same = [prompt for prompt in await server.list_prompts(run_middleware=False) if prompt.name == target]
    else:
        same = [each for each in await server.list_resources(run_middleware=False) if str(each.uri) == target]
        if not same:
            templates = await server.list_resource_templates(run_middleware=False)
            same = [template for template in templates if template.matches(target) is not None]
    return [component.version for component in same if component.version is not None]
