"""Identifies an entry of a key-value store, to see whether it is unchanged since it was read."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import os
from typing import Any, Protocol

from fastmcp_rs._native import file_identity

__all__ = ["FileEntries", "Identity", "MemoryEntries", "StoredEntries"]

# A file that changed less than this before it was read may change again and keep its times.
_SETTLED_SECONDS = 2.0

_MOST_PATHS = 10_000

Identity = tuple[object, ...]
# The directory and the strategy, and the folder and path that were made from them.
_Place = tuple[Any, Any, str, str]


class StoredEntries(Protocol):
    """The entries of a store."""

    def is_unchanged(self) -> bool:
        """Whether the store is still as it was when it was recognised."""

    def identity(self, key: str, collection: str, moment: float) -> Identity | None:
        """The identity of the entry under a key; ``None`` if a change might not show.

        Args:
            key: The key.
            collection: The collection of the key.
            moment: A time before this call, in seconds since the epoch.
        """


class FileEntries:
    """The entries of a ``FileTreeStore``. Each is a file, which is replaced as a whole."""

    def __init__(self, store: Any, key_strategy: type) -> None:
        self._store = store
        self._key_strategy = key_strategy
        self._serialization = store._serialization_adapter
        self._attributes = len(vars(store))
        self._paths: dict[tuple[str, str], _Place] = {}

    def is_unchanged(self) -> bool:
        """Whether the store has the adapter and the methods that it had."""
        # A method that was replaced on the instance adds an attribute.
        store = self._store
        return store._serialization_adapter is self._serialization and len(vars(store)) == self._attributes

    def identity(self, key: str, collection: str, moment: float) -> Identity | None:
        """The numbers of the entry's file and the times of its last change."""
        # The first read of a collection sets it up.
        info = self._store._collection_infos.get(collection)
        if info is None or type(info.key_sanitization_strategy) is not self._key_strategy:
            return None
        directory, strategy = info.directory, info.key_sanitization_strategy
        known = self._paths.get((collection, key))
        if known is None or known[0] is not directory or known[1] is not strategy:
            known = self._find(collection, key, directory, strategy)
        # The store refuses links that lead out of it, so no link is followed here.
        return file_identity(known[2], known[3], moment - _SETTLED_SECONDS)

    def _find(self, collection: str, key: str, directory: Any, strategy: Any) -> _Place:
        path = f"{directory}{os.sep}{strategy.sanitize(value=key)}.json"
        if len(self._paths) >= _MOST_PATHS:
            self._paths = {}
        self._paths[collection, key] = found = (directory, strategy, str(directory), path)
        return found


class MemoryEntries:
    """The entries of a ``MemoryStore``. Each is a text, which is replaced as a whole."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._attributes = len(vars(store))

    def is_unchanged(self) -> bool:
        """Whether the store has the methods that it had."""
        return len(vars(self._store)) == self._attributes

    def identity(self, key: str, collection: str, moment: float) -> Identity | None:  # noqa: ARG002 - as for files
        """The stored text, which is a new object after each change."""
        entries = self._store._cache.get(collection)
        found = None if entries is None else entries._cache.get(key)
        return None if found is None else (found.json_str,)
