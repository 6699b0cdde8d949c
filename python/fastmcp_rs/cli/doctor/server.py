"""A server in a file: its provider, its keys, and what it answers when it runs on a free port of this machine."""

import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from fastmcp_rs import _compat, installed
from fastmcp_rs._native import RemoteKeys
from fastmcp_rs.auth.introspecting_provider import IntrospectingProvider
from fastmcp_rs.auth.native_provider import NativeProvider
from fastmcp_rs.auth.oauth_provider import OAuthProvider
from fastmcp_rs.auth.protected_provider import inside
from fastmcp_rs.auth.protected_resource import FROM_RESOURCE
from fastmcp_rs.auth.provider import AuthProvider
from fastmcp_rs.auth.remote_auth_provider import RemoteAuthProvider
from fastmcp_rs.cli.doctor import keys
from fastmcp_rs.cli.doctor.endpoint import WITHOUT_METADATA, Endpoint, endpoint
from fastmcp_rs.cli.doctor.findings import Finding, advise, fail, note, pass_
from fastmcp_rs.cli.doctor.questions import answers_of, reached
from fastmcp_rs.cli.server_file import ImportFailedError, file_and_name, found_in, imported
from fastmcp_rs.cli.serving import serving
from fastmcp_rs.cli.terminal import waiting

__all__ = ["server"]

_PATH = "/mcp"


def server(place: str, origin: str | None, *, allow_http: bool) -> Iterator[Finding]:
    """Look at a server.

    Args:
        place: A file, or ``file:name`` for a name of its own.
        origin: The origin of the browser that is asked for, if the user named one.
        allow_http: Whether keys may be fetched over http from other machines.

    Raises:
        ValueError: There is no such file or name.
    """
    file, name = file_and_name(place)
    try:
        with waiting("doctor", f"importing {file}"):
            module = imported(file)
    except ImportFailedError as error:
        yield fail("server", f"it cannot be imported: {error.reason}", error.fix)
        return
    found = found_in(module, name)
    is_fastmcp = isinstance(found, _compat.fastmcp().FastMCP)
    auth = getattr(found, "auth", None) if is_fastmcp else None
    if is_fastmcp:
        yield from _provider(auth)
        for verifier in _verifiers(auth):
            yield from _audience(verifier, auth)
            asked = _asked(verifier)
            yield from _keys(verifier, asked, allow_http=allow_http)
            if asked is not None:
                yield asked
        yield from _sign_in(auth)
    app = found.http_app(path=_PATH) if is_fastmcp else found
    path = getattr(getattr(app, "state", None), "path", None) or _PATH
    try:
        with ExitStack() as running:
            with waiting("doctor", "starting the server"):
                port = running.enter_context(serving(app))
            url = f"http://127.0.0.1:{port}{path}"
            looked_at = Endpoint(
                url,
                origin,
                allow_http=allow_http,
                is_here=True,
                with_issuers=False,
                without_metadata=_without_metadata(auth),
            )
            yield from endpoint(looked_at)
    except RuntimeError:
        fix = "run it by itself: its log says why"
        yield fail("server", "it does not start within 30 seconds, or stops at once", fix)


def _provider(auth: Any) -> Iterator[Finding]:  # noqa: ANN401 - any provider
    if auth is None:
        yield fail("provider", "the server has no auth: anyone may call it", "FastMCP(..., auth=JWTVerifier(...))")
        return
    name = f"{type(auth).__module__}.{type(auth).__qualname__}"
    if isinstance(auth, AuthProvider):
        yield pass_("provider", name)
    elif installed():
        yield pass_("provider", f"{name}, with install()")
    else:
        ours = [type(one).__qualname__ for one in _verifiers(auth) if isinstance(one, AuthProvider)]
        if ours:
            yield pass_("provider", f"{name} around {', '.join(ours)}")
        else:
            fix = "fastmcp_rs.install(), or fastmcp-rs run, makes its verifier native"
            yield advise("provider", f"{name}, which verifies in Python", fix)


def _verifiers(auth: Any) -> Iterator[Any]:  # noqa: ANN401 - any provider
    """The verifiers of a provider: itself, or those that it holds as FastMCP's do."""
    if auth is None:
        return
    held = [getattr(auth, "token_verifier", None), getattr(auth, "server", None)]
    held += getattr(auth, "verifiers", None) or []
    by_issuer = getattr(auth, "_verifiers", None)
    held += by_issuer.values() if isinstance(by_issuer, dict) else ()
    inside = [one for one in held if one is not None]
    if not inside:
        yield auth
    for one in inside:
        yield from _verifiers(one)


def _audience(verifier: Any, auth: Any) -> Iterator[Finding]:  # noqa: ANN401 - any verifier, any provider
    if not hasattr(verifier, "audience"):
        return
    audience = verifier.audience
    if audience is FROM_RESOURCE:
        yield pass_("audience", "the resource that is served")
        return
    expected = [audience] if isinstance(audience, str) else list(audience or ())
    base = str(getattr(auth, "base_url", None) or "").rstrip("/")
    clients = getattr(verifier, _client_rule(verifier), None)
    if not expected and clients:
        named = [clients] if isinstance(clients, str) else clients
        yield pass_("audience", f"none, and tokens must be those of the client {', '.join(named)}")
    elif not expected and _only_asks(verifier):
        fix = "audience=, if the server that is asked knows the tokens of other services too"
        yield advise("audience", "none: whatever the server that is asked accepts is accepted", fix)
    elif not expected:
        fix = "audience= the URL of this server, or what the issuer puts into aud of its tokens"
        yield fail("audience", "none: tokens that the issuer made for other services are accepted", fix)
    elif base and not any(one.rstrip("/") in (base, f"{base}{_PATH}") for one in expected):
        fix = "right if the issuer knows no resources (RFC 8707) and puts this into aud; else audience= the URL"
        yield advise("audience", f"{', '.join(expected)} is not the resource {base}{_PATH}", fix)
    else:
        yield pass_("audience", ", ".join(expected))


def _client_rule(verifier: Any) -> str:  # noqa: ANN401 - any verifier
    """The attribute with the expected clients of tokens; FastMCP has no such rule."""
    if not isinstance(verifier, NativeProvider):
        return ""
    return "allowed_client_id" if isinstance(verifier, OAuthProvider) else "client_id"


def _only_asks(verifier: Any) -> bool:  # noqa: ANN401 - any verifier
    return isinstance(verifier, RemoteAuthProvider) or hasattr(verifier, "introspection_url")


def _sign_in(auth: Any) -> Iterator[Finding]:  # noqa: ANN401 - any provider
    for proxy in filter(_compat.is_oauth_proxy, inside(auth)):
        url = str(getattr(proxy, "_upstream_authorization_endpoint", ""))
        who = urllib.parse.urlsplit(url).hostname or "the provider behind this server"
        yield note("sign-in", f"{who} was not asked: it sees client_id and client_secret only when someone signs in")


def _keys(verifier: Any, asked: Finding | None, *, allow_http: bool) -> Iterator[Finding]:  # noqa: ANN401 - any verifier
    algorithms = _algorithms(verifier)
    # Of one of ours its own source of keys; of FastMCP's, one for the same URL.
    for own in (getattr(verifier, "_remote", None), getattr(verifier, "_keys", None)):
        if isinstance(own, RemoteKeys):
            yield from keys.fetched(own, algorithms, keys.Role(asked=asked))
            return
    url = getattr(verifier, "jwks_uri", None)
    try:
        if url is not None:
            yield from keys.key_set(str(url), allow_http=allow_http, algorithms=algorithms)
        elif getattr(verifier, "public_key", None) is not None:
            yield pass_("keys", "given in the configuration")
    except ValueError as error:
        yield fail("keys", str(error), "give the doctor --allow-http if the network to that machine is trusted")


def _asked(verifier: Any) -> Finding | None:  # noqa: ANN401 - any verifier
    """What came of a question to the endpoint that is asked about tokens, if there is one."""
    if isinstance(verifier, IntrospectingProvider):
        return answers_of(verifier)
    # FastMCP's own verifier gives no reason for a refusal.
    url = getattr(verifier, "introspection_url", None)
    return reached(url) if isinstance(url, str) else None


def _without_metadata(auth: Any) -> Finding:  # noqa: ANN401 - any provider
    """The finding for a challenge without the URL of metadata."""
    verifiers = list(_verifiers(auth))
    if verifiers and all(map(_is_without_server, verifiers)):
        return pass_("resource metadata", "none: no authorization server gives the tokens of this server")
    if getattr(auth, "base_url", None) is None:
        return WITHOUT_METADATA
    return advise(
        WITHOUT_METADATA.check,
        "there is none (RFC 9728): base_url is given, and authorization_servers is not",
        "authorization_servers=[the issuer] beside base_url; nothing, if clients are given their tokens",
    )


def _is_without_server(verifier: Any) -> bool:  # noqa: ANN401 - any verifier
    """Whether the tokens are a list's, of a shared secret, or of a scheme of the operator's own."""
    algorithms = _algorithms(verifier)
    if algorithms:
        return all(name.startswith("HS") for name in algorithms)
    is_own_scheme = isinstance(verifier, AuthProvider) and not isinstance(verifier, NativeProvider)
    return is_own_scheme or any(base.__name__ == "StaticTokenVerifier" for base in type(verifier).__mro__)


def _algorithms(verifier: Any) -> Sequence[str] | None:  # noqa: ANN401 - any verifier
    found = getattr(verifier, "algorithms", None) or getattr(verifier, "algorithm", None)
    return [found] if isinstance(found, str) else found
