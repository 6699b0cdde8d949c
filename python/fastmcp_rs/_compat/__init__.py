"""The only modules that import FastMCP and the MCP SDK, which may not be installed, and tell their versions apart."""

from typing import TYPE_CHECKING

from fastmcp_rs._compat.clients import implied_auth, refusals_end_sessions
from fastmcp_rs._compat.installed import fastmcp, find
from fastmcp_rs._compat.providers import (
    URL_PARAMETERS,
    challenge_scopes,
    delegation_of,
    further_metadata_paths,
    init_verifier,
    is_oauth_proxy,
    jwt_verifier_state,
    resource_url,
    server_url_parameter,
    takes_middleware,
    verifier_state,
)
from fastmcp_rs._compat.servers import (
    absent_auth,
    authenticates_for,
    checks_components,
    cors_middleware,
    is_registered_tool,
    scope_of_unknown_user,
    served_by,
    session_names,
    signature_of,
    ties_sessions_to_users,
)
from fastmcp_rs._compat.tokens import (
    TOKEN_MAKERS,
    current_token,
    decision_of,
    from_fastmcp,
    is_access_token,
    is_made_here,
    make_token_makers,
    model_setters,
    raise_unavailable,
    unavailable_error,
    user_of,
)
from fastmcp_rs._compat.users import make_signed_in

if TYPE_CHECKING:
    from typing import Any

    from fastmcp import Client as ClientBase
    from fastmcp import Context
    from fastmcp import FastMCP as FastMCPBase
    from fastmcp.client.client import CallToolResult as CallToolResultBase
    from fastmcp.exceptions import ClientError
    from fastmcp.server.auth.auth import AccessToken as FastMCPAccessToken
    from fastmcp.server.auth.auth import AuthProvider as AuthProviderBase
    from fastmcp.server.auth.auth import TokenVerifier as TokenVerifierBase
    from fastmcp.server.auth.providers.jwt import JWTVerifier as JWTVerifierBase
    from fastmcp.server.dependencies import get_http_headers
    from httpx2 import Auth as HttpAuthBase
    from mcp.server.auth.middleware.auth_context import auth_context_var
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, RequireAuthMiddleware

    from fastmcp_rs._native import AccessToken, Decision, TokenFields

    def to_fastmcp(decided: Decision | AccessToken) -> FastMCPAccessToken:
        """Make FastMCP's access token from an accepted decision, or from a documented access token.

        Raises:
            ImportError: Neither FastMCP nor the MCP SDK is installed.
        """

    def token_of_fields(fields: dict[str, object]) -> FastMCPAccessToken:
        """Make FastMCP's access token of the fields that a native verifier made for it."""

    def signed_in(token: FastMCPAccessToken) -> tuple[AuthenticatedUser, Any]:
        """The user and the credentials of a token, as the SDK's middleware puts them into a request."""

    # For native verifiers; None if pydantic has to make each token.
    token_fields: TokenFields | None


__all__ = [
    "URL_PARAMETERS",
    "AuthProviderBase",
    "AuthenticatedUser",
    "CallToolResultBase",
    "ClientBase",
    "ClientError",
    "Context",
    "FastMCPAccessToken",
    "FastMCPBase",
    "HttpAuthBase",
    "JWTVerifierBase",
    "RequireAuthMiddleware",
    "TokenVerifierBase",
    "absent_auth",
    "auth_context_var",
    "authenticates_for",
    "challenge_scopes",
    "checks_components",
    "cors_middleware",
    "current_token",
    "decision_of",
    "delegation_of",
    "fastmcp",
    "from_fastmcp",
    "further_metadata_paths",
    "get_http_headers",
    "implied_auth",
    "init_verifier",
    "is_access_token",
    "is_made_here",
    "is_oauth_proxy",
    "is_registered_tool",
    "jwt_verifier_state",
    "model_setters",
    "raise_unavailable",
    "refusals_end_sessions",
    "resource_url",
    "scope_of_unknown_user",
    "served_by",
    "server_url_parameter",
    "session_names",
    "signature_of",
    "takes_middleware",
    "ties_sessions_to_users",
    "to_fastmcp",
    "token_fields",
    "token_of_fields",
    "unavailable_error",
    "user_of",
    "verifier_state",
]


def __getattr__(name: str) -> object:
    """Import a class of the installed packages, or make a function for it, when its name is first used."""
    if name in TOKEN_MAKERS:
        found = make_token_makers()
    else:
        found = {name: make_signed_in() if name == "signed_in" else find(name)}
    # The next access finds the attribute without this function.
    globals().update(found)
    return found[name]
