"""``protect(provider, dpop=...)``: bound tokens that FastMCP's own verifiers accept need a proof of their key."""

import inspect
import json
from dataclasses import replace

import pytest
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth import AccessToken
from fastmcp.server.auth import JWTVerifier as FastMCPsJWTVerifier
from fastmcp.server.auth import RemoteAuthProvider as FastMCPsRemoteAuthProvider
from fastmcp.server.auth.oauth_proxy import OAuthProxy

from fastmcp_rs.auth import AuthProvider, JWTVerifier, protect
from fastmcp_rs.testing import KeyPair

CLIENT = KeyPair.generate("ES256")
OTHER = KeyPair.generate("ES256")
RSA = KeyPair.generate("RS256")
ALGS = "ES256 ES384 ES512 EdDSA Ed25519 PS256 RS256"
URL_PARAMETER = (
    "base_url" if "base_url" in inspect.signature(FastMCPsRemoteAuthProvider).parameters else "resource_server_url"
)


def bare(issuer, _base):
    return FastMCPsJWTVerifier(public_key=issuer.public_key, **issuer.expected)


def remote(issuer, base):
    return FastMCPsRemoteAuthProvider(bare(issuer, base), [issuer.name], **{URL_PARAMETER: base})


def ours_in_remote(issuer, base):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    return FastMCPsRemoteAuthProvider(verifier, [issuer.name], **{URL_PARAMETER: base})


def ours(issuer, _base):
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected)


def silent(issuer, _base):
    """One that tells no claims: the JWT itself does."""

    class Silent(FastMCPsJWTVerifier):
        async def verify_token(self, token):
            verified = await super().verify_token(token)
            return verified and AccessToken(
                token=token, client_id="robot", scopes=verified.scopes, expires_at=verified.expires_at
            )

    return Silent(public_key=issuer.public_key, **issuer.expected)


def several(issuer, base):
    """Several verifiers, each of which may be asked about a request."""
    others = [replace(issuer, public_key=RSA.public_key, name=f"https://{name}.example") for name in ("a", "b")]
    verifiers = [bare(others[0], base), ours(others[1], base), bare(issuer, base)]
    return fastmcp_auth.MultiAuth(verifiers=verifiers, base_url=base)


KINDS = [bare, remote, ours_in_remote, ours, silent, *([several] if hasattr(fastmcp_auth, "MultiAuth") else [])]


@pytest.fixture
def token(issuer):
    return issuer.token(cnf={"jkt": CLIENT.thumbprint()})


def challenges(reply):
    return [value for name, value in reply.pairs if name == "www-authenticate"]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("mode", ["allowed", "required"])
def test_a_bound_token_needs_a_proof_and_an_unbound_one_is_accepted_where_allowed(serve, issuer, token, make, mode):
    unbound = issuer.token()
    with serve(lambda base: protect(make(issuer, base), dpop=mode)) as server:
        proof = lambda key=CLIENT, **options: key.create_dpop_proof("POST", server.url, token, **options)  # noqa: E731
        once = proof()
        found = {
            "proven": server.post(f"DPoP {token}", DPoP=once).status,
            "again": server.post(f"DPoP {token}", DPoP=once).status,
            "by another": server.post(f"DPoP {token}", DPoP=proof(OTHER)).status,
            "without": server.post(f"DPoP {token}").status,
            "as Bearer": server.post(f"Bearer {token}", DPoP=proof()).status,
            "unbound": server.post(f"Bearer {unbound}").status,
            "unbound as DPoP": server.post(f"DPoP {unbound}", DPoP=proof()).status,
        }
        nothing = server.post(None)
    refused = dict.fromkeys(found, 401)
    assert found == {**refused, "proven": 200, "unbound": 200 if mode == "allowed" else 401}
    lines = challenges(nothing)
    assert [line.split()[0] for line in lines] == (["Bearer", "DPoP"] if mode == "allowed" else ["DPoP"])
    assert f'algs="{ALGS}"' in lines[-1]


def test_the_reason_for_a_refused_proof_is_logged_and_counted(serve, issuer, token, reasons):
    made = []

    def make(base):
        made.append(protect(bare(issuer, base), dpop="allowed"))
        return made[-1]

    with serve(make) as server:
        reply = server.post(f"DPoP {token}", DPoP=OTHER.create_dpop_proof("POST", server.url, token))
    assert json.loads(reply.body)["error"] == "invalid_dpop_proof"
    assert reasons()[-1] == "dpop_key_mismatch"
    assert made[0].stats()["rejected"] == {"dpop_key_mismatch": 1}


@pytest.mark.parametrize("cnf", [{"x5t#S256": "AAAA"}, {"other": 1}, {}, "text", 1, {"jkt": 1}])
@pytest.mark.parametrize("make", [bare, silent])
def test_a_token_bound_by_another_method_is_refused_under_either_scheme(serve, issuer, make, cnf):
    token = issuer.token(cnf=cnf)
    with serve(lambda base: protect(make(issuer, base), dpop="allowed")) as server:
        proof = CLIENT.create_dpop_proof("POST", server.url, token)
        assert [server.post(f"{scheme} {token}", DPoP=proof).status for scheme in ("DPoP", "Bearer")] == [401, 401]


@pytest.mark.parametrize("make", [bare, silent])
def test_a_token_of_the_bound_type_without_a_binding_is_refused(serve, issuer, make):
    token = issuer.token(token_type="DPoP")
    with serve(lambda base: protect(make(issuer, base), dpop="allowed")) as server:
        proof = CLIENT.create_dpop_proof("POST", server.url, token)
        assert [server.post(f"{scheme} {token}", DPoP=proof).status for scheme in ("DPoP", "Bearer")] == [401, 401]


@pytest.mark.parametrize("mode", ["off", "allowed", "required"])
@pytest.mark.parametrize("make", [remote, ours_in_remote])
def test_the_metadata_of_fastmcp_names_dpop(serve, issuer, make, mode):
    with serve(lambda base: protect(make(issuer, base), dpop=mode)) as server:
        replies = [
            server.request("GET", f"/.well-known/oauth-protected-resource{path}", None, headers)
            for path in ("/mcp", "")
            for headers in ({}, {"Origin": "https://app.example"})
        ]
    found = [json.loads(reply.body) for reply in replies if reply.status == 200]
    assert found
    for document in found:
        assert document["authorization_servers"]
        assert document.get("dpop_signing_alg_values_supported") == (None if mode == "off" else ALGS.split())
        assert document.get("dpop_bound_access_tokens_required") == (True if mode == "required" else None)


class Proxy(OAuthProxy):
    """A class on FastMCP's."""


def proxy(issuer):
    known = inspect.signature(OAuthProxy).parameters
    options = {
        "upstream_authorization_endpoint": "https://issuer.example/authorize",
        "upstream_token_endpoint": "https://issuer.example/token",
        "upstream_client_id": "proxy",
        "upstream_client_secret": "a secret that only the proxy knows",
        "token_verifier": bare(issuer, None),
        "base_url": "https://server.example",
        "jwt_signing_key": "a signing key of the tests that is long enough",
    }
    return Proxy(**{name: value for name, value in options.items() if name in known})


class OwnScheme(AuthProvider):
    async def authenticate(self, request):
        """Accept nothing."""


@pytest.mark.parametrize("dpop", ["allowed", "required"])
def test_dpop_for_a_provider_without_bound_tokens_is_an_error(issuer, dpop):
    outer = [fastmcp_auth.MultiAuth(server=proxy(issuer))] if several in KINDS else []
    for provider in (proxy(issuer), *outer):
        with pytest.raises(ValueError, match="dpop cannot be for an OAuthProxy"):
            protect(provider, dpop=dpop)
    with pytest.raises(ValueError, match="dpop cannot be for OwnScheme"):
        protect(OwnScheme(), dpop=dpop)
    looking = JWTVerifier(public_key=issuer.public_key, **issuer.expected, dpop="allowed")
    with pytest.raises(ValueError, match="already"):
        protect(FastMCPsRemoteAuthProvider(looking, [issuer.name], **{URL_PARAMETER: "https://s.example"}), dpop=dpop)
    protected = protect(bare(issuer, None))
    with pytest.raises(ValueError, match="first call"):
        protect(protected, dpop=dpop)
