"""Finds out afterwards why FastMCP's own ``JWTVerifier`` refused a token, since it gives no reason.

It does so for that class alone, since a subclass may refuse for reasons of its own. No decision depends on this, and
nothing is fetched for it.
"""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import Decision, JwtVerifier

__all__ = ["find_reasons", "retry_after", "stop_watching", "watch_verifier"]

# The reasons that were found for the current request; None if they are not needed.
_found: ContextVar[list[Decision] | None] = ContextVar("_found", default=None)
# Whether a fetch of keys failed for the current token.
_failed: ContextVar[list[bool] | None] = ContextVar("_failed", default=None)

# The native verifiers of each of FastMCP's, by its configuration, and their keys.
_natives: "WeakKeyDictionary[Any, dict[tuple[object, ...], tuple[object, JwtVerifier]]]" = WeakKeyDictionary()
# How many are kept for one of FastMCP's: it has few keys at a time.
_MOST_NATIVES = 8

# The callers that watch FastMCP's class, and the methods that are replaced in it.
_watchers: set[str] = set()
_lock = threading.Lock()


@contextmanager
def find_reasons() -> Iterator[list[Decision]]:
    """Collect the reasons for which FastMCP's verifiers refuse tokens inside this context."""
    found: list[Decision] = []
    outer = _found.set(found)
    try:
        yield found
    finally:
        reset_context(_found, outer)


def watch_verifier(watcher: str) -> None:
    """Notice what FastMCP's class refuses, while there is such a watcher. What it answers stays what it was."""
    cls: Any = _compat.JWTVerifierBase
    with _lock:
        _watchers.add(watcher)
        for name, watching in (("load_access_token", _watched_load), ("_get_jwks_key", _watched_fetch)):
            original = vars(cls).get(name)
            if original is not None and not hasattr(original, "watches"):
                setattr(cls, name, watching(cls, original))


def stop_watching(watcher: str) -> None:
    """Leave FastMCP's class as it was, unless another watcher wants it."""
    cls: Any = _compat.JWTVerifierBase
    with _lock:
        _watchers.discard(watcher)
        if _watchers:
            return
        for name in ("load_access_token", "_get_jwks_key"):
            original = getattr(vars(cls).get(name), "watches", None)
            if original is not None:
                setattr(cls, name, original)


def retry_after(verifier: Any) -> float | None:  # noqa: ANN401 - a verifier of FastMCP's
    """The seconds until FastMCP's verifier fetches again after a failure, where it waits (from 3.0 on)."""
    if not _waits_after_a_failure(verifier):
        return None
    wait: float = verifier._jwks_last_refresh_attempt + verifier._jwks_refresh_interval - time.monotonic()
    return max(0.0, wait)


def _watched_load(cls: type, original: Any) -> Any:  # noqa: ANN401 - a method of FastMCP's
    @functools.wraps(original)
    async def load_access_token(self: Any, token: str) -> object:  # noqa: ANN401 - FastMCP's own
        found = _found.get()
        if found is None or type(self) is not cls:
            return await original(self, token)
        failed: list[bool] = []
        outer = _failed.set(failed)
        try:
            answer = await original(self, token)
        finally:
            reset_context(_failed, outer)
        if answer is None:
            reason = Decision.keys_unavailable() if failed else _reason(self, token)
            if reason is not None:
                found.append(reason)
        return answer

    vars(load_access_token)["watches"] = original
    return load_access_token


def _watched_fetch(_: type, original: Any) -> Any:  # noqa: ANN401 - a method of FastMCP's
    @functools.wraps(original)
    async def _get_jwks_key(self: Any, kid: str | None) -> object:  # noqa: ANN401 - FastMCP's own
        try:
            return await original(self, kid)
        except Exception as error:
            failed = _failed.get()
            if failed is not None and (_is_of_a_fetch(error) or _waits_after_a_failure(self)):
                failed.append(True)
            raise

    vars(_get_jwks_key)["watches"] = original
    return _get_jwks_key


def _is_of_a_fetch(error: BaseException | None) -> bool:
    """Whether an exception tells of a fetch or a document, and not of a key that the document has not.

    The latter are plain ``ValueError`` of FastMCP's own.
    """
    while error is not None:
        if type(error) is not ValueError:
            return True
        error = error.__cause__ or error.__context__
    return False


def _waits_after_a_failure(verifier: Any) -> bool:  # noqa: ANN401 - a verifier of FastMCP's
    """Whether the last fetch failed, after which FastMCP refuses for a while without another (from 3.0 on)."""
    attempt = getattr(verifier, "_jwks_last_refresh_attempt", None)
    return attempt is not None and verifier._jwks_cache_time < attempt


def _reason(verifier: Any, token: str) -> Decision | None:  # noqa: ANN401 - a verifier of FastMCP's
    """Work out from a verifier's attributes why it refused a token. ``None`` where that shows no reason."""
    keys = [verifier.public_key] if verifier.public_key else list(verifier._jwks_cache.values())
    reasons = [reason for key in keys if (reason := _reason_under(verifier, key, token)) is not None]
    # Of several keys, the one under which the token passes most checks is the token's own.
    return max(reasons, key=lambda reason: reason.progress, default=None)


def _reason_under(verifier: Any, key: object, token: str) -> Decision | None:  # noqa: ANN401 - as above
    try:
        decision = _native(verifier, key).decide(token)
    except (AttributeError, TypeError, ValueError):
        # This project refuses such a configuration.
        return None
    return decision if decision.outcome == "rejected" else None


def _native(verifier: Any, key: object) -> JwtVerifier:  # noqa: ANN401 - as above
    issuer, audience, scopes = verifier.issuer, verifier.audience, verifier.required_scopes
    configuration = (id(key), verifier.algorithm, *map(_frozen, (issuer, audience, scopes)))
    made = _natives.setdefault(verifier, {})
    if configuration not in made:
        # FastMCP does not refuse for this reason.
        native = JwtVerifier(
            _text(key), [verifier.algorithm], allow_bound_tokens=True, allow_id_tokens=True, cache_size=0
        )
        policy = native.policy
        policy.set_issuer(issuer or None)
        policy.set_audience(audience or None)
        policy.set_required_scopes(scopes or None)
        if len(made) >= _MOST_NATIVES:
            made.clear()
        # The key is kept alive, so that no other object can have its id.
        made[configuration] = key, native
    return made[configuration][1]


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else value


def _text(key: Any) -> str | bytes:  # noqa: ANN401 - text, or up to 2.14 a key of the cryptography library
    if isinstance(key, (str, bytes)):
        return key
    formats: Any = import_module("cryptography.hazmat.primitives.serialization")
    pem: bytes = key.public_bytes(formats.Encoding.PEM, formats.PublicFormat.SubjectPublicKeyInfo)
    return pem
