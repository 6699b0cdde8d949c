"""The exceptions and warnings of this project, beside ``ValueError`` for a configuration that cannot work."""

__all__ = [
    "DenylistFullError",
    "KeysUnavailableError",
    "MissingAudienceWarning",
    "NestedProtectionWarning",
    "OAuthError",
    "ShortSecretWarning",
    "TokenRejectedError",
    "TokenUnavailableError",
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
    """A token can be neither accepted nor rejected now. A custom provider raises it when what it needs is out of reach.

    FastMCP from 4.2 on has an error of the same name, which serves as well.
    """


class KeysUnavailableError(TokenVerificationError):
    """Keys cannot be fetched, so a token can be neither accepted nor rejected."""


class DenylistFullError(RuntimeError):
    """A deny list holds as many entries as it may, all of which count, and takes no further one."""


class OAuthError(Exception):
    """An authorization server issued no token that can be used. No secret is part of it.

    Attributes:
        error: The server's error code, such as ``"invalid_client"`` (RFC 6749 section 5.2), if it gave one.
        error_description: The server's explanation, if it gave one; printable, on one line and cut.
        status: The HTTP status of its answer, if there was one.
    """

    error: str | None
    error_description: str | None
    status: int | None

    def __init__(
        self, message: str, error: str | None = None, error_description: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, error, error_description, status)
        self.error = error
        self.error_description = error_description
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])


class TokenUnavailableError(OAuthError):
    """The authorization server is out of reach or failing (429, 5xx): the same request may succeed later."""


class ShortSecretWarning(UserWarning):
    """A shared secret is shorter than the hash it is used with (RFC 7518 section 3.2)."""


class NestedProtectionWarning(UserWarning):
    """A provider that ``protect()`` was given stands inside another, where it has no effect."""


class MissingAudienceWarning(UserWarning):
    """No audience is configured: tokens made for other services are accepted (RFC 8725 section 3.9)."""
