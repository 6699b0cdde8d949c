"""What a user sees of a provider is its documented interface, and FastMCP's."""

import pytest

from fastmcp_rs import auth
from fastmcp_rs.testing import KeyPair

EVERY = {
    *("authenticate", "verify_token", "required_scopes", "detailed_errors", "step_up", "unavailable", "stats"),
    *("scopes_supported", "get_middleware", "get_routes", "get_well_known_routes", "set_mcp_path"),
    # FastMCP 2.12.0 reads it from a provider.
    "get_resource_metadata_url",
}
NATIVE = {*EVERY, "load_access_token"}
INTROSPECTING = {*NATIVE, "audience", "deny", "explain", "invalidate", "keys", "warm_up"}
PUBLIC = {
    "AuthProvider": EVERY,
    "JWTVerifier": {
        *(*NATIVE, "algorithm", "algorithms", "audience", "client_id", "issuer", "deny", "explain", "keys", "warm_up"),
        *("from_issuer", "from_issuers", "jwks_uri", "public_key"),
    },
    "OAuthProvider": {*INTROSPECTING, "allowed_client_id", "scope"},
    "RemoteAuthProvider": {*INTROSPECTING, "client_id", "issuer"},
    "StaticTokenVerifier": NATIVE,
    "Explanation": {"to_dict"},
    "AccessToken": {
        *("token", "token_type", "expires_at", "scope", "user_id", "metadata", "is_expired", "has_scope"),
    },
}


def public(names):
    return {name for name in names if not name.startswith("_")}


def defined_here(cls):
    ours = [base for base in cls.__mro__ if base.__module__.startswith("fastmcp_rs")]
    return {name for base in ours for name in public(vars(base))}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_class_has_no_public_names_but_its_interface(name):
    assert defined_here(getattr(auth, name)) == PUBLIC[name]


def test_an_instance_has_its_parameters_as_attributes_too():
    verifier = auth.JWTVerifier(public_key=KeyPair.generate("ES256").public_key, algorithm="ES256", audience="a")
    shown = public(vars(verifier))
    # What FastMCP's own verifiers have; the last two only some of its lines.
    fastmcps = {"base_url", "resource_base_url", "resource_server_url", "required_scopes", "logger", "jwt"}
    assert shown - fastmcps == {"public_key", "jwks_uri", "ssrf_safe"}
