"""Imported by each Python process below ``fastmcp-rs run`` when it starts, ahead of the environment's own module."""

import sys
from importlib import import_module
from pathlib import Path


def _install() -> None:
    try:
        from fastmcp_rs import install  # noqa: PLC0415 - another environment may not have it
    except ImportError:
        sys.stderr.write(
            f"fastmcp-rs: {sys.prefix} has no fastmcp-rs, so FastMCP verifies tokens there by itself: add it to the "
            "environment, as with --with fastmcp-rs\n"
        )
    else:
        install()


def _make_way() -> None:
    """Import the environment's own module of this name instead, if it has one."""
    here = str(Path(__file__).parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    ours = sys.modules.pop(__name__)
    try:
        import_module(__name__)
    except ImportError:
        sys.modules[__name__] = ours


_install()
_make_way()
