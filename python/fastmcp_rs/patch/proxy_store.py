"""Reads entries of FastMCP's ``OAuthProxy`` store for each request, without decrypting unchanged ones again.

FastMCP's own code finds and decrypts each entry. What it read is given again while the entry in the store is the same
one: nothing has a time to live, and a change is seen by the next read.
"""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import math
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs._native import StoredModel
from fastmcp_rs.patch.entry_identity import Identity, StoredEntries

__all__ = ["Chain", "ProxyStores", "adapter_class"]

# The most entries of each collection of a proxy. They are secrets, so there are no more than a busy server needs.
_MOST_ENTRIES = 10_000
_MOST_BYTES = 32 * 1024 * 1024


# There is no repr, which would show secrets.
@dataclass(frozen=True, repr=False)
class _Entry:
    """An entry that was read under a key.

    Attributes:
        identity: What the store's entry was known by, before it was read and after.
        expires_at: When the entry expires, in seconds since the epoch.
        type_adapter: What made a model of the value.
        model: The model. Each reader gets one of its own.
    """

    identity: Identity
    expires_at: float
    type_adapter: Any
    model: StoredModel


class Chain:
    """A store with its wrapper, if there is one. The internals of both classes are known."""

    def __init__(self, top: Any, wrapper: Any, entries: StoredEntries) -> None:
        """Note the state of both.

        Args:
            top: What FastMCP reads from.
            wrapper: The wrapper that decrypts; ``None`` where the store itself is what FastMCP reads from.
            entries: The entries of the store.
        """
        self.top = top
        self.entries = entries
        self._wrapper = wrapper
        if wrapper is not None:
            self._key_value, self._decryption_fn = wrapper.key_value, wrapper._decryption_fn
            self._version, self._attributes = wrapper.encryption_version, len(vars(wrapper))

    def is_unchanged(self) -> bool:
        """Whether the state of both is unchanged."""
        wrapper = self._wrapper
        if wrapper is not None and (
            wrapper.key_value is not self._key_value
            or wrapper._decryption_fn is not self._decryption_fn
            or wrapper.encryption_version != self._version
            # A method that was replaced on the instance adds an attribute.
            or len(vars(wrapper)) != self._attributes
        ):
            return False
        return self.entries.is_unchanged()


def _stored(model: Any) -> StoredModel | None:
    """The stored form of a model; ``None`` if the model has more than its fields."""
    return StoredModel.of(model, _compat.model_setters()) if hasattr(model, "__pydantic_fields_set__") else None


class _Reads:
    """What was read through one adapter."""

    def __init__(self, stores: "ProxyStores") -> None:
        self._stores = stores
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._bytes = 0
        # The chain that was recognised last, and the object that it was recognised in.
        self._top: object = None
        self._chain: Chain | None = None

    def chain(self, top: Any) -> Chain | None:
        """The store that FastMCP reads from; ``None`` if FastMCP has to read by itself."""
        if not self._stores.in_use:
            return None
        if self._top is not top or (self._chain is not None and not self._chain.is_unchanged()):
            self.forget()
            self._top, self._chain = top, self._stores.recognise(top)
        return self._chain

    def known(self, adapter: Any, chain: Chain, key: str, collection: str) -> Any:
        """Give the model that was read under a key, if the store's entry is the same; else ``None``."""
        known = self._entries.get((collection, key))
        if known is None or known.type_adapter is not adapter._type_adapter:
            return None
        moment = time.time()
        if moment >= known.expires_at or chain.entries.identity(key, collection, moment) != known.identity:
            return None
        return known.model.copy()

    async def read(self, adapter: Any, chain: Chain, key: str, collection: str) -> Any:
        """Read the value under a key as FastMCP's adapter would, and give its model; ``None`` where there is none."""
        name = (collection, key)
        moment = time.time()
        identity = chain.entries.identity(key, collection, moment)
        # Does the same as get(), and returns how long the entry is valid.
        value, seconds = await chain.top.ttl(key, collection=collection)
        with self._lock:
            self._drop(name)
        if value is None:
            return None
        model = adapter._validate_model(value=value)
        if model is not None and identity is not None:
            stored = _stored(model)
            if stored is not None and chain.entries.identity(key, collection, moment) == identity:
                until = math.inf if seconds is None else moment + seconds
                self._remember(name, _Entry(identity, until, adapter._type_adapter, stored))
        return model

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
            self._top = self._chain = None

    def _remember(self, name: tuple[str, str], entry: _Entry) -> None:
        with self._lock:
            self._drop(name)
            if not self._stores.in_use or entry.model.bytes > _MOST_BYTES:
                return
            self._entries[name] = entry
            self._bytes += entry.model.bytes
            while len(self._entries) > _MOST_ENTRIES or self._bytes > _MOST_BYTES:
                self._drop(next(iter(self._entries)))

    def _drop(self, name: tuple[str, str]) -> None:
        dropped = self._entries.pop(name, None)
        if dropped is not None:
            self._bytes -= dropped.model.bytes


class ProxyStores:
    """The stores of all proxies.

    Attributes:
        in_use: Whether reads may be answered here.
        recognise: Gives the chain behind what an adapter reads from; ``None`` if a class there is not known.
    """

    def __init__(self, recognise: Callable[[Any], Chain | None]) -> None:
        self.in_use = False
        self.recognise = recognise
        self._reads: weakref.WeakSet[_Reads] = weakref.WeakSet()

    def reads(self) -> _Reads:
        """Make a place for what one adapter reads."""
        made = _Reads(self)
        self._reads.add(made)
        return made

    def stop(self) -> None:
        """Leave all reads to FastMCP, and drop everything."""
        self.in_use = False
        for reads in tuple(self._reads):
            reads.forget()


def adapter_class(stores: ProxyStores, original_class: Any) -> Any:
    """Make the replacement of a ``PydanticAdapter``. An instance shares the state of an original one."""

    class NativeAdapter(original_class):  # type: ignore[misc]
        __slots__ = ("_original", "_reads")
        # For isinstance.
        __class__ = property(lambda _: original_class)

        def __init__(self, original: Any) -> None:
            self.__dict__ = original.__dict__  # type: ignore[misc]
            self._original = weakref.ref(original)
            self._reads = stores.reads()

        async def get(self, key: Any, *, collection: str | None = None, default: Any = None) -> Any:
            place = collection or self._default_collection
            chain = self._reads.chain(self._key_value) if isinstance(key, str) and place else None
            if chain is None:
                return await super().get(key, collection=collection, default=default)
            # One more coroutine would add much to the cost of a known entry.
            model = self._reads.known(self, chain, key, place)
            if model is None:
                model = await self._reads.read(self, chain, key, place)
            return default if model is None else model

        def original(self) -> Any:
            known = self._original()
            if known is None:
                known = original_class.__new__(original_class)
                known.__dict__ = self.__dict__
            return known

    return NativeAdapter
