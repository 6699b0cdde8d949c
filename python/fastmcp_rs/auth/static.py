"""``StaticTokenVerifier``: accepts the tokens of a list."""

from collections.abc import Sequence
from typing import Any

from fastmcp_rs._native import StaticVerifier
from fastmcp_rs.auth.native_provider import NativeProvider

__all__ = ["StaticTokenVerifier"]


class StaticTokenVerifier(NativeProvider):
    """Accepts the tokens of a list. They are kept as keyed digests and compared in constant time."""

    _native: StaticVerifier

    def __init__(
        self,
        valid_tokens: dict[str, dict[str, Any]] | Sequence[str] | None = None,
        token_type: str | Sequence[str] = "bearer",
        *,
        tokens: dict[str, dict[str, Any]] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        detailed_errors: bool = False,
        step_up: bool = True,
    ) -> None:
        """List the tokens.

        Args:
            valid_tokens: A dict of token to metadata, or a list of tokens. Metadata may name ``user_id``, ``client_id``
                or ``sub``; ``scope`` or ``scopes``, as a list or as text; and ``expires_at``, a datetime (a naive one
                is UTC) or seconds since 1970. Anything else is kept as it is.
            token_type: The label of the access tokens; the scheme on the wire is always Bearer. As in FastMCP, a list
                in this place is ``required_scopes``.
            tokens: FastMCP's name for ``valid_tokens``.
            required_scopes: Scopes that every token must have.
            detailed_errors: Tell clients everything about a refusal that the log has, and its reason code.
            step_up: Answer 403, with the scopes that are needed, where a token has too few for the tool, resource or
                prompt that a request asks for (MCP authorization, "Scope Challenge Handling"). ``False`` leaves it to
                FastMCP.

        Raises:
            ValueError: There are no tokens, or both kinds of them, or metadata of a wrong type.
        """
        if (valid_tokens is None) == (tokens is None):
            raise ValueError("give the tokens once: as valid_tokens or as tokens")
        if not isinstance(token_type, str):
            if required_scopes is not None or not isinstance(token_type, Sequence):
                raise ValueError("token_type must be a str, or a list of scopes where required_scopes is not given")
            token_type, required_scopes = "bearer", token_type
        self._native = StaticVerifier(tokens if valid_tokens is None else valid_tokens, token_type)
        self._bind_decision()
        super().__init__(required_scopes=required_scopes, detailed_errors=detailed_errors, step_up=step_up)

    def _shown(self) -> str:
        return f"{type(self).__name__}(required_scopes={self.required_scopes!r})"
