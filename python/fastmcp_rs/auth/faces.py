"""Two faces, one answer: a subclass that overrides one entry point answers for the others too.

A verifier is asked through ``authenticate(request)`` by the documented API and through ``verify_token(token)`` by
FastMCP. A deny-list that somebody writes in one of them must bind the other. So when a class is made, the entry points
that it does not override are replaced by bridges to the one that it does.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from fastmcp_rs import host
from fastmcp_rs._native import AccessToken, Decision, bearer_token
from fastmcp_rs.auth.reasons import failed, report
from fastmcp_rs.contexts import put_back

if TYPE_CHECKING:
    from fastmcp_rs.auth.provider import AuthProvider

__all__ = ["BearerRequest", "answer_of", "is_bridge", "join_faces"]

# The entry points, and for each the others in the order in which one stands in for it.
_STAND_INS = {
    "authenticate": ("verify_token", "load_access_token"),
    "verify_token": ("load_access_token", "authenticate"),
    "load_access_token": ("verify_token", "authenticate"),
}

_EntryPoint = Callable[[Any, Any], Awaitable[Any]]


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


def join_faces(cls: type) -> None:
    """Bridge the entry points that a class inherits to the most derived one that it, or a mixin of it, overrides."""
    depths = {
        name: next(depth for depth, base in enumerate(cls.__mro__) if name in vars(base))
        for name in _STAND_INS
        if hasattr(cls, name)
    }
    nearest = min(depths.values())
    overridden = {name: vars(cls.__mro__[nearest])[name] for name, depth in depths.items() if depth == nearest}
    for name, depth in depths.items():
        if depth > nearest:
            target = next(stand_in for stand_in in _STAND_INS[name] if stand_in in overridden)
            setattr(cls, name, _bridge(cls, name, target, overridden[target]))


async def answer_of(provider: "AuthProvider", name: str, asked: object) -> Any:  # noqa: ANN401 - either face's token
    """Ask a provider through one of its entry points.

    Returns:
        Its answer, or ``None`` where it raises or gives what is no answer; that is reported as a refusal, or, where it
        says that it cannot tell, as that.
    """
    try:
        return _checked(await getattr(type(provider), name)(provider, asked), name)
    except Exception as error:  # noqa: BLE001 - whatever an override raises, the request must not end in it
        failed(provider, error, f"{type(provider).__qualname__}.{name}")
        return None


def is_bridge(entry_point: object) -> bool:
    """Whether an entry point only leads to the one that a class overrides."""
    return getattr(entry_point, "is_bridge", False)


def _bridge(cls: type, name: str, target: str, override: _EntryPoint) -> _EntryPoint:
    async def entry_point(self: "AuthProvider", asked: Any) -> object:  # noqa: ANN401 - a request or a token
        inherited: _EntryPoint = getattr(super(cls, self), name).__func__
        if _is_inside(self, cls):
            return await inherited(self, asked)
        token = bearer_token(asked) if name == "authenticate" else asked
        if isinstance(token, Decision):
            # Without a token there is nothing to ask the override about.
            report(self, token)
            return None
        with _inside(self, cls):
            try:
                given = BearerRequest(token) if target == "authenticate" else token
                answer = _checked(await override(self, given), target)
            except Exception as error:  # noqa: BLE001 - whatever an override raises, it refuses
                decision = failed(self, error, f"{cls.__qualname__}.{target}")
                if decision.outcome == "unavailable" and name != "authenticate":
                    host.raise_unavailable(decision)
                return None
        return _translated(answer, name, target)

    entry_point.__name__ = name
    entry_point.__qualname__ = f"{cls.__qualname__}.{name}"
    entry_point.__doc__ = f"Answer as this class's ``{target}`` does."
    vars(entry_point)["is_bridge"] = True
    return entry_point


def _checked(answer: Any, target: str) -> Any:  # noqa: ANN401 - either face's token
    """Refuse what is no answer: whatever is not None would be taken for a yes."""
    right = isinstance(answer, AccessToken) if target == "authenticate" else host.is_access_token(answer)
    if answer is not None and not right:
        wanted = "fastmcp_rs.auth.AccessToken" if target == "authenticate" else "FastMCP's AccessToken"
        kind = type(answer)
        raise TypeError(f"{target} returned {kind.__module__}.{kind.__qualname__}, not {wanted} or None")
    return answer


def _translated(answer: Any, name: str, target: str) -> object:  # noqa: ANN401 - either face's token
    """Put an override's answer in the terms of the face that was asked."""
    if answer is None or (name == "authenticate") == (target == "authenticate"):
        return answer
    return host.from_host(answer) if name == "authenticate" else host.to_host(answer)


# The bridges that are being crossed: an override that asks `self` again gets the inherited answer, not itself. An entry
# is switched off when its bridge is left, since a task that was started meanwhile keeps the context.
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
        put_back(_crossed, reset)
