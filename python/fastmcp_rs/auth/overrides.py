"""Overrides that come after a class is made: methods that are set on the class, or on one instance.

FastMCP looks a method up at each call, so it calls a method that is set later. Here the entry points are bridged to
each other, and without an override the native code decides. So a method that is set later has to become an override
like any other: the class and its subclasses are examined again, and an instance gets a class of its own.
"""

from abc import ABCMeta
from functools import partial
from typing import TYPE_CHECKING, Any

from fastmcp_rs import _compat
from fastmcp_rs.auth.entry_points import bridge_entry_points, guarded
from fastmcp_rs.auth.telemetry import living

if TYPE_CHECKING:
    from fastmcp_rs.auth._contract import Provider

    _FastMCPsMeta = ABCMeta
else:
    _FastMCPsMeta = ABCMeta if type(_compat.TokenVerifierBase) is type else type(_compat.TokenVerifierBase)

__all__ = [
    "Overridable",
    "apply_override",
    "class_without_overrides",
    "detect_overrides",
    "guard",
    "overrides_entry_point",
    "refuse_what_is_not_asked",
]

_GUARD = "_fastmcp_rs_guard"


class Overridable(_FastMCPsMeta):
    """The metaclass of providers: a method that is set on a class later is an override, as if written in its body."""

    _overridable: frozenset[str]
    _not_asked: frozenset[str]

    def __setattr__(cls, name: str, value: object) -> None:  # noqa: N805 - a metaclass
        if name in cls._not_asked:
            raise _not_asked_error(cls, name)
        super().__setattr__(name, value)
        if name in cls._overridable:
            _changed(cls)

    def __delattr__(cls, name: str) -> None:  # noqa: N805 - as above
        super().__delattr__(name)
        if name in cls._overridable:
            _changed(cls)


class _OfOneInstance(_compat.TokenVerifierBase):
    """The first base of the class that one instance gets. The application's ``__init_subclass__`` then does not run.

    It has FastMCP's base, as providers have, since an instance changes only between classes of one layout.
    """

    def __init_subclass__(cls) -> None:
        detect_overrides(cls)


def detect_overrides(cls: Any) -> None:  # noqa: ANN401 - a class of providers
    """Find out what a class overrides.

    Raises:
        TypeError: It overrides what is not asked here.
    """
    for name in cls._not_asked:
        if any(name in vars(base) for base in cls.__mro__[: cls.__mro__.index(_compat.JWTVerifierBase)]):
            raise _not_asked_error(cls, name)
    bridge_entry_points(cls)
    cls._detect_overrides()


def apply_override(provider: "Provider", name: str) -> None:
    """Treat a method that was set or deleted on an instance as an override."""
    cls = class_without_overrides(provider)
    if name not in cls._overridable:
        return
    own = {name: value for name, value in vars(provider).items() if name in cls._overridable and not _is_guard(value)}
    if not own:
        provider.__class__ = cls
    else:
        methods = {name: _calling(value) for name, value in own.items()}
        described = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        metaclass: Any = type(cls)
        provider.__class__ = metaclass(cls.__name__, (_OfOneInstance, cls), {**described, **methods})
    if _GUARD in vars(provider):
        guard(provider)
    provider._bind_decision()


def refuse_what_is_not_asked(provider: "Provider", name: str) -> None:
    """Refuse to set a method on an instance that would not be called.

    Raises:
        AttributeError: This is such a name.
    """
    if name in type(provider)._not_asked:
        raise AttributeError(str(_not_asked_error(class_without_overrides(provider), name)))


def class_without_overrides(provider: "Provider") -> Any:  # noqa: ANN401 - a class of providers
    """The class of an instance, before anything was set on the instance itself."""
    cls = type(provider)
    return cls.__bases__[1] if cls.__bases__[0] is _OfOneInstance else cls


def overrides_entry_point(provider: object, name: str) -> bool:
    """Whether a subclass, or what was set on it or on the instance, answers under this name and not this package."""
    if name in vars(provider) and not _is_guard(vars(provider)[name]):
        return True
    module = getattr(getattr(type(provider), name, None), "__module__", None)
    return not str(module).startswith("fastmcp_rs.")


def guard(provider: "Provider") -> None:
    """Replace ``verify_token`` of an instance for FastMCP 2.12.0, which calls it and catches no exception."""
    vars(provider).update({_GUARD: True, "verify_token": partial(guarded, provider)})


def _is_guard(value: object) -> bool:
    return isinstance(value, partial) and value.func is guarded


def _calling(value: Any) -> Any:  # noqa: ANN401 - anything that can be called
    def method(_: object, *arguments: object) -> object:
        return value(*arguments)

    return method


def _changed(cls: Any) -> None:  # noqa: ANN401 - a class of providers
    _detect_overrides_below(cls)
    for provider in living():
        if isinstance(provider, cls):
            provider._bind_decision()


def _detect_overrides_below(cls: Any) -> None:  # noqa: ANN401 - as above
    detect_overrides(cls)
    for subclass in type.__subclasses__(cls):
        _detect_overrides_below(subclass)


def _not_asked_error(cls: type, name: str) -> TypeError:
    return TypeError(f"{cls.__name__} overrides {name}, which is not asked here: give the key at construction")
