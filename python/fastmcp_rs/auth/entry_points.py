"""Bridges between the entry points: a subclass that overrides one of them answers for the others too.

A verifier is asked through ``authenticate(request)`` by the documented API and through ``verify_token(token)`` by
FastMCP. A deny list that a subclass writes in one of them must bind the other. So when a class is made or changed, the
entry points that it does not override are replaced by bridges to the one that it does.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.dpop import present, presented, presenting
from fastmcp_rs.auth.fastmcp_middleware import refuse
from fastmcp_rs.auth.reporting import is_refused, report, report_exception

if TYPE_CHECKING:
    from fastmcp_rs._native import DpopRequest
    from fastmcp_rs.auth._contract import Provider

__all__ = [
    "ENTRY_POINTS",
    "BearerRequest",
    "bridge_entry_points",
    "call_entry_point",
    "guarded",
    "is_bridge",
    "token_of",
]

# For each entry point, the others, in the order in which a bridge uses them.
_OTHER_ENTRY_POINTS = {
    "authenticate": ("verify_token", "load_access_token"),
    "verify_token": ("load_access_token", "authenticate"),
    "load_access_token": ("verify_token", "authenticate"),
}

ENTRY_POINTS = frozenset(_OTHER_ENTRY_POINTS)

_EntryPoint = Callable[[Any], Awaitable[Any]]


class BearerRequest:
    """The least that ``authenticate`` needs of a request: a bearer token in its headers."""

    def __init__(self, token: str) -> None:
        self.headers = _BearerHeaders(token)


class _BearerHeaders(Mapping[str, str]):
    """One header, found under its name in any case, as in the requests of every framework."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def __getitem__(self, name: str) -> str:
        if name.lower() != "authorization":
            raise KeyError(name)
        return self._value

    def __iter__(self) -> Iterator[str]:
        return iter(("authorization",))

    def __len__(self) -> int:
        return 1


def bridge_entry_points(cls: type) -> None:
    """Replace the inherited entry points of a class by bridges to the one that it, or a mixin of it, overrides."""
    for name in _OTHER_ENTRY_POINTS:
        if is_bridge(vars(cls).get(name)):
            type.__delattr__(cls, name)
    depths = {
        name: next(depth for depth, base in enumerate(cls.__mro__) if name in vars(base))
        for name in _OTHER_ENTRY_POINTS
        if hasattr(cls, name)
    }
    nearest = min(depths.values())
    owner = cls.__mro__[nearest]
    overridden = {name for name, depth in depths.items() if depth == nearest}
    for name, depth in depths.items():
        if depth > nearest:
            target = next(other for other in _OTHER_ENTRY_POINTS[name] if other in overridden)
            # As an attribute it would count as an override.
            type.__setattr__(cls, name, _bridge(cls, name, owner, target))


async def call_entry_point(provider: "Provider", name: str, asked: object) -> Any:  # noqa: ANN401 - documented or FastMCP's
    """Call an entry point of a provider.

    Returns:
        The access token, or ``None``. An exception, and a value of another type, are reported as a refusal; an
        exception that says so, as unavailable.
    """
    return await _guarded(provider, name, getattr(provider, name), asked)


async def guarded(provider: "Provider", token: str) -> Any:  # noqa: ANN401 - FastMCP's token
    """Answer FastMCP 2.12.0, which catches no exception, and asks again after a refusal without a reason."""
    answer = await _guarded(provider, "verify_token", _bound(type(provider), "verify_token", provider), token)
    if answer is None and not is_refused():
        report(provider, Decision.denied())
    return answer


async def _guarded(provider: "Provider", name: str, entry_point: _EntryPoint, asked: object) -> Any:  # noqa: ANN401 - documented or FastMCP's
    try:
        return _checked(await entry_point(asked), name)
    except Exception as error:  # noqa: BLE001 - no exception of an override may end the request
        report_exception(provider, error, f"{type(provider).__qualname__}.{name}")
        return None


def _bound(owner: type, name: str, provider: object) -> _EntryPoint:
    """An entry point of a class, as an instance has it: what is set on a class later need be no function."""
    member: Any = inspect.getattr_static(owner, name)
    bound: _EntryPoint = member.__get__(provider, type(provider)) if hasattr(member, "__get__") else member
    return bound


def is_bridge(entry_point: object) -> bool:
    """Whether an entry point is a bridge to the one that a class overrides."""
    # A mock has every attribute.
    return getattr(entry_point, "is_bridge", False) is True


def _bridge(cls: type, name: str, owner: type, target: str) -> object:
    async def entry_point(self: "Provider", asked: Any) -> object:  # noqa: ANN401 - a request or a token
        if _is_inside(self, cls):
            return await getattr(super(cls, self), name)(asked)
        request, token = token_of(self, asked) if name == "authenticate" else (presented(), asked)
        if isinstance(token, Decision):
            # Without a token, the override is not called.
            report(self, token)
            return None
        with _inside(self, cls), presenting(request):
            try:
                given = BearerRequest(token) if target == "authenticate" else token
                answer = _checked(await _bound(owner, target, self)(given), target)
            except Exception as error:  # noqa: BLE001 - any exception of an override refuses the token
                decision = report_exception(self, error, f"{cls.__qualname__}.{target}")
                if name != "authenticate":
                    refuse(self, token, decision)
                return None
        return _translated(answer, name, target)

    entry_point.__name__ = name
    entry_point.__qualname__ = f"{cls.__qualname__}.{name}"
    entry_point.__doc__ = f"Answer as this class's ``{target}`` does."
    vars(entry_point)["is_bridge"] = True
    return entry_point


def token_of(provider: "Provider", request: object) -> "tuple[DpopRequest | None, str | Decision]":
    """What a request presents to a provider that looks at proofs, and its token, or the decision to refuse it."""
    if provider._dpop is None:
        return None, bearer_token(request)
    given = present(provider, request, trusts_forwarded=provider._dpop.trusts_forwarded)
    return (None, given) if isinstance(given, Decision) else (given, given.token)


def _checked(answer: Any, target: str) -> Any:  # noqa: ANN401 - documented or FastMCP's
    """Raise for a value of another type: anything but None would count as accepted."""
    right = isinstance(answer, AccessToken) if target == "authenticate" else _compat.is_access_token(answer)
    if answer is not None and not right:
        wanted = "fastmcp_rs.auth.AccessToken" if target == "authenticate" else "FastMCP's AccessToken"
        kind = type(answer)
        raise TypeError(f"{target} returned {kind.__module__}.{kind.__qualname__}, not {wanted} or None")
    return answer


def _translated(answer: Any, name: str, target: str) -> object:  # noqa: ANN401 - documented or FastMCP's
    """Convert an override's token to the class that the called entry point returns."""
    if answer is None or (name == "authenticate") == (target == "authenticate"):
        return answer
    return _compat.from_fastmcp(answer) if name == "authenticate" else _compat.to_fastmcp(answer)


# The bridges that run in this context: an override that calls an entry point of `self` gets the inherited one, and not
# itself again. An entry is switched off when its bridge ends, since tasks that the bridge started keep the context.
_crossed: ContextVar[tuple[tuple[object, type, list[bool]], ...]] = ContextVar("_crossed", default=())


def _is_inside(self: object, cls: type) -> bool:
    return any(one is self and which is cls and active for one, which, active in _crossed.get())


@contextmanager
def _inside(self: object, cls: type) -> Iterator[None]:
    active = [True]
    reset = _crossed.set((*_crossed.get(), (self, cls, active)))
    try:
        yield
    finally:
        active.clear()
        reset_context(_crossed, reset)
