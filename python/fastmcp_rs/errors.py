"""What this project raises and warns of, beside ``ValueError`` for a configuration that cannot work."""

__all__ = [
    "KeysUnavailableError",
    "MissingAudienceWarning",
    "ShortSecretWarning",
    "TokenRejectedError",
    "TokenVerificationError",
]


class TokenRejectedError(Exception):
    """A token was refused where the caller asked for an exception, such as by ``fastmcp_rs.jws.verify``.

    Attributes:
        code: The stable reason code, such as ``"invalid_signature"``.
    """

    code: str

    def __init__(self, code: str, message: str) -> None:
        # Both are arguments, so that a copy or a pickle is made of both.
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        code, message = self.args
        return f"{message} ({code})"


class TokenVerificationError(RuntimeError):
    """Nobody can tell now whether a token is good: to be raised by a custom provider that cannot reach what it asks.

    FastMCP from 4.2 on has an error of the same name, which serves as well.
    """


class KeysUnavailableError(TokenVerificationError):
    """Keys cannot be fetched, so nobody can tell whether a token is good."""


class ShortSecretWarning(UserWarning):
    """A shared secret is shorter than the hash it is used with (RFC 7518 section 3.2)."""


class MissingAudienceWarning(UserWarning):
    """No audience is configured: tokens made for other services are accepted (RFC 8725 section 3.9)."""
