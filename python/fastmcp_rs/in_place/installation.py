"""``install()``, ``uninstall()`` and ``installed()``."""

import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from fastmcp_rs._native import flag
from fastmcp_rs.in_place.imports import ImportWatcher
from fastmcp_rs.in_place.seams import SEAMS, Swap, UnrecognisedError
from fastmcp_rs.in_place.step import NativeStep, logger

__all__ = ["Installation", "install", "installed", "uninstall"]

_ABSENT = object()


@dataclass(frozen=True)
class Installation:
    """What ``install()`` has come to. True while it is in effect, or will be as soon as FastMCP is imported.

    Attributes:
        state: ``"off"``; ``"waiting"`` for FastMCP's verifiers to be imported; ``"active"``; or ``"unrecognised"``,
            where the inside of the installed FastMCP is unknown and nothing was changed.
        strict: Whether tokens that FastMCP accepts and the RFCs do not are refused.
        detail: The state in words.
    """

    state: Literal["off", "waiting", "active", "unrecognised"]
    strict: bool
    detail: str

    def __bool__(self) -> bool:
        return self.state in {"waiting", "active"}

    def __str__(self) -> str:
        return self.detail


class _Installer:
    """The one installation of the process. The lock is never held while something is imported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._step = NativeStep()
        self._watcher = ImportWatcher(SEAMS, self.adopt)
        # What was swapped, by module, with what stood there before.
        self._swapped: dict[str, list[tuple[Swap, object]]] = {}
        self._unrecognised: str | None = None
        self._warned: set[str] = set()

    def install(self, *, strict: bool) -> None:
        with self._lock:
            self._step.strict = None if self._unrecognised else strict
            if self._watcher not in sys.meta_path:
                sys.meta_path.insert(0, self._watcher)
        for name in SEAMS:
            if name in sys.modules:
                # One that another thread is still importing is waited for.
                self.adopt(import_module(name))

    def uninstall(self) -> None:
        with self._lock:
            if self._watcher in sys.meta_path:
                sys.meta_path.remove(self._watcher)
            self._undo()
            self._unrecognised = None

    def adopt(self, module: ModuleType) -> None:
        """Swap the step in a module of FastMCP's that has just been imported, or is there; or none in any module."""
        news = self._swap_in(module)
        if news is not None:
            logger.warning("%s", _unrecognised(news))

    def _swap_in(self, module: ModuleType) -> str | None:
        """Swap, or undo everything and give what is not recognised, if that is news."""
        with self._lock:
            if self._step.strict is None or self._is_swapped(module.__name__):
                return None
            # The module was reloaded, or somebody has put a thing of theirs in one of the places.
            _swap_back(self._swapped.pop(module.__name__, []))
            try:
                swaps = SEAMS[module.__name__](self._step, module)
                self._swapped[module.__name__] = _swap(swaps)
            except UnrecognisedError as error:
                self._undo()
                self._unrecognised = f"{module.__name__}: {error}"
                if self._unrecognised not in self._warned:
                    self._warned.add(self._unrecognised)
                    return self._unrecognised
            return None

    def state(self) -> Installation:
        with self._lock:
            strict = bool(self._step.strict)
            if self._unrecognised is not None:
                return Installation("unrecognised", strict, _unrecognised(self._unrecognised))
            if self._step.strict is None:
                return Installation("off", strict, "install() is not in effect")
            if not self._swapped:
                return Installation("waiting", strict, "install() takes effect when FastMCP's verifiers are imported")
            return Installation("active", strict, f"native verification in {' and '.join(sorted(self._swapped))}")

    def _is_swapped(self, name: str) -> bool:
        return name in self._swapped and all(
            vars(owner).get(attribute) is ours for (owner, attribute, ours), _ in self._swapped[name]
        )

    def _undo(self) -> None:
        self._step.strict = None
        self._step.forget_keys()
        for swapped in self._swapped.values():
            _swap_back(swapped)
        self._swapped.clear()


def _swap(swaps: list[Swap]) -> list[tuple[Swap, object]]:
    before = [(swap, vars(swap[0]).get(swap[1], _ABSENT)) for swap in swaps]
    for owner, name, ours in swaps:
        setattr(owner, name, ours)
    return before


def _swap_back(swapped: list[tuple[Swap, object]]) -> None:
    for (owner, name, ours), before in reversed(swapped):
        # What somebody else has put there since is theirs.
        if vars(owner).get(name) is not ours:
            continue
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _unrecognised(what: str) -> str:
    return (
        f"install() does not recognise the inside of this FastMCP ({what}), so it has changed nothing: tokens are "
        "verified by FastMCP's own code. fastmcp_rs.auth.JWTVerifier does not depend on that inside"
    )


_installer = _Installer()


def install(*, strict: bool = True) -> None:
    """Have FastMCP's own ``JWTVerifier`` and ``JWTIssuer`` verify natively, in every provider that uses them.

    It may be called before or after FastMCP is imported and verifiers are built, from any thread, and again: the last
    call says what ``strict`` is. FastMCP is not imported by it.

    Args:
        strict: Whether to refuse the tokens that FastMCP accepts and the RFCs do not, as docs/compatibility.md lists
            them. With ``False``, the answer is FastMCP's for every token.

    Raises:
        ValueError: ``strict`` is not a bool.
    """
    _installer.install(strict=flag(strict, "strict"))


def uninstall() -> None:
    """Put everything back as it was before ``install()``."""
    _installer.uninstall()


def installed() -> Installation:
    """Tell what ``install()`` has come to.

    Returns:
        An :class:`Installation`, which is true while ``install()`` is in effect.
    """
    return _installer.state()
