"""Refuses to start a server on an event loop on which its provider cannot wait, such as trio's."""

import asyncio

from starlette.types import Receive, Send

__all__ = ["is_asyncio", "refuse_to_start", "require_asyncio"]


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


async def refuse_to_start(provider: object, receive: Receive, send: Send) -> None:
    """Answer a server's question whether the application has started: it has not, and why."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": _text(provider)})


def _text(provider: object) -> str:
    return (
        f"{type(provider).__name__} of fastmcp_rs asks over the network, and needs asyncio or uvloop for it: start the "
        "server with one of them, such as with hypercorn's --worker-class asyncio or --worker-class uvloop, not trio"
    )
