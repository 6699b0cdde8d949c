"""Reads the checks that FastMCP makes before a tool, a resource or a prompt is used, without running them.

FastMCP's ``require_scopes`` and ``restrict_tag`` can be read. A check that is a function of the application's own
cannot.
"""

from collections.abc import Iterator
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from fastmcp_rs import _compat
from fastmcp_rs.auth.demanded_scopes import demanded_scopes

__all__ = [
    "ScopeCheck",
    "demanded_by",
    "is_auth_middleware",
    "is_fastmcps",
    "may_hide",
    "read_checks",
    "scopes_for",
    "underlying",
]

# The hooks of FastMCP's middleware that can hide a component.
_LISTING = {
    "tools/call": ("on_list_tools",),
    "resources/read": ("on_list_resources", "on_list_resource_templates"),
    "prompts/get": ("on_list_prompts",),
}


class ScopeCheck(NamedTuple):
    """A check by FastMCP that demands scopes for every component, or for those with a tag."""

    scopes: frozenset[str]
    tag: str | None


def read_checks(checks: Any) -> Iterator[ScopeCheck | None]:  # noqa: ANN401 - FastMCP's
    """Read the ``auth`` of a component or of an ``AuthMiddleware``; ``None`` stands for a check that cannot be read."""
    if checks is None:
        return
    for check in checks if isinstance(checks, list) else [checks]:
        yield _read(check)


def scopes_for(component: Any, checks: Any) -> frozenset[str] | None:  # noqa: ANN401 - FastMCP's
    """The scopes that checks demand for a component; ``None`` if more than scopes decides."""
    scopes: set[str] = set()
    for check in read_checks(checks):
        if check is None:
            return None
        if check.tag is None or check.tag in component.tags:
            scopes |= check.scopes
    return frozenset(scopes)


def is_auth_middleware(middleware: object) -> bool:
    """Whether this is FastMCP's own ``AuthMiddleware``; a class derived from it may decide otherwise."""
    return type(middleware) is _compat.fastmcp("server.middleware").AuthMiddleware


def may_hide(middleware: object, method: str) -> bool:
    """Whether a middleware of the application's own may hide what a method asks for."""
    cls, base = type(middleware), _compat.fastmcp("server.middleware").Middleware
    return not is_fastmcps(cls) and any(getattr(cls, hook) is not getattr(base, hook) for hook in _LISTING[method])


def is_fastmcps(cls: type) -> bool:
    """Whether a class is FastMCP's own."""
    return cls.__module__.partition(".")[0] == "fastmcp"


def underlying(component: Any) -> Any:  # noqa: ANN401 - FastMCP's
    """The component that runs: for a tool that only renames or describes another one, the other tool."""
    while (beneath := getattr(component, "parent_tool", None)) is not None and component.fn is component.forwarding_fn:
        component = beneath
    return component


def demanded_by(component: Any) -> frozenset[str]:  # noqa: ANN401 - FastMCP's
    """The scopes that ``require_scope`` demands for what runs."""
    return demanded_scopes(getattr(underlying(component), "fn", None))


def _read(check: Any) -> ScopeCheck | None:  # noqa: ANN401 - anything that can be called
    for sample in _samples():
        if isinstance(sample, FunctionType):
            # Up to 3.4 FastMCP's checks are closures: one with the same code has the same variables.
            if isinstance(check, FunctionType) and check.__code__ is sample.__code__:
                cells = (cell.cell_contents for cell in check.__closure__ or ())
                variables = dict(zip(check.__code__.co_freevars, cells, strict=True))
                return ScopeCheck(frozenset(variables["required"]), variables.get("tag"))
        elif type(check) is type(sample):
            return ScopeCheck(frozenset(check.required_scopes), getattr(check, "tag", None))
    return None


@cache
def _samples() -> tuple[Any, Any]:
    auth = _compat.fastmcp("server.auth")
    return auth.require_scopes("sample"), auth.restrict_tag("sample", scopes=["sample"])
