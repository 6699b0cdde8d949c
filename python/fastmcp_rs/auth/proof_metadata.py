"""Adds the accepted proofs of possession to the metadata of a resource that FastMCP serves (RFC 9728 section 2)."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["with_members"]

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_OK = 200


def with_members(routes: Sequence[Any], members: Mapping[str, object]) -> list[Any]:
    """The routes, with these members added to the answers of the metadata routes."""
    return [_described(route, members) if _is_metadata(route) else route for route in routes]


def _is_metadata(route: Any) -> bool:  # noqa: ANN401 - Starlette's, or the operator's
    path = getattr(route, "path", "")
    return isinstance(path, str) and path.startswith(_WELL_KNOWN) and hasattr(route, "app")


def _described(route: Any, members: Mapping[str, object]) -> Any:  # noqa: ANN401 - as above
    from starlette.routing import Route  # noqa: PLC0415 - only a server needs it

    return Route(route.path, _Describing(route.app, members), methods=route.methods, name=route.name)


class _Describing:
    """Adds members to the JSON object that an application answers with."""

    def __init__(self, app: "ASGIApp", members: Mapping[str, object]) -> None:
        self._app = app
        self._members = members

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        start: Message | None = None
        body = b""

        async def sending(message: "Message") -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body", False) or start is None:
                return
            described = self._described_body(start, body)
            headers = [header for header in start.get("headers", ()) if header[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(described)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": described})

        await self._app(scope, receive, sending)

    def _described_body(self, start: "Message", body: bytes) -> bytes:
        if start["status"] != _OK:
            return body
        try:
            document = json.loads(body)
        except ValueError:
            return body
        return json.dumps({**document, **self._members}).encode() if isinstance(document, dict) else body
