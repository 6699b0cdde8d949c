"""A verifier of many issuers, each with keys and rules of its own: what ``JWTVerifier.from_issuers`` makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from fastmcp_rs import _compat
from fastmcp_rs._native import Decision, IssuersVerifier, JwtVerifier, RemoteKeys, text
from fastmcp_rs.auth.denylist import DENYLIST_SECONDS, DenyingProvider, ReadDenylist
from fastmcp_rs.auth.jwt_overrides import KEY_LOOKUPS
from fastmcp_rs.auth.native_provider import CACHE_SIZE, NativeProvider
from fastmcp_rs.auth.remote_keys import soonest_fetch, wait_until_idle, warm_up
from fastmcp_rs.auth.start_hints import fetch_first_keys
from fastmcp_rs.auth.unlisted_issuers import AllowIssuer, UnlistedIssuers
from fastmcp_rs.types import KeysStatus, Url

if TYPE_CHECKING:
    from fastmcp_rs.auth.explanation import Explanation

__all__ = ["MultiIssuerVerifier"]

# Parameters that give the keys. Without them, the issuer's metadata says where the keys are.
_KEYS = ("secret", "public_key", "jwks_uri")
# Parameters of which one verifier may have another one than the common options.
_ALTERNATIVES = ("algorithm", "algorithms")


class _Verifier(Protocol):
    """The parts of a ``JWTVerifier`` that this module needs."""

    _native: JwtVerifier
    _remote: RemoteKeys | None

    @property
    def issuer(self) -> str | list[str] | None: ...
    def keys(self) -> KeysStatus: ...


class MultiIssuerVerifier(DenyingProvider, _compat.JWTVerifierBase):
    """Verifies the tokens of many issuers (RFC 8725 section 3.8).

    The ``iss`` of a token chooses the issuer, whose keys, algorithms, audience and rules alone decide. A token of an
    unknown issuer is refused as ``issuer_mismatch``, and nothing is fetched for it.
    """

    _native: IssuersVerifier
    _not_asked = KEY_LOOKUPS

    def __init__(
        self,
        verifier_class: Any,  # noqa: ANN401 - JWTVerifier, which makes this
        issuers: Iterable[Any],
        *,
        opaque_token_provider: NativeProvider | None = None,
        unlisted_issuers: AllowIssuer | None = None,
        required_scopes: str | Sequence[str] | None = None,
        base_url: Url | None = None,
        resource_base_url: Url | None = None,
        resource_server_url: Url | None = None,
        detailed_errors: bool = False,
        unavailable: Literal["raise", "none"] = "raise",
        step_up: bool = True,
        cache_size: int = CACHE_SIZE,
        denylist: ReadDenylist | None = None,
        denylist_interval: float = DENYLIST_SECONDS,
        authorization_servers: Sequence[object] | None = None,
        scopes_supported: str | Sequence[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: object = None,
        **common: Any,  # noqa: ANN401 - those of JWTVerifier
    ) -> None:
        """Configure the issuers. ``JWTVerifier.from_issuers`` has the parameters in full."""
        _check_overrides(verifier_class)
        self._native = IssuersVerifier(cache_size=cache_size)
        self._class, self._common = verifier_class, common
        self._verifiers: dict[str, _Verifier] = {}
        self._opaque = _checked_provider(opaque_token_provider)
        self._unlisted = None if unlisted_issuers is None else UnlistedIssuers(unlisted_issuers, self._add_unlisted)
        given = _listed(issuers)
        IssuersVerifier.check_count(len(given))
        self._describe_resource(
            (base_url, resource_base_url, resource_server_url),
            list(filter(None, map(self._discovered, given))) or None,
            authorization_servers=authorization_servers,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        # Without explicit servers, they follow the issuers.
        self._names_servers = authorization_servers is None and self._resource is not None
        for issuer in given:
            self._add(self._made(issuer, self._common))
        if not self._verifiers and unlisted_issuers is None:
            raise ValueError("issuers is empty: give one at least, or unlisted_issuers, which allows others")
        self._read_denylist(denylist, denylist_interval)
        self._bind_decision()
        vars(self).update(_compat.jwt_verifier_state([], None, None))
        super().__init__(
            required_scopes=required_scopes,
            detailed_errors=detailed_errors,
            unavailable=unavailable,
            step_up=step_up,
            base_url=base_url,
            resource_base_url=resource_base_url,
            resource_server_url=resource_server_url,
        )

    @property
    def issuer(self) -> list[str]:  # type: ignore[override]  # a plain attribute in FastMCP
        """The issuers that are trusted now, in a new list."""
        return list(self._verifiers)

    def add_issuer(self, issuer: Any) -> None:  # noqa: ANN401 - a str, a dict or a JWTVerifier
        """Add an issuer, which is trusted from now on. Requests may run meanwhile.

        Where the metadata of the resource names the issuers of ``from_issuers``, it names this one too if clients can
        find it: it is given without keys and ``tenants``.

        Args:
            issuer: As an item of ``JWTVerifier.from_issuers``.

        Raises:
            ValueError: It cannot work, or is trusted already.
        """
        self._add(self._made(issuer, self._common))
        found = self._discovered(issuer)
        if found is not None:
            self._name_servers(lambda named: [*named, found])

    def remove_issuer(self, issuer: str) -> None:
        """Remove an issuer, and those that were added with it. Its tokens are refused from now on.

        The metadata of the resource no longer names it, where it did so by itself.

        Args:
            issuer: The issuer, as it was given.

        Raises:
            ValueError: There is no such issuer.
        """
        if not self._native.remove(text(issuer, "issuer")):
            raise ValueError(f"the issuer {issuer!r} is none of these: {', '.join(self._verifiers)}")
        removed = self._verifiers[issuer]
        self._verifiers = {name: verifier for name, verifier in self._verifiers.items() if verifier is not removed}
        self._name_servers(lambda named: [name for name in named if name in self._verifiers])

    def _name_servers(self, changed: Callable[[list[str]], list[str]]) -> None:
        """Change which issuers the metadata names, unless the operator named them."""
        if self._names_servers and self._resource is not None:
            self._resource.name_servers(changed(self._resource.authorization_servers))
            self._expose(authorization_servers=list(self._resource.authorization_servers))

    def _discovered(self, issuer: object) -> str | None:
        """The name of an issuer with keys in its metadata, so that clients can get tokens from it; else ``None``."""
        if not isinstance(issuer, Mapping):
            return issuer if isinstance(issuer, str) else None
        parameters = {**self._common, **issuer}
        name = parameters.get("issuer")
        has_none = all(parameters.get(given) is None for given in (*_KEYS, "tenants"))
        return name if has_none and isinstance(name, str) else None

    def _made(self, issuer: Any, common: Mapping[str, Any]) -> _Verifier:  # noqa: ANN401 - as of add_issuer
        if isinstance(issuer, NativeProvider):
            return cast("_Verifier", _usable(issuer, self._class))
        if isinstance(issuer, str):
            issuer = {"issuer": issuer}
        if not isinstance(issuer, Mapping) or "issuer" not in issuer:
            raise ValueError(
                "issuers must hold issuers, dicts with the parameters of a JWTVerifier and an issuer, or JWTVerifiers, "
                f"not {type(issuer).__name__}"
            )
        replaced = _ALTERNATIVES if any(name in issuer for name in _ALTERNATIVES) else ()
        shared = {name: value for name, value in common.items() if name not in replaced}
        # The tokens of all issuers share one cache.
        parameters = {**shared, **issuer, "cache_size": 0}
        if self._resource is not None:
            # The served resource belongs to this verifier.
            parameters.setdefault("audience", self._resource.urls)
        if any(parameters.get(name) is not None for name in _KEYS):
            return cast("_Verifier", self._class(**parameters))
        return cast("_Verifier", self._class.from_issuer(**parameters))

    def _add(self, verifier: _Verifier) -> None:
        self._native.add(verifier._native)
        names = verifier.issuer
        added = [names] if isinstance(names, str) else [*(names or ())]
        self._verifiers.update(dict.fromkeys(added, verifier))

    def _add_unlisted(self, issuer: str, parameters: Mapping[str, Any]) -> None:
        common = {name: value for name, value in self._common.items() if name not in ("http_client", "allow_http")}
        self._add(self._made({**parameters, "issuer": issuer, "ssrf_safe": True}, common))

    def _bind_decision(self) -> None:
        """Let the native function itself decide, unless another provider or a callable may have to be asked."""
        super()._bind_decision()
        if vars(self).get("_opaque") is not None or vars(self).get("_unlisted") is not None:
            vars(self).pop("_decide", None)

    def _decide(self, token: object) -> Decision:
        if self._opaque is not None and not IssuersVerifier.looks_like_jwt(token):
            return self._native.as_for_every_token(self._opaque._decide(token))
        decision = self._native.decide(token)
        if self._unlisted is not None and decision.code == "issuer_mismatch":
            unlisted = self._native.unlisted_issuer(token)
            if unlisted is not None and self._unlisted.admits(unlisted):
                return self._native.decide(token)
        return decision

    async def _decide_later(self, token: Any, request: object = None) -> Decision:  # noqa: ANN401 - a str by now
        if self._opaque is not None and not IssuersVerifier.looks_like_jwt(token):
            return self._native.as_for_every_token(await self._opaque._decide_later(token, request))
        remote = self._remote_of(token)
        if remote is not None:
            await wait_until_idle(remote)
        return self._native.decide(token, waited=True)

    def _remote_of(self, token: str) -> RemoteKeys | None:
        """The fetched keys of the issuer that a token names, if it is one of these and has any."""
        name = self._native.trusted_issuer(token)
        verifier = None if name is None else self._verifiers.get(name)
        return None if verifier is None else verifier._remote

    def _needs_asyncio(self) -> bool:
        """Always true: keys may be fetched, and another provider asked."""
        return True

    def _note_start(self) -> None:
        """Fetch the keys of the first issuers, so that the log tells where that fails."""
        fetch_first_keys([verifier._remote for verifier in [*self._verifiers.values()]])

    async def warm_up(self) -> None:
        """Fetch the keys of every issuer, and read the ``denylist``, ahead of the first request.

        Raises:
            TokenVerificationError: Those of one cannot be fetched, or the ``denylist`` not read; the text says why.
        """
        await self._warm_up_denylist()
        for remote in dict.fromkeys(verifier._remote for verifier in [*self._verifiers.values()]):
            if remote is not None:
                await warm_up(remote)

    def _retry_after(self) -> float | None:
        """The seconds until keys whose fetch failed can be fetched again, of whichever issuer is first."""
        remotes = filter(None, [verifier._remote for verifier in [*self._verifiers.values()]])
        return soonest_fetch(remote.retry_after() for remote in remotes)

    def keys(self) -> dict[str, KeysStatus]:
        """The state of the fetched keys of each issuer, as ``JWTVerifier.keys()`` tells it."""
        return {name: verifier.keys() for name, verifier in [*self._verifiers.items()]}

    def stats(self) -> Any:  # noqa: ANN401 - as of a JWTVerifier, with the keys of many
        """Count what was decided so far, with the state of the fetched keys of each issuer.

        Returns:
            As of ``JWTVerifier``, but that ``keys`` is absent, and ``issuers`` is a dict of the state of the keys by
            issuer.
        """
        return {**super().stats(), "issuers": self.keys(), "cache": self._native.cache()}

    async def explain(self, token: str) -> "Explanation":
        """Explain the decision about a token, as ``JWTVerifier.explain`` does.

        Args:
            token: The token as the client sends it. What is no JWT is not explained by ``opaque_token_provider``.

        Returns:
            The explanation, by the rules of the issuer that the token names.
        """
        from fastmcp_rs.auth.explanation import (  # noqa: PLC0415 - a running server does not need it
            explanation_of,
            with_override_advice,
        )

        explanation = self._native.explain(token)
        if explanation is None:
            remote = self._remote_of(token)
            if remote is not None:
                await wait_until_idle(remote)
            explanation = self._native.explain(token, waited=True)
        assert explanation is not None  # noqa: S101 - after waiting there is always an explanation
        return with_override_advice(explanation_of(explanation), self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(issuer={self.issuer!r}, required_scopes={self.required_scopes!r})"


def _listed(issuers: object) -> list[Any]:
    wrong = "issuers must be a list of issuers, of dicts of parameters, or of JWTVerifiers"
    if isinstance(issuers, (str, bytes, Mapping)) or not isinstance(issuers, Iterable):
        raise ValueError(wrong)  # noqa: TRY004 - as for every other parameter
    try:
        return list(issuers)
    except Exception as error:
        raise ValueError(wrong) from error


# Methods that a subclass of a verifier may override, which this verifier would not call.
_OVERRIDABLE = ("authenticate", "verify_token", "load_access_token", "_validate_issuer", "_extract_scopes")


def _usable(verifier: NativeProvider, plain: type[NativeProvider]) -> NativeProvider:
    """A verifier that was given, if it has no overrides, which would not be called, and serves no resource."""
    if not isinstance(verifier, plain):
        raise ValueError(  # noqa: TRY004 - as for every other parameter
            f"issuers must hold JWTVerifiers, not {type(verifier).__name__}"
        )
    _check_overrides(type(verifier), vars(verifier))
    if verifier._resource_urls is not None:
        raise ValueError(
            "issuers have a verifier whose audience or metadata is that of a resource, which is served by what "
            f"from_issuers() makes: give that authorization_servers and {_compat.server_url_parameter()}"
        )
    return verifier


def _check_overrides(cls: type, attributes: Iterable[str] = ()) -> None:
    for name in _OVERRIDABLE:
        if name in attributes or not getattr(cls, name).__module__.startswith("fastmcp_rs."):
            raise ValueError(
                f"issuers have a verifier that overrides {name}, which would not be asked: give a plain one"
            )


def _checked_provider(provider: object) -> NativeProvider | None:
    if provider is None:
        return None
    is_ours = isinstance(provider, NativeProvider) and type(provider).__module__.startswith("fastmcp_rs.")
    if not is_ours or isinstance(provider, MultiIssuerVerifier):
        raise ValueError(
            "opaque_token_provider must be an OAuthProvider, a RemoteAuthProvider or a StaticTokenVerifier of "
            f"fastmcp_rs, not {type(provider).__name__}"
        )
    return cast("NativeProvider", provider)
