"""The shortcuts of ``install()``: what it replaces in FastMCP beside the verification of tokens.

No decision depends on any of it. So what is not recognised is left as it is, and the rest of ``install()`` stays in
effect.
"""

# The objects of FastMCP and its libraries have no types unless they are installed.
# ruff: noqa: ANN401, SLF001

import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fastmcp_rs.patch.answers import Answers, provider_swaps
from fastmcp_rs.patch.attribute import NativeAttribute
from fastmcp_rs.patch.decoder import logger
from fastmcp_rs.patch.entry_identity import FileEntries, MemoryEntries
from fastmcp_rs.patch.module_with import module_with
from fastmcp_rs.patch.proxy_store import Chain, ProxyStores, adapter_class
from fastmcp_rs.patch.recognition import Swap, UnrecognisedError, expect, uses
from fastmcp_rs.patch.transport import KeptTransports, client_class

__all__ = ["SHORTCUTS", "Shortcuts"]

_PROVIDERS = "fastmcp.server.auth.providers"
_STORES = "key_value.aio.stores"
_READ_FOR_EACH_REQUEST = ("_jti_mapping_store", "_upstream_token_store")


class Shortcuts:
    """The shortcuts of the process, and the state of each."""

    def __init__(self) -> None:
        self.stores = ProxyStores(self._chain)
        self.transports = KeptTransports()
        self.answers = Answers()
        self._lock = threading.Lock()
        self._named: set[str] = set()

    def start(self) -> None:
        """Put the shortcuts to use."""
        self.stores.in_use = self.transports.in_use = True
        self.answers.start()

    def stop(self) -> None:
        """Leave everything to FastMCP, and drop what is remembered."""
        self.transports.in_use = False
        self.answers.stop()
        self.stores.stop()

    def swaps(self, module: ModuleType) -> list[Swap]:
        """List what to replace in a module.

        Raises:
            UnrecognisedError: The module is not as expected.
        """
        try:
            return SHORTCUTS[module.__name__](self, module)
        except UnrecognisedError:
            raise
        except Exception as error:
            raise UnrecognisedError(f"{type(error).__name__}: {error}") from error

    def _chain(self, top: Any) -> Chain | None:
        module: Any = sys.modules.get("fastmcp.server.auth.oauth_proxy.proxy")
        wrapper = top if type(top) is module.FernetEncryptionWrapper else None
        store = top if wrapper is None else top.key_value
        if _is_plain(store) and (wrapper is None or _is_plain(wrapper)):
            if _is_file_store(store, module):
                return Chain(top, wrapper, FileEntries(store, module.FileTreeV1KeySanitizationStrategy))
            if _is_memory_store(store):
                return Chain(top, wrapper, MemoryEntries(store))
        self._leave(store)
        return None

    def _leave(self, store: object) -> None:
        name = f"{type(store).__module__}.{type(store).__qualname__}"
        with self._lock:
            is_new = name not in self._named
            self._named.add(name)
        if is_new:
            logger.info("install() leaves the reads of an OAuthProxy's store to FastMCP, as it does not know %s", name)


def _is_plain(instance: object) -> bool:
    """Whether nothing of the class is replaced on the instance."""
    return not any(hasattr(type(instance), name) for name in vars(instance))


def _is_file_store(store: Any, module: Any) -> bool:
    return (
        # On other systems, the owner of a file can set every time of it.
        os.name == "posix"
        and type(store) is module.FileTreeStore
        and type(store._key_sanitization_strategy) is module.FileTreeV1KeySanitizationStrategy
        and type(store._serialization_adapter).__name__ == "BasicSerializationAdapter"
    )


def _is_memory_store(store: Any) -> bool:
    module: Any = sys.modules.get(f"{_STORES}.memory.store")
    if module is None or type(store) is not module.MemoryStore:
        return False
    return uses(module.MemoryStore._get_managed_entry, "_get_collection_or_raise", "get") and uses(
        module.MemoryCollection.get, "_cache", "get", "json_str", "load_json"
    )


def _proxy(shortcuts: Shortcuts, module: Any) -> list[Swap]:
    proxy, adapter, wrapper = module.OAuthProxy, module.PydanticAdapter, module.FernetEncryptionWrapper
    expect(uses(proxy.load_access_token, *_READ_FOR_EACH_REQUEST, "get"), "OAuthProxy reads another store")
    expect(not any(hasattr(proxy, name) for name in _READ_FOR_EACH_REQUEST), "OAuthProxy itself has a store")
    expect(
        uses(adapter.get, "_default_collection", "_key_value", "get", "_validate_model"), "PydanticAdapter is another"
    )
    same = ("key_value", "_decrypt_value")
    expect(
        uses(wrapper.get, "get", *same) and uses(wrapper.ttl, "ttl", *same), "FernetEncryptionWrapper reads differently"
    )
    _expect_file_store(module.FileTreeStore)
    native = adapter_class(shortcuts.stores, adapter)
    return [(proxy, name, NativeAttribute(name, adapter, native)) for name in _READ_FOR_EACH_REQUEST]


def _expect_file_store(store: Any) -> None:
    module: Any = sys.modules[store.__module__]
    same = ("default_collection", "setup_collection", "_get_managed_entry", "is_expired")
    expect(uses(store.get, *same) and uses(store.ttl, *same, "ttl"), "a store's get and ttl differ")
    expect(uses(store._get_managed_entry, "_collection_infos", "get_entry"), "FileTreeStore finds entries differently")
    read = module.DiskCollectionInfo.get_entry
    expect(uses(read, "key_sanitization_strategy", "sanitize", "directory"), "FileTreeStore names files differently")
    expect(uses(read, "read_file", "load_dict"), "FileTreeStore reads files differently")


def _verifier(library: str, shortcuts: Shortcuts, module: Any) -> list[Swap]:
    found = getattr(module, library, None)
    if found is None:
        return []
    expect(found.__name__ == library, f"{library} is another module")
    expect(uses(found.AsyncClient.__init__, "_transport", "_mounts"), f"{library} keeps its transports elsewhere")
    client = client_class(shortcuts.transports, found)
    return [(module, library, module_with(found, AsyncClient=client))]


def _network_verifier(shortcuts: Shortcuts, module: Any) -> list[Swap]:
    return [swap for library in ("httpx", "httpx2") for swap in _verifier(library, shortcuts, module)]


# The modules in which FastMCP opens a client for each token.
_NETWORK_VERIFIERS = ("azure", "clerk", "discord", "github", "google", "huggingface", "introspection", "workos")


def _providers(shortcuts: Shortcuts, module: Any) -> list[Swap]:
    return provider_swaps(shortcuts.answers, module)


SHORTCUTS: dict[str, Callable[[Shortcuts, ModuleType], list[Swap]]] = {
    "fastmcp.server.auth.auth": _providers,
    "fastmcp.server.auth.oauth_proxy.proxy": _proxy,
    **{f"{_PROVIDERS}.{name}": _network_verifier for name in _NETWORK_VERIFIERS},
}
