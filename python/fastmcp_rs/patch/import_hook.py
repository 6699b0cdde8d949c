"""An import hook that calls a function when a module has been imported, without importing it."""

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["ImportWatcher"]


class ImportWatcher(MetaPathFinder):
    """Lets the other finders find a module, and calls a function once the module has been executed."""

    def __init__(self, names: Collection[str], imported: Callable[[ModuleType], None]) -> None:
        """Make a watcher; it watches while it stands first in ``sys.meta_path``.

        Args:
            names: The full names of the modules.
            imported: Called with each module before its importer gets it. Must not raise.
        """
        self._names = frozenset(names)
        self._imported = imported

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a watched module; the finders after this one find every other module."""
        if fullname not in self._names:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _ObservedLoader(spec.loader, self._imported)
                return spec
        return None


class _ObservedLoader(Loader):
    """Loads a module through its own loader, which stays the loader that the module names."""

    def __init__(self, loader: Loader, imported: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._imported = imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._imported(module)
