"""``install()``, ``uninstall()`` and ``installed()``."""

import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from fastmcp_rs._native import flag
from fastmcp_rs.auth.answer_options import LOCAL_SECONDS, AnswerOptions
from fastmcp_rs.auth.rule_names import refuse_options
from fastmcp_rs.patch import answer_memory
from fastmcp_rs.patch.answer_memory import REMEMBERED, RememberedAnswers
from fastmcp_rs.patch.decoder import NativeDecoder, logger
from fastmcp_rs.patch.import_hook import ImportWatcher
from fastmcp_rs.patch.recognition import Swap, UnrecognisedError
from fastmcp_rs.patch.shortcuts import SHORTCUTS, Shortcuts
from fastmcp_rs.patch.targets import TARGETS

__all__ = ["Installation", "install", "installed", "invalidate", "uninstall"]

_ABSENT = object()
# The modules in which something is replaced.
_NAMES = tuple(dict.fromkeys((*TARGETS, *SHORTCUTS, *REMEMBERED)))


@dataclass(frozen=True)
class Installation:
    """The state of ``install()``. True while it is in effect, or will be as soon as FastMCP is imported.

    Attributes:
        state: ``"off"``; ``"waiting"`` for FastMCP's verifiers to be imported; ``"active"``; or ``"unrecognised"``,
            where the internals of the installed FastMCP are unknown and nothing was changed.
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
    """The one installation of the process. The lock is never held during an import."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder = NativeDecoder()
        self._shortcuts = Shortcuts()
        self.answers = RememberedAnswers()
        self._watcher = ImportWatcher(_NAMES, self.adopt)
        # The replaced attributes, by module, with their values before.
        self._swapped: dict[str, list[tuple[Swap, object]]] = {}
        self._unrecognised: str | None = None
        self._warned: set[str] = set()

    def install(self, *, strict: bool, step_up: bool, cache: AnswerOptions) -> None:
        with self._lock:
            self._shortcuts.answers.step_up = step_up
            for name in REMEMBERED:
                _swap_back(self._swapped.pop(name, []))
            if not self._unrecognised:
                self._decoder.strict = strict
                self._shortcuts.start()
                self.answers.start(cache)
            if self._watcher not in sys.meta_path:
                sys.meta_path.insert(0, self._watcher)
        for name in _NAMES:
            if sys.modules.get(name) is not None:
                # Waits for a module that another thread is importing.
                self.adopt(import_module(name))

    def uninstall(self) -> None:
        with self._lock:
            if self._watcher in sys.meta_path:
                sys.meta_path.remove(self._watcher)
            self._undo()
            self._unrecognised = None

    def adopt(self, module: ModuleType) -> None:
        """Make the replacements in an imported module of FastMCP.

        Where the verification is not recognised, all replacements are undone; where a shortcut is not, that one is left
        out.
        """
        news = self._swap_in(module)
        if news is not None:
            logger.warning("%s", news)

    def _swap_in(self, module: ModuleType) -> str | None:
        """Replace, or undo everything and return what is not recognised, unless that was logged before."""
        with self._lock:
            if self._decoder.strict is None or self._is_swapped(module.__name__):
                return None
            # The module was reloaded, or other code replaced one of the attributes.
            _swap_back(self._swapped.pop(module.__name__, []))
            try:
                self._swapped[module.__name__] = _swap(self._swaps(module))
            except UnrecognisedError as error:
                what = f"{module.__name__}: {error}"
                if module.__name__ not in TARGETS:
                    self._swapped[module.__name__] = []
                    news = f"install() leaves what it does not recognise to FastMCP ({what}), which takes longer"
                else:
                    self._undo()
                    self._unrecognised, news = what, _unrecognised(what)
                if what not in self._warned:
                    self._warned.add(what)
                    return news
            return None

    def _swaps(self, module: ModuleType) -> list[Swap]:
        name = module.__name__
        if name in TARGETS:
            return TARGETS[name](self._decoder, module)
        faster = self._shortcuts.swaps(module) if name in SHORTCUTS else []
        return [*faster, *(self.answers.swaps(module) if name in REMEMBERED else [])]

    def state(self) -> Installation:
        with self._lock:
            strict = bool(self._decoder.strict)
            if self._unrecognised is not None:
                return Installation("unrecognised", strict, _unrecognised(self._unrecognised))
            if self._decoder.strict is None:
                return Installation("off", strict, "install() is not in effect")
            native = sorted(name for name, swapped in self._swapped.items() if swapped and name in TARGETS)
            if not native:
                return Installation("waiting", strict, "install() takes effect when FastMCP's verifiers are imported")
            return Installation("active", strict, f"native verification in {' and '.join(native)}")

    def _is_swapped(self, name: str) -> bool:
        return name in self._swapped and all(
            vars(owner).get(attribute) is ours for (owner, attribute, ours), _ in self._swapped[name]
        )

    def _undo(self) -> None:
        self._decoder.strict = None
        self._decoder.forget_keys()
        self._shortcuts.stop()
        self.answers.stop()
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
        # Other code replaced it since, which stays in place.
        if vars(owner).get(name) is not ours:
            continue
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _unrecognised(what: str) -> str:
    return (
        f"install() does not recognise the internals of this FastMCP ({what}), so it has changed nothing: tokens are "
        "verified by FastMCP's own code. fastmcp_rs.auth.JWTVerifier does not depend on them"
    )


_installer = _Installer()


def install(
    *,
    strict: bool = True,
    step_up: bool = True,
    cache_ttl_seconds: float | None = None,
    max_cache_size: int | None = None,
    stale_if_error_seconds: float = 0,
    cache_store: object = None,
    cache_secret: str | bytes | None = None,
    cache_local_seconds: float = LOCAL_SECONDS,
    **options: object,
) -> None:
    """Have FastMCP's own ``JWTVerifier`` and ``JWTIssuer`` verify natively, in every provider that uses them.

    It may be called before or after FastMCP is imported and verifiers are made, from any thread, and more than once:
    the arguments are those of the last call. It does not import FastMCP.

    Args:
        strict: Whether to refuse the tokens that FastMCP accepts and the RFCs do not, as docs/compatibility.md lists
            them. With ``False``, the answer is FastMCP's for every token.
        step_up: Answer 403, with the scopes that are needed, where a token has too few for the tool, resource or prompt
            that a request asks for. ``False`` leaves it to FastMCP.
        cache_ttl_seconds: How long to remember what FastMCP's verifiers that ask over the network returned for a token,
            in seconds: at most a year, and never past the token's expiry. ``None`` or 0 asks for each request. A token
            that is revoked meanwhile is accepted until then: see ``invalidate``.
        max_cache_size: How many tokens to remember at most for each verifier, 10,000 by default; 0 for none.
        stale_if_error_seconds: How much longer one serves while the service is out of reach (RFC 5861 section 4), never
            past the token's expiry. The log says when that begins and ends.
        cache_store: A store of py-key-value-aio, such as ``RedisStore``, in which workers share answers, or a function
            that makes one for each event loop. Reading it reveals nothing, and writing to it forges nothing.
        cache_secret: What the keys of the store are made of: 32 bytes or more, the same for all workers.
        cache_local_seconds: How long a worker keeps an answer without looking into the store.
        **options: None. A rule about tokens that FastMCP's classes do not have is refused by a text that names the
            class which has it.

    Raises:
        ValueError: An argument is of another type or out of its bounds; the text says what would be right.
        TypeError: There is no such argument.
    """
    refuse_options("install", options)
    cache = AnswerOptions(
        cache_ttl_seconds, max_cache_size, stale_if_error_seconds, cache_store, cache_secret, cache_local_seconds
    )
    _installer.install(strict=flag(strict, "strict"), step_up=flag(step_up, "step_up"), cache=cache)


async def invalidate(token: str | None = None) -> None:
    """Forget what ``install()`` and ``protect()`` remember of a token: the next request asks about it.

    Args:
        token: The token that FastMCP's verifier was given; ``None`` for every token.

    Raises:
        TypeError: It is neither a str nor ``None``.
        ConnectionError: ``cache_store`` is out of reach, so the other workers still have the answer.
    """
    if token is not None and not isinstance(token, str):
        raise TypeError(f"token must be a str, or None for every token, not {type(token).__name__}")
    await answer_memory.invalidate(token)


def uninstall() -> None:
    """Undo ``install()``."""
    _installer.uninstall()


def installed() -> Installation:
    """The state of ``install()``.

    Returns:
        An ``Installation``, which is true while ``install()`` is in effect.
    """
    return _installer.state()
