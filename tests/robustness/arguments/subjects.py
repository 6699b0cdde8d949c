"""Every parameter of everything public: how it is passed, and the kind of values that it takes."""

import contextlib
import inspect
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastmcp_rs import _compat, install, jws, uninstall
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
KEY_FILE = runpy.run_path(str(Path(__file__).with_name("kinds.py")))["KEY_FILE"]


class Custom(AuthProvider):
    """A user's own provider, with the inherited initializer."""

    async def authenticate(self, request):
        """Accept nothing."""


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
    base = _compat.TokenVerifierBase
    known = _compat.URL_PARAMETERS if base is object else inspect.signature(base.__init__).parameters
    return {name: "optional url" if name in known else "unknown url" for name in _compat.URL_PARAMETERS}


_SERVER = {_compat.server_url_parameter(): URL}
_DESCRIBED = {**_SERVER, "authorization_servers": [URL]}
_METADATA = {
    "authorization_servers": ("servers", _SERVER),
    "scopes_supported": ("scopes", _DESCRIBED),
    "resource_name": ("optional any text", _DESCRIBED),
    "resource_documentation": ("optional url", _DESCRIBED),
}
_FETCHED = {"secret": None, "jwks_uri": URL, "algorithm": "ES256"}
_ALGORITHM = {"algorithm": "algorithm"}
_DPOP = {
    "dpop": "dpop mode",
    "dpop_algorithms": ("dpop algorithms", {"dpop": "allowed"}),
    "dpop_max_age": ("dpop age", {"dpop": "allowed"}),
    "dpop_nonce": ("dpop nonce", {"dpop": "required"}),
    "dpop_trust_forwarded": ("flag", {"dpop": "allowed"}),
}
_PROVIDER = {
    "required_scopes": "scopes",
    "detailed_errors": "flag",
    "unavailable": "unavailable",
    "step_up": "flag",
    **_server_urls(),
}
_RULES = {
    **dict.fromkeys(("client_id_claim", "subject_claim", "required_claims", "scope_claims"), "claims"),
    "scope_hierarchy": "hierarchy",
    "expected_claims": "expected claims",
    "max_age": "age",
    "iat_leeway": "leeway",
}
_JWT = {
    **_DPOP,
    **_RULES,
    "algorithms": "algorithms",
    "audience": "expectation",
    "leeway": "leeway",
    "typ": "typ",
    "allow_bound_tokens": "flag",
    "allow_id_tokens": "optional flag",
    "jwks_refresh_interval": "span",
    "jwks_max_stale": "span",
    "allow_http": "flag",
    "cache_size": "count",
}
# Beside a secret.
_ASSERTIONS = dict.fromkeys(("private_key_file", "assertion_audience"), "nothing")
_SIGNED = {"private_key_file": "key file", "assertion_audience": ("typ", {"private_key_file": KEY_FILE})}
_ASSERTING = {
    "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    "private_key_file": KEY_FILE,
    "assertion_client_id": "id",
}
_DENYLIST = {"denylist": "function", "denylist_interval": "interval"}


def _made_store():
    """Stands for a function that makes a store: none is made before a token comes."""


_REMEMBERED = {
    "cache_ttl_seconds": "optional memory span",
    "max_cache_size": "optional count",
    "stale_if_error_seconds": ("memory span", {"cache_ttl_seconds": 60}),
    "cache_store": ("answer store", {"cache_ttl_seconds": 60, "cache_secret": SECRET}),
    "cache_secret": ("answer secret", {"cache_ttl_seconds": 60, "cache_store": _made_store}),
    "cache_local_seconds": "memory span",
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
    """Without a user, scopes of a right type are reported as missing."""
    with contextlib.suppress(PermissionError, ImportError):
        validate_scopes(required_scopes)


def _installed_for_a_moment(**arguments):
    try:
        install(**arguments)
    finally:
        uninstall()


def _from_issuers(issuers, **options):
    return JWTVerifier.from_issuers(issuers, **{"audience": "server", **options})


SUBJECTS = {
    "JWTVerifier": Subject(
        JWTVerifier,
        {
            **_PROVIDER,
            **_JWT,
            **_DENYLIST,
            **_METADATA,
            "secret": "secret",
            **dict.fromkeys(("issuer", "client_id"), "expectation"),
            "tenants": ("tenants", {"issuer": "https://issuer.example/{tenantid}"}),
            "public_key": ("public key", {"secret": None, "algorithm": "ES256"}),
            "algorithm": "optional algorithm",
            "jwks_uri": ("url", {**_FETCHED, "jwks_uri": None}),
            "http_client": ("client", _FETCHED),
            "ssrf_safe": ("flag", _FETCHED),
            "key_use": "typ",
        },
        {"secret": SECRET, "audience": "server"},
        {
            "algorithms": "algorithms?",
            "algorithm": "algorithms?",
        },
    ),
    # A wrong value is an error also where nothing is fetched.
    "JWTVerifier of a secret": Subject(
        JWTVerifier, {"http_client": "client", "ssrf_safe": "flag"}, {"secret": SECRET, "audience": "server"}
    ),
    "JWTVerifier of fetched keys": Subject(
        JWTVerifier,
        {name: _JWT[name] for name in ("jwks_refresh_interval", "jwks_max_stale", "allow_http")},
        {"jwks_uri": URL, "algorithm": "ES256", "audience": "server"},
    ),
    "JWTVerifier.from_issuer": Subject(
        _from_issuer, {"issuer": "url", "metadata_url": "optional url"}, {"issuer": "https://issuer.example"}
    ),
    "JWTVerifier.from_issuers": Subject(
        _from_issuers, {"issuers": "issuers"}, {"issuers": [URL]}, {"issuers": "issuers?"}
    ),
    "JWTVerifier.from_issuers of options": Subject(
        _from_issuers,
        {**_PROVIDER, "cache_size": "count", **_DENYLIST, **dict.fromkeys(("leeway", "iat_leeway"), "leeway")},
        {"issuers": [URL]},
    ),
    "DenyingProvider.deny": Subject(
        lambda **denied: JWTVerifier(SECRET, audience="server").deny(**denied),
        {
            "jti": "denied text",
            **dict.fromkeys(("subject", "client_id"), ("denied text", {"jti": None})),
            "issuer": "optional denied text",
            **dict.fromkeys(("issued_before", "expires_at"), "listed moment"),
        },
        {"jti": "t1"},
    ),
    "StaticTokenVerifier": Subject(
        StaticTokenVerifier,
        {
            "valid_tokens": "tokens",
            "token_type": "token type",
            "tokens": ("tokens", {"valid_tokens": None}),
            "required_scopes": "scopes",
            "detailed_errors": "flag",
            "step_up": "flag",
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
            **_DENYLIST,
            **_JWT,
            **_METADATA,
            **_REMEMBERED,
            "algorithms": "asymmetric algorithms",
            "allowed_client_id": "expectation",
            "client_id": "credential",
            "client_secret": "client secret",
            "token_url": "url",
            "scope": "scopes",
            "issuer": "optional url",
            "jwks_uri": "optional url",
            "introspection_url": "optional url",
            **_ASSERTIONS,
            "require_token_type": "optional flag",
            "token_characters": "token characters",
            "timeout": "timeout",
        },
        {"client_id": "id", "client_secret": "a secret", "token_url": URL, "audience": "server"},
        {"algorithms": "algorithms?"},
    ),
    "RemoteAuthProvider": Subject(
        RemoteAuthProvider,
        {
            **_PROVIDER,
            **_DPOP,
            **_RULES,
            **_METADATA,
            **_REMEMBERED,
            **_DENYLIST,
            **dict.fromkeys(("audience", "client_id", "issuer"), "expectation"),
            "verify_url": "url",
            "headers": "headers",
            "assertion_client_id": ("credential", _ASSERTING),
            "private_key_file": ("key file", _ASSERTING),
            "assertion_audience": ("typ", _ASSERTING),
            "timeout": "timeout",
            "allow_http": "flag",
            "allow_id_tokens": "flag",
            "require_token_type": "optional flag",
            "token_characters": "token characters",
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
    "install": Subject(_installed_for_a_moment, {"strict": "flag", "step_up": "flag", **_REMEMBERED}),
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
    "KeyPair.create_dpop_proof": Subject(
        PAIR.create_dpop_proof,
        {
            **dict.fromkeys(("method", "url"), "any text"),
            **dict.fromkeys(("token", "nonce"), "optional any text"),
            "issued_in_seconds": "number",
            **dict.fromkeys(("additional_claims", "additional_header"), "json object"),
        },
        {"method": "POST", "url": URL},
        called={
            "issued_in_seconds": "issued_in_seconds|claims",
            "additional_claims": "additional_claims|claims",
            "additional_header": "additional_header|header",
        },
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
            **_ASSERTIONS,
            "allow_http": "flag",
            "dpop": "flag",
        },
        {"client_id": "id", "client_secret": "a secret", "token_url": URL},
    ),
    "OAuth of a key": Subject(partial(OAuth, "id", None, URL), _SIGNED),
    "OAuthProvider of a key": Subject(partial(OAuthProvider, "id", None, URL, audience="server"), _SIGNED),
    "require_scope": Subject(require_scope, {"scopes": "a scope"}, by_position=True),
    "validate_scopes": Subject(_validated, {"required_scopes": "list of scopes"}),
}

if find_spec("fastmcp"):
    from fastmcp_rs import FastMCP
    from fastmcp_rs.auth import protect

    class Asking(_compat.TokenVerifierBase):
        """A verifier that may ask over the network, since nothing shows that it does not."""

    def _protected(**arguments):
        """Protect a provider that was not protected before, unless one is given."""
        return protect(**{"provider": Asking(), **arguments})

    SUBJECTS["protect"] = Subject(_protected, {"provider": "protected", "step_up": "flag", **_REMEMBERED, **_DPOP})
    SUBJECTS["FastMCP"] = Subject(FastMCP, {"auth_provider": "provider"}, {"name": "test"})
