"""The server of the demo, and requests to it."""

import http.client
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs.auth.jwt import JWTVerifier

__all__ = ["initialize", "protected", "recorded"]

_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "demo", "version": "1"}},
}


def protected(verifier: JWTVerifier) -> Any:  # noqa: ANN401 - the ASGI app of whichever FastMCP is installed
    """Make a FastMCP server behind a verifier, with a tool that returns the client of the call."""
    server = _compat.fastmcp().FastMCP("demo", auth=verifier)
    get_access_token = _compat.fastmcp("server.dependencies").get_access_token

    def whoami() -> str:
        """Return the client id of the caller."""
        return str(get_access_token().client_id)

    server.tool(whoami)
    return server.http_app(path="/mcp")


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def recorded() -> Iterator[list[logging.LogRecord]]:
    """Collect the log records of decisions, and keep them off the terminal."""
    recorder = _Recorder()
    logger = logging.getLogger("fastmcp_rs.auth")
    propagated = logger.propagate
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield recorder.records
    finally:
        logger.removeHandler(recorder)
        logger.propagate = propagated


def initialize(port: int, token: str | None) -> int:
    """Send the first request of an MCP session, and return the status of the answer."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/mcp", json.dumps(_INITIALIZE), headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return response.status
