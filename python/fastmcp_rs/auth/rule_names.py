"""The rules about tokens that this package's verifiers have and FastMCP's classes lack."""

from collections.abc import Iterable

__all__ = ["refuse_options"]

_RULES = frozenset(
    {
        *("allow_id_tokens", "allowed_client_id", "client_id", "client_id_claim", "denylist", "denylist_interval"),
        *("expected_claims", "iat_leeway", "leeway", "max_age", "require_token_type", "required_claims"),
        *("scope_claims", "scope_hierarchy", "subject_claim", "tenants", "typ"),
    }
)


def refuse_options(function: str, options: Iterable[str]) -> None:
    """Raise ``TypeError`` for unknown options of a function. For a rule, the text names the class that has it."""
    for name in options:
        if name in _RULES:
            raise TypeError(
                f"{function}() has no {name}: FastMCP's classes, which go on verifying, have no such rule. Give it to "
                "a verifier of fastmcp_rs.auth in their place, also as token_verifier or inside MultiAuth"
            )
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
