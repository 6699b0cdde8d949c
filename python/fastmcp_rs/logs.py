"""Loggers whose records appear where FastMCP's own do: with its handlers, from its level on.

FastMCP has handlers of its own and does not propagate to the root logger. Without this, records of this package would
appear bare and from WARNING on, or not at all. An application that configures handlers for this package or for the root
logger gets the records there, and not twice.
"""

import logging
import sys
from typing import Any

__all__ = ["get_logger"]

_NAME = "fastmcp_rs"
# The logger to which FastMCP's own verifier writes its refusals.
_VERIFIERS = "server.auth.providers.jwt"


def get_logger(name: str) -> logging.Logger:
    """The logger of this name below ``fastmcp_rs``."""
    package = logging.getLogger(_NAME)
    if not isinstance(package.parent, _FastMCP):
        package.parent = _FastMCP(package.parent)
    return logging.getLogger(f"{_NAME}.{name}")


class _FastMCP(logging.Logger):
    """The parent of this package's logger, which gives FastMCP's level to loggers without a level of their own."""

    def __init__(self, parent: logging.Logger | None) -> None:
        super().__init__(_NAME)
        self.parent = parent
        self.addHandler(_Relay())

    @property
    def level(self) -> int:
        """FastMCP's level at this moment, or the root logger's where that has handlers and takes more.

        Python forgets the levels that it remembers when any is set.
        """
        theirs = _fastmcps_logger()
        if theirs is None:
            return logging.NOTSET
        levels = [theirs.getEffectiveLevel()]
        if self.parent is not None and self.parent.handlers:
            levels.append(self.parent.getEffectiveLevel())
        return min(levels)

    @level.setter
    def level(self, _: int) -> None:
        """Stay with FastMCP's."""


class _Relay(logging.Handler):
    """Hands records to FastMCP's handlers, or to Python's last resort, where there is no other handler for them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Handle a record."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return
            logger = logger.parent
        theirs = _fastmcps_logger()
        if theirs is not None and theirs.hasHandlers():
            theirs.callHandlers(record)
        elif logging.lastResort is not None and record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)


def _fastmcps_logger() -> logging.Logger | None:
    """FastMCP's logger, under the name that the installed line gives it; ``None`` while FastMCP is not imported."""
    theirs: Any = sys.modules.get("fastmcp.utilities.logging")
    get = getattr(theirs, "get_logger", None)
    if get is None:
        return None
    logger: logging.Logger = get(f"fastmcp.{_VERIFIERS}")
    return logger
