"""Says that a provider cannot wait on an event loop, such as trio's: at the start of its server, or at a token."""

import asyncio
from typing import TYPE_CHECKING

from fastmcp_rs.logs import get_logger

if TYPE_CHECKING:
    from starlette.types import Receive, Send

__all__ = ["is_asyncio", "log_unsupported_loop", "refuse_to_start", "require_asyncio"]

_logger = get_logger("auth")


def is_asyncio() -> bool:
    """Whether this runs on asyncio, or on uvloop, which is asyncio with another loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def require_asyncio(provider: object) -> None:
    """Check the event loop.

    Raises:
        RuntimeError: It is not asyncio's.
    """
    if not is_asyncio():
        raise RuntimeError(_text(provider))


async def refuse_to_start(provider: object, receive: "Receive", send: "Send") -> None:
    """Answer a server's ``lifespan.startup``: the application did not start, and why."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": _text(provider)})


def log_unsupported_loop(provider: object) -> None:
    """Log why this provider cannot wait."""
    _logger.error("%s", _text(provider))


def _text(provider: object) -> str:
    return (
        f"{type(provider).__name__} of fastmcp_rs asks over the network, and needs asyncio or uvloop for it: start the "
        "server with one of them, such as with hypercorn's --worker-class asyncio or --worker-class uvloop, not trio"
    )
