"""Loads a server from a file that is named as ``server.py`` or ``server.py:name``."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["ImportFailedError", "file_and_name", "found_in", "imported"]

# The names that FastMCP's own command looks for.
_NAMES = ("mcp", "server", "app")


class ImportFailedError(ValueError):
    """The file raises an exception when it is imported.

    Attributes:
        reason: The class and the text of the exception, or the variable that is missing. It may hold any character.
        fix: What to do about it.
    """

    def __init__(self, file: Path, error: Exception) -> None:
        """Describe the exception of a file."""
        variable = _missing_variable(error)
        if variable is None:
            self.reason = f"{type(error).__name__}: {error}"
            self.fix = f"python {file} shows where"
        else:
            self.reason = f"the environment variable {variable} is not set"
            self.fix = f"set the variable {variable} in this terminal, as where the server runs"
        super().__init__(f"the server cannot be imported: {self.reason}; {self.fix}")


def file_and_name(place: str) -> tuple[Path, str | None]:
    """The file and the name of ``server.py`` or ``server.py:name``.

    Raises:
        ValueError: There is no such file.
    """
    file, _, name = place.rpartition(":") if ":" in Path(place).name else (place, "", "")
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        raise ValueError("there is no such file; give server.py, or server.py:name for a server that is not named mcp")
    return path, name or None


def imported(file: Path) -> Any:  # noqa: ANN401 - with whatever names
    """Import the file as a module.

    Raises:
        ImportFailedError: It raises an exception.
    """
    path = file.resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # noqa: S101 - a file that ends in .py has one
    assert spec.loader is not None  # noqa: S101 - likewise
    module = importlib.util.module_from_spec(spec)
    # The same as when Python runs the file: it may import modules beside it, and classes look for their module.
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ImportFailedError(file, error) from error
    return module


def _missing_variable(error: Exception) -> str | None:
    """The name of the environment variable that the file looked up in ``os.environ`` and did not find."""
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    in_environ = raised is not None and raised.tb_frame.f_locals.get("self") is os.environ
    return str(error.args[0]) if in_environ and isinstance(error, KeyError) else None


def found_in(module: Any, name: str | None) -> Any:  # noqa: ANN401 - a server of any FastMCP, or an ASGI app
    """The server, or the app, of this name in a module, or of one of the usual names.

    Raises:
        ValueError: There is none.
    """
    for one in _NAMES if name is None else (name,):
        thing = getattr(module, one, None)
        if thing is not None:
            return thing
    servers = [known for known, thing in vars(module).items() if _is_server(thing)]
    raise ValueError(
        f"the file has no {name or 'mcp, server or app'}: give server.py:{servers[0] if servers else 'name'}"
    )


def _is_server(thing: object) -> bool:
    return any(base.__name__ == "FastMCP" for base in type(thing).__mro__)
