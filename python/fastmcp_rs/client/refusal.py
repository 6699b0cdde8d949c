"""Why a server refused a request, as a text for people."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.request import parse_http_list

__all__ = ["REFUSALS", "refusal_text"]

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

_MOST_CHARACTERS = 200
# Headers that every client sends, with what may well be words of a reason. Any other may hold a secret.
_NO_SECRETS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "user-agent",
    }
)
_SHORTEST_SECRET = 4
# What RFC 6750 section 3 allows in an error_description.
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


def refusal_text(status: int, headers: Mapping[str, str], body: bytes, sent: Mapping[str, str]) -> str:
    """Tell the status and the server's reason: that of ``WWW-Authenticate`` (RFC 6750 section 3), or of a JSON body.

    Args:
        status: 401 or 403.
        headers: The answer's.
        body: The answer's, or what of it is at hand.
        sent: The headers of the request. Credentials among them that the server repeats are left out.
    """
    found = _reasons(_challenge(headers.get("www-authenticate", ""))) or _reasons(_json_object(body))
    reason = ": ".join(_clean(text, sent) for text in found) or "the server gave no reason"
    return f"{int(status)} {HTTPStatus(status).phrase}: {reason}"


def _reasons(members: Mapping[str, object]) -> list[str]:
    given = (members.get(name) for name in ("error", "error_description"))
    return [text for text in given if isinstance(text, str) and text]


def _challenge(header: str) -> dict[str, object]:
    """The parameters of a challenge (RFC 9110 section 11.6.1); of several, those of the first that has them."""
    parameters: dict[str, object] = {}
    for item in parse_http_list(header):
        name, _, value = item.partition("=")
        # The first parameter of a challenge comes after its scheme.
        name = name.split()[-1].lower() if name.split() else ""
        parameters.setdefault(name, re.sub(r"\\(.)", r"\1", value.strip().removeprefix('"').removesuffix('"')))
    return parameters


def _json_object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _clean(text: str, sent: Mapping[str, str]) -> str:
    for name in sent.keys() - _NO_SECRETS:
        # Credentials come after a scheme, or alone; a server may repeat no more than a part of a JWT.
        credentials = sent[name].rpartition(" ")[2]
        for secret in (credentials, *credentials.split(".")):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "[redacted]")
    return _NOT_PRINTABLE.sub(" ", text)[:_MOST_CHARACTERS]
