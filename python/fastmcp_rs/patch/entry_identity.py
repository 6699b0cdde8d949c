"""What has to be the same for an entry of a key-value store to be the one that was read before."""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import functools
import os
import stat
from typing import Any, Protocol

__all__ = ["FileEntries", "Identity", "MemoryEntries", "StoredEntries"]

# A file that was changed less than this before it was read may be changed again without a difference in its times.
_SETTLED_SECONDS = 2.0

_MOST_PATHS = 10_000

# Windows has neither: a file there is known by nothing that its owner cannot set.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

Identity = tuple[object, ...]


class StoredEntries(Protocol):
    """The entries of a store."""

    def is_unchanged(self) -> bool:
        """Whether the store is still as it was when it was recognised."""

    def identity(self, key: str, collection: str, moment: float) -> Identity | None:
        """What identifies the entry under a key; ``None`` where it may be another without a difference.

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
        self._path = functools.lru_cache(_MOST_PATHS)(_path)

    def is_unchanged(self) -> bool:
        """Whether the store has the adapter and the methods that it had."""
        # A method that is replaced on the instance is one attribute more.
        store = self._store
        return store._serialization_adapter is self._serialization and len(vars(store)) == self._attributes

    def identity(self, key: str, collection: str, moment: float) -> Identity | None:
        """The numbers of the entry's file and the times of its last change."""
        # The first read of a collection sets it up.
        info = self._store._collection_infos.get(collection)
        if info is None or type(info.key_sanitization_strategy) is not self._key_strategy:
            return None
        folder, path = self._path(info.directory, info.key_sanitization_strategy, key)
        try:
            # The store follows no link that leads out of it, so none is followed here.
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                return None
            descriptor = os.open(path, _OPEN_FLAGS)
        except (OSError, ValueError):
            return None
        try:
            # Of the opened file: what is known of a path may be old where the file is on another machine.
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(found.st_mode) or max(found.st_mtime, found.st_ctime) > moment - _SETTLED_SECONDS:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _path(directory: Any, strategy: Any, key: str) -> tuple[str, str]:
    return str(directory), f"{directory}{os.sep}{strategy.sanitize(value=key)}.json"


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
