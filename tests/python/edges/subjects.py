"""Every parameter of everything public: how it is passed, and the kind of values that it takes."""

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from fastmcp_rs import host, install, jws, uninstall
from fastmcp_rs.auth import (
    AccessToken,
    AuthProvider,
    JWTVerifier,
    OAuthProvider,
    RemoteAuthProvider,
    StaticTokenVerifier,
)
from fastmcp_rs.client.auth import BearerAuth, OAuth
from fastmcp_rs.errors import TokenRejectedError
from fastmcp_rs.server.dependencies import require_scope, validate_scopes
from fastmcp_rs.testing import KeyPair

SECRET = "a shared secret of the tests that is as long as SHA-512's output"
PAIR = KeyPair.generate("ES256")
URL = "https://issuer.example/x"


class Custom(AuthProvider):
    """A provider of somebody's own, with the initializer that it inherits."""

    async def authenticate(self, request):
        """Let nobody in."""


@dataclass(frozen=True)
class Subject:
    """Something that is called with arguments, and what each of them may be."""

    call: Callable[..., Any]
    # The kind of each parameter. With a kind may come arguments that stand in the place of the good ones: None for
    # those that are then left out.
    parameters: dict[str, str | tuple[str, dict[str, Any]]]
    good: dict[str, Any] = field(default_factory=dict)
    # How an error calls a parameter, where that is not its name.
    called: dict[str, str] = field(default_factory=dict)
    by_position: bool = False

    def kind(self, parameter):
        """The name of the kind of a parameter."""
        named = self.parameters[parameter]
        return named if isinstance(named, str) else named[0]

    def pass_to(self, parameter, value):
        """Call it with this value, and good ones for the rest."""
        named = self.parameters[parameter]
        arguments = {**self.good, **({} if isinstance(named, str) else named[1])}
        arguments = {name: argument for name, argument in arguments.items() if argument is not None}
        return self.call(value) if self.by_position else self.call(**{**arguments, parameter: value})


def _server_urls():
    """The kinds of the URLs of this server: each line of FastMCP has its own, and without FastMCP there are all."""
    base = host.TokenVerifierBase
    known = host.URL_PARAMETERS if base is object else inspect.signature(base.__init__).parameters
    return {name: "optional url" if name in known else "unknown url" for name in host.URL_PARAMETERS}


_FETCHED = {"secret": None, "jwks_uri": URL, "algorithm": "ES256"}
_ALGORITHM = {"algorithm": "algorithm"}
_PROVIDER = {"required_scopes": "scopes", "detailed_errors": "flag", **_server_urls()}
_JWT = {
    "algorithms": "algorithms",
    "audience": "expectation",
    "leeway": "leeway",
    "typ": "typ",
    "allow_bound_tokens": "flag",
    "jwks_refresh_interval": "span",
    "jwks_max_stale": "span",
    "allow_http": "flag",
    "cache_size": "count",
}


def _from_issuer(issuer, **options):
    return JWTVerifier.from_issuer(issuer, audience="server", algorithm="ES256", **options)


def _listed(**metadata):
    return StaticTokenVerifier({"an-api-key": metadata})


def _verified(**arguments):
    """What comes of a good key of others is that it says no."""
    with contextlib.suppress(TokenRejectedError):
        jws.verify(**arguments)


def _validated(required_scopes):
    """Where nobody is signed in, what comes of scopes that are taken is that they are missing."""
    with contextlib.suppress(PermissionError, ImportError):
        validate_scopes(required_scopes)


def _installed_for_a_moment(strict):
    try:
        install(strict=strict)
    finally:
        uninstall()


SUBJECTS = {
    "JWTVerifier": Subject(
        JWTVerifier,
        {
            **_PROVIDER,
            **_JWT,
            "secret": "secret",
            "issuer": "expectation",
            "public_key": ("public key", {"secret": None, "algorithm": "ES256"}),
            "algorithm": "optional algorithm",
            "jwks_uri": ("url", {**_FETCHED, "jwks_uri": None}),
            "http_client": ("client", _FETCHED),
            "ssrf_safe": ("flag", _FETCHED),
        },
        {"secret": SECRET, "audience": "server"},
        {
            "algorithms": "algorithms?",
            "algorithm": "algorithms?",
        },
    ),
    # Also where there is nothing to fetch, what is wrong is wrong.
    "JWTVerifier of a secret": Subject(
        JWTVerifier, {"http_client": "client", "ssrf_safe": "flag"}, {"secret": SECRET, "audience": "server"}
    ),
    "JWTVerifier of fetched keys": Subject(
        JWTVerifier,
        {name: _JWT[name] for name in ("jwks_refresh_interval", "jwks_max_stale", "allow_http")},
        {"jwks_uri": URL, "algorithm": "ES256", "audience": "server"},
    ),
    "JWTVerifier.from_issuer": Subject(_from_issuer, {"issuer": "url"}),
    "StaticTokenVerifier": Subject(
        StaticTokenVerifier,
        {
            "valid_tokens": "tokens",
            "token_type": "token type",
            "tokens": ("tokens", {"valid_tokens": None}),
            "required_scopes": "scopes",
            "detailed_errors": "flag",
        },
        {"valid_tokens": ["an-api-key"]},
        {
            "valid_tokens": "tokens?|metadata",
            "tokens": "tokens?|metadata",
            "token_type": "token_type|required_scopes",
        },
    ),
    "StaticTokenVerifier of metadata": Subject(
        _listed,
        {
            **dict.fromkeys(("user_id", "client_id", "sub"), "optional any text"),
            **dict.fromkeys(("scope", "scopes"), "granted scopes"),
            "expires_at": "listed moment",
        },
        called={"scopes": "scopes?"},
    ),
    "OAuthProvider": Subject(
        OAuthProvider,
        {
            **{name: kind for name, kind in _PROVIDER.items() if name != "required_scopes"},
            **_JWT,
            "algorithms": "asymmetric algorithms",
            "client_id": "credential",
            "client_secret": "client secret",
            "token_url": "url",
            "scope": "scopes",
            "issuer": "optional url",
            "jwks_uri": "optional url",
            "introspection_url": "optional url",
            "timeout": "timeout",
        },
        {"client_id": "id", "client_secret": "a secret", "token_url": URL, "audience": "server"},
        {"algorithms": "algorithms?"},
    ),
    "RemoteAuthProvider": Subject(
        RemoteAuthProvider,
        {
            **_PROVIDER,
            **dict.fromkeys(("audience", "client_id", "issuer"), "expectation"),
            "verify_url": "url",
            "headers": "headers",
            "timeout": "timeout",
            "allow_http": "flag",
        },
        {"verify_url": URL},
        {"headers": "headers?"},
    ),
    "AuthProvider": Subject(Custom, _PROVIDER),
    "AccessToken": Subject(
        AccessToken,
        {
            "token": "any text",
            "token_type": "any text",
            "expires_at": "moment",
            "scope": "scopes as they are",
            "user_id": "optional any text",
            "metadata": "metadata",
        },
        {"token": "a-token"},
    ),
    "AccessToken.has_scope": Subject(AccessToken("a-token").has_scope, {"required_scope": "any text"}),
    "verify": Subject(
        _verified,
        {"key": "public key", "algorithms": "optional algorithms"},
        {"token": PAIR.create_token(), "key": PAIR.public_key},
        {"algorithms": "algorithms?"},
    ),
    "install": Subject(_installed_for_a_moment, {"strict": "flag"}),
    "KeyPair": Subject(KeyPair, {"native": "made by generate()"}),
    "KeyPair.generate": Subject(KeyPair.generate, _ALGORITHM),
    "KeyPair.jwk": Subject(PAIR.jwk, {"kid": "optional any text"}),
    "KeyPair.create_token": Subject(
        PAIR.create_token,
        {
            **dict.fromkeys(("subject", "issuer"), "any text"),
            "audience": "any texts",
            "scopes": "scopes",
            "expires_in_seconds": "number",
            "additional_claims": "json object",
            "kid": "optional any text",
        },
        called={"expires_in_seconds": "expires_in_seconds|claims", "additional_claims": "additional_claims|claims"},
    ),
    "KeyPair.sign": Subject(
        PAIR.sign, {"header": "json", "claims": "json"}, {"header": {"alg": "ES256"}, "claims": {}}
    ),
    "BearerAuth": Subject(BearerAuth, {"token": "bearer token"}),
    "OAuth": Subject(
        OAuth,
        {
            "client_id": "credential",
            "client_secret": "client secret",
            "token_url": "url",
            "scope": "scopes",
            "audience": "typ",
            "resource": "optional url",
            "server_url": "optional url",
            "token_endpoint_auth_method": "method",
            "allow_http": "flag",
        },
        {"client_id": "id", "client_secret": "a secret", "token_url": URL},
    ),
    "require_scope": Subject(require_scope, {"scopes": "a scope"}, by_position=True),
    "validate_scopes": Subject(_validated, {"required_scopes": "list of scopes"}),
}

# What is another's to pass: a client, or FastMCP. Each has tests of its own.
ELSEWHERE = {
    "verify(token)": "whatever a client sent raises TokenRejectedError: test_jws.py",
    **dict.fromkeys(
        (
            *("NativeProvider.authenticate(request)", "NativeProvider.verify_token(token)"),
            *("AuthProvider.authenticate(request)", "AuthProvider.verify_token(token)"),
            *(
                "NativeProvider.load_access_token(token)",
                "NativeProvider.decided(request)",
                "JWTVerifier.explain(token)",
            ),
        ),
        "whatever a client sent is answered: test_any_input.py",
    ),
    **dict.fromkeys(
        ("BearerAuth.auth_flow(request)", "OAuth.async_auth_flow(request)", "OAuth.sync_auth_flow(request)"),
        "the HTTP library's own: test_token_requests.py",
    ),
    "AccessToken.host_fields(fields)": "the host's token is made of them: test_face_answers.py",
    "Explanation.of(told)": "what the native side tells: test_value.py",
}
# What is only ever made here, of what was decided; so a constructor of it is no configuration.
OUTCOMES = {
    *("Explanation", "KeysUnavailableError", "MissingAudienceWarning", "OAuthError"),
    *("ShortSecretWarning", "TokenRejectedError", "TokenUnavailableError"),
    "TokenVerificationError",
}


if find_spec("fastmcp"):
    from fastmcp_rs import FastMCP

    SUBJECTS["FastMCP"] = Subject(FastMCP, {"auth_provider": "provider"}, {"name": "test"})
