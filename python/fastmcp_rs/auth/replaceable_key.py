"""Lets the key of a verifier be set while a server runs, as with FastMCP's verifier."""

from fastmcp_rs._native import JwtVerifier, RemoteKeys
from fastmcp_rs.auth.configuration_warnings import warn_of_short_secret
from fastmcp_rs.auth.native_provider import NativeProvider

__all__ = ["ReplaceableKey"]


class ReplaceableKey(NativeProvider):
    """A provider with a key that may be replaced."""

    _native: JwtVerifier
    # The fetched keys, if a URL or an issuer was given; and the same keys while they are in use.
    _fetched: RemoteKeys | None
    _remote: RemoteKeys | None
    _may_fetch = True

    @property
    def public_key(self) -> str | bytes | None:
        """The key that was given, unless it is a secret. Setting it takes effect at once.

        It takes what the initializer takes, and counts in the place of keys that are fetched; ``None`` lets those
        count again.

        Raises:
            ValueError: No token could be verified with it; the key that there was still counts.
        """
        key: str | bytes | None = vars(self).get("public_key")
        return key

    @public_key.setter
    def public_key(self, key: str | bytes | None) -> None:
        if "_native" not in vars(self) or (key is not None and key is self.public_key):
            self._expose(public_key=key)
            return
        if key is None and not self._may_fetch:
            raise ValueError("public_key: there is no jwks_uri any more, and without a key no token can be verified")
        short_secret = self._native.replace_key(key, "public_key")
        self._remote = self._fetched if key is None else None
        self._expose(public_key=None if self._native.is_symmetric else key)
        if short_secret is not None:
            warn_of_short_secret(*short_secret)

    @property
    def jwks_uri(self) -> str | None:
        """The URL of the keys that are fetched. ``None`` may be set once ``public_key`` was: no key is fetched again.

        Raises:
            AttributeError: It is anything else: make a new verifier.
        """
        url: str | None = vars(self).get("jwks_uri")
        return url

    @jwks_uri.setter
    def jwks_uri(self, url: str | None) -> None:
        if "_native" in vars(self) and url is not self.jwks_uri:
            if url is not None or self._remote is not None:
                name = type(self).__name__
                raise AttributeError(f"jwks_uri is read when a {name} is made, and would change nothing later")
            self._may_fetch = False
        self._expose(jwks_uri=url)
