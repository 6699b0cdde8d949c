"""FastMCP's server class, which takes a provider under the documented name."""

from typing import Any

from fastmcp_rs import _compat

__all__ = ["FastMCP"]


class FastMCP(_compat.FastMCPBase[Any]):
    """The installed FastMCP, with ``auth_provider`` as another name for ``auth``."""

    def __init__(self, *args: Any, auth_provider: Any = None, **kwargs: Any) -> None:  # noqa: ANN401 - FastMCP's own
        """Make a server.

        Args:
            *args: FastMCP's own.
            auth_provider: The provider that protects the server over HTTP; ``None`` leaves it to ``auth``.
            **kwargs: FastMCP's own, ``auth`` among them.

        Raises:
            TypeError: ``auth_provider``, or ``auth``, is no provider: without one the server would be open.
            ValueError: Both ``auth`` and ``auth_provider`` are given.
        """
        if auth_provider is not None and "auth" in kwargs:
            raise ValueError("auth_provider is another name for auth: give one of them")
        absent = _compat.absent_auth(super().__init__)
        auth = None if kwargs.get("auth", absent) is absent else kwargs["auth"]
        for name, given in (("auth_provider", auth_provider), ("auth", auth)):
            if given is not None and not isinstance(given, _compat.AuthProviderBase):
                raise TypeError(
                    f"{name} must be a provider, such as a JWTVerifier, or None, not a {type(given).__name__}: without "
                    "a provider the server would be open"
                )
        if auth_provider is not None:
            kwargs["auth"] = auth_provider
        super().__init__(*args, **kwargs)
