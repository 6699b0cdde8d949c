"""Why a server in a file accepts or refuses a token, and whether the token may call a tool of it."""

import dataclasses
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs.auth.explanation import CheckResult, Explanation
from fastmcp_rs.auth.operation_scopes import Operation, OperationScopes
from fastmcp_rs.auth.protected_provider import inside
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.cli.server_file import file_and_name, found_in, imported
from fastmcp_rs.cli.terminal import sanitize

__all__ = ["explained_by_server"]

_CHECK = "operation"
_OF_PROXY = (
    "the server issues its own tokens to clients that sign in at it (OAuthProxy), and no other token is accepted: not "
    "one of the provider behind it. Have the client sign in at this server; its log says why it refuses a token"
)
_NO_VERIFIER = (
    "the server has no provider of fastmcp_rs.auth that explains tokens, such as a JWTVerifier. The log of the server "
    "says why it refuses a token"
)
_OF_ASKER = ", and fastmcp-rs doctor server.py whether the endpoint that it asks answers"


async def explained_by_server(token: str, place: str, tool: str | None) -> Explanation:
    """Explain what the verifier of a server decides, and whether the token has the scopes that a tool needs.

    Args:
        token: The token.
        place: ``server.py`` or ``server.py:name``.
        tool: The name of the tool, as clients call it, or ``None`` for the server alone.

    Raises:
        ValueError: There is no such server, or it has no verifier that can explain a token.
    """
    if tool is not None and not _compat.checks_components():
        raise ValueError("FastMCP has no scopes of single tools before 3.0")
    file, name = file_and_name(place)
    server = found_in(imported(file), name)
    if not isinstance(server, _compat.fastmcp().FastMCP):
        raise ValueError("--server takes a FastMCP server, not an app: give server.py:name")  # noqa: TRY004 - wrong usage
    held = list(inside(getattr(server, "auth", None)))
    # A proxy asks the verifier inside it about the tokens of the provider behind it, which no client has.
    of_proxies = {id(one) for proxy in filter(_compat.is_oauth_proxy, held) for one in inside(proxy)}
    asked = (one for one in held if id(one) not in of_proxies)
    verifier: Any = next((one for one in asked if isinstance(one, AuthProvider) and hasattr(one, "explain")), None)
    if verifier is None and of_proxies:
        raise ValueError(_OF_PROXY)
    if verifier is None:
        asks = any(hasattr(one, "introspection_url") for one in held)
        raise ValueError(f"{_NO_VERIFIER}{_OF_ASKER if asks else ''}")
    # So that the provider knows the path of the resource.
    server.http_app(path="/mcp")
    explanation: Explanation = await verifier.explain(token)
    if tool is None:
        return explanation
    if explanation.outcome != "accepted":
        skipped = CheckResult(_CHECK, "not_reached", None, "", None, None)
        return dataclasses.replace(explanation, checks=(*explanation.checks, skipped))
    accepted = await verifier.authenticate({"headers": [(b"authorization", f"Bearer {token}".encode())]})
    granted = [] if accepted is None else accepted.scope or []
    return await _of_tool(server, tool, granted, explanation)


async def _of_tool(server: Any, tool: str, granted: list[str], explanation: Explanation) -> Explanation:  # noqa: ANN401 - FastMCP's
    needed = await OperationScopes(server).needed(Operation("tools/call", tool, None), granted, ())
    if needed is None:
        text = "FastMCP decides: it has no such tool, hides it, or asks a check of the server's own"
        asked = CheckResult(_CHECK, "unavailable", None, text, None, None)
        return dataclasses.replace(explanation, checks=(*explanation.checks, asked))
    wanted, missing = sorted(needed.scopes), sorted(needed.scopes.difference(granted))
    text = sanitize(f"the tool {needed.name} needs {' '.join(wanted) or 'no scopes'}")
    if not missing:
        passed = CheckResult(_CHECK, "passed", None, text, list(granted), wanted)
        return dataclasses.replace(explanation, checks=(*explanation.checks, passed))
    failed = CheckResult(_CHECK, "failed", "insufficient_scope", text, list(granted), wanted)
    return dataclasses.replace(
        explanation,
        outcome="rejected",
        code="insufficient_scope",
        reason=f"{text}, and the token lacks {sanitize(' '.join(missing))}",
        fix="the client has to ask for these scopes as well; the answer to its call names them, unless step_up=False",
        checks=(*explanation.checks, failed),
    )
