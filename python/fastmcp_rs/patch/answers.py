"""The answers of FastMCP's providers to clients under ``install()``: see ``fastmcp_rs.auth.fastmcp_backend``."""

# The objects of FastMCP have no types unless they are installed.
# ruff: noqa: ANN401

import functools
import sys
from typing import Any

from fastmcp_rs.patch.recognition import Swap, expect, uses

__all__ = ["Answers", "provider_swaps"]


class Answers:
    """Whether FastMCP's providers have different answers for three refusals.

    Attributes:
        in_use: Whether they do.
        step_up: Whether a token with too few scopes for a tool, a resource or a prompt gets 403 as well.
    """

    def __init__(self) -> None:
        self.in_use = False
        self.step_up = True

    def start(self) -> None:
        """Use the three answers."""
        self.in_use = True

    def stop(self) -> None:
        """Leave all answers to FastMCP."""
        self.in_use = False
        if "fastmcp_rs.auth.fastmcp_backend" in sys.modules:
            from fastmcp_rs.auth import fastmcp_backend, fastmcp_verifier  # noqa: PLC0415 - not before they are needed

            fastmcp_verifier.stop_watching(fastmcp_backend.WATCHER)

    def is_in_use(self) -> bool:
        """Whether the three refusals have answers of their own now."""
        return self.in_use

    def steps_up(self) -> bool:
        """Whether a token with too few scopes for an operation gets such an answer now."""
        return self.in_use and self.step_up


def provider_swaps(answers: Answers, module: Any) -> list[Swap]:
    """What to replace in FastMCP's module of providers; nothing in 2.12.0, which takes no middleware from them."""
    provider = module.AuthProvider
    original = vars(provider).get("get_middleware")
    if original is None:
        return []
    expect(uses(original, "Middleware", "AuthenticationMiddleware", "BearerAuthBackend"), "get_middleware is another")

    @functools.wraps(original)
    def get_middleware(self: Any) -> list[Any]:
        entries: list[Any] = original(self)
        if not answers.in_use:
            return entries
        # FastMCP is completely imported by now, but may not be when `install()` is called.
        from fastmcp_rs.auth.fastmcp_backend import with_three_answers  # noqa: PLC0415 - see above

        return with_three_answers(self, entries, answers.is_in_use, answers.steps_up)

    return [(provider, "get_middleware", get_middleware)]
