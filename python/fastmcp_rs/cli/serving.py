"""Serve an ASGI app on a free port of this machine for a while."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["serving"]

_STARTUP_SECONDS = 30


class _Server(uvicorn.Server):
    """Says when it has started, or cannot."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.is_decided.set()


@contextmanager
def serving(app: Any) -> Iterator[int]:  # noqa: ANN401 - any ASGI app
    """Serve an app on a free loopback port, which is the value.

    Raises:
        RuntimeError: It does not start.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # uvicorn's WebSocket libraries warn of each other, and this server needs neither.
        server = _Server(uvicorn.Config(app, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        if not server.is_decided.wait(_STARTUP_SECONDS) or not server.started:
            server.should_exit = True
            raise RuntimeError("the server did not start")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
