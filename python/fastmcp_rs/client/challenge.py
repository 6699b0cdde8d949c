"""Reads the reason of a 401 or 403 from its ``WWW-Authenticate`` header or its body."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.request import parse_http_list

from fastmcp_rs._native import redacted

__all__ = ["REFUSALS", "refusal_text"]

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE})

_MOST_CHARACTERS = 200
# Headers without secrets: their values may occur in a reason. Any other header may hold a secret.
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
# What RFC 6750 section 3 allows in an error_description.
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


def refusal_text(status: int, headers: Mapping[str, str], body: bytes, sent: Mapping[str, str]) -> str | None:
    """Write the status and the server's reason, from ``WWW-Authenticate`` (RFC 6750 section 3) or a JSON body.

    None for a 503 that says nothing of a token, which a proxy may have sent.

    Args:
        status: 401, 403 or 503.
        headers: The headers of the response.
        body: The body of the response, or empty where it was not read.
        sent: The headers of the request. Credentials in them are removed where the server repeats them.
    """
    in_body = _reasons(_json_object(body))
    if status == HTTPStatus.SERVICE_UNAVAILABLE and in_body[:1] != ["temporarily_unavailable"]:
        return None
    found = _reasons(_challenge(headers.get("www-authenticate", ""))) or in_body
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
    headers = [sent[name] for name in sent.keys() - _NO_SECRETS]
    return redacted(_NOT_PRINTABLE.sub(" ", text), headers)[:_MOST_CHARACTERS]
