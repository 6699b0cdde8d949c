"""FastMCP's own providers, made as their documentation shows: the same answers with ``install()`` and without."""

import asyncio
import base64
import json
import time
from importlib import import_module

import fastmcp
import pytest
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth.providers.jwt import JWTVerifier

import fastmcp_rs
from fastmcp_rs.patch.decoder import NativeDecoder
from fastmcp_rs.testing import KeyPair

SERVER = "https://server.example"
CLIENT = {"client_id": "app", "client_secret": "the secret of a client at its provider"}
PROXY = {**CLIENT, "base_url": SERVER}
DISCOVERED = "/.well-known/openid-configuration"

# By name: the module, the first line with it, and its arguments, given the URL of an identity provider.
PROVIDERS = {
    "AzureProvider": (
        "providers.azure",
        (2, 13),
        lambda _: {**PROXY, "tenant_id": "tenant", "required_scopes": ["read"]},
    ),
    "Auth0Provider": (
        "providers.auth0",
        (2, 12, 5),
        lambda url: {**PROXY, "config_url": url + DISCOVERED, "audience": SERVER},
    ),
    "Auth0MCPProvider": ("providers.auth0", (4,), lambda url: {"config_url": url + DISCOVERED, "base_url": SERVER}),
    "AuthKitProvider": ("providers.workos", (2, 12), lambda url: {"authkit_domain": url, "base_url": SERVER}),
    "KeycloakAuthProvider": (
        "providers.keycloak",
        (3,),
        lambda url: {"realm_url": url + "/realms/r", "base_url": SERVER},
    ),
    "SupabaseProvider": ("providers.supabase", (2, 13), lambda url: {"project_url": url, "base_url": SERVER}),
    "DescopeProvider": (
        "providers.descope",
        (2, 12, 5),
        lambda url: {"project_id": "P1", "descope_base_url": url, "base_url": SERVER},
    ),
    "ScalekitProvider": (
        "providers.scalekit",
        (2, 13),
        lambda url: {"environment_url": url, "resource_id": "res_1", "client_id": "app", "mcp_url": SERVER},
    ),
    "OCIProvider": ("providers.oci", (2, 13), lambda url: {**PROXY, "config_url": url + DISCOVERED}),
    "AWSCognitoProvider": ("providers.aws", (2, 12, 5), lambda _: {**PROXY, "user_pool_id": "p", "aws_region": "eu-1"}),
    "OIDCProxy": ("oidc_proxy", (2, 12, 5), lambda url: {**PROXY, "config_url": url + DISCOVERED}),
}


def exists(name):
    try:
        module = import_module(f"fastmcp.server.auth.{PROVIDERS[name][0]}")
    except ImportError:
        return False
    # That of 2.12 asks Microsoft's Graph API about each token.
    return hasattr(module, name) and (name != "AzureProvider" or hasattr(module, "JWTVerifier"))


EXISTING = [name for name in PROVIDERS if exists(name)]


@pytest.fixture(scope="module")
def keys():
    """The keys of the identity provider, by algorithm, and its key ids are their names."""
    return {name: KeyPair.generate(name) for name in ("RS256", "ES256")}


@pytest.fixture(scope="module")
def others(keys):
    """Keys that it does not publish, by algorithm."""
    return {name: KeyPair.generate(name) for name in keys}


@pytest.fixture(scope="module")
def endpoint(new_lasting_endpoint, reply, keys):
    """An identity provider that publishes its keys under whatever path."""
    endpoint = new_lasting_endpoint()
    endpoint.publish([{**pair.jwk(name), "use": "sig", "alg": name} for name, pair in keys.items()])
    names = {
        "authorization_endpoint": "authorize",
        "token_endpoint": "token",
        "jwks_uri": "jwks",
        "userinfo_endpoint": "me",
    }
    document = {
        "issuer": endpoint.base,
        **{name: f"{endpoint.base}/{path}" for name, path in names.items()},
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    endpoint.routes[DISCOVERED] = reply(200, json.dumps(document), content_type="application/json")
    return endpoint


@pytest.fixture(autouse=True)
def _at_this_machine(monkeypatch, tmp_path, endpoint):
    """Keep what FastMCP stores, and fetch metadata from this machine: the host of AWS is fixed."""
    monkeypatch.setattr(fastmcp.settings, "home", tmp_path)
    if exists("OIDCProxy"):
        module = import_module("fastmcp.server.auth.oidc_proxy")
        ask = module.OIDCProxy.get_oidc_configuration
        url = module.AnyHttpUrl(endpoint.base + DISCOVERED)
        monkeypatch.setattr(module.OIDCProxy, "get_oidc_configuration", lambda self, _, *more: ask(self, url, *more))


def made(name, endpoint, **more):
    module, _, arguments = PROVIDERS[name]
    return getattr(import_module(f"fastmcp.server.auth.{module}"), name)(**arguments(endpoint.base), **more)


def verifier_of(provider) -> JWTVerifier:
    """The verifier that FastMCP built inside a provider."""
    found = getattr(provider, "token_verifier", None) or getattr(provider, "_token_validator", None)
    assert isinstance(found, JWTVerifier)
    return found


def first(value):
    return value[0] if isinstance(value, list) else value


@pytest.fixture
def tokens(keys, others):
    """Tokens for a verifier: the first is good, and each other has one thing wrong with it, or odd."""

    def for_verifier(verifier):
        algorithm, now = verifier.algorithm, int(time.time())
        scope = " ".join(verifier.required_scopes or ["read"])
        right = {
            "iss": first(verifier.issuer),
            "aud": first(verifier.audience) or SERVER,
            "exp": now + 600,
            "sub": "alice",
        }
        # Some providers look at more than the usual claims.
        right |= {
            "scope": scope,
            "scp": scope,
            "permissions": [scope],
            "client_id": "app",
            "token_use": "access",
            "tid": "t",
        }

        def token(pair=keys[algorithm], kid=algorithm, **changes):
            header = {"alg": algorithm, "typ": "JWT", "kid": kid}
            claims = {**right, **changes}
            return pair.sign(*({k: v for k, v in part.items() if v is not None} for part in (header, claims)))

        header, payload, signature = token().split(".")
        other = "A" if signature[0] != "A" else "B"
        return [
            token(),
            *(token(**{claim: value}) for claim in right for value in (None, "x")),
            token(exp=now - 5),
            token(nbf=now + 600),
            token(aud=["x", right["aud"]]),
            token(kid="unknown"),
            token(kid=None),
            token(others[algorithm]),
            f"{header}.{payload}.{other}{signature[1:]}",
            f"{encoded({'alg': 'none', 'kid': algorithm})}.{payload}.",
            "garbage",
        ]

    return for_verifier


def encoded(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def answers(provider, tokens):
    async def each():
        return [await provider.verify_token(token) for token in tokens]

    return [answer and answer.model_dump() for answer in asyncio.run(each())]


@pytest.fixture
def native_answers(monkeypatch):
    """Count the tokens that are answered without FastMCP's library."""
    count = []
    decode = NativeDecoder.decode

    def counted(self, *args, make, **more):
        return decode(self, *args, make=lambda *made: count.append(1) or make(*made), **more)

    monkeypatch.setattr(NativeDecoder, "decode", counted)
    return count


def compare(make, tokens, endpoint, native_answers, ask=answers):
    """Ask providers made alike, with and without ``install()``; one that was there before, too."""

    def fetches(provider):
        before = len(endpoint.requests)
        answer = ask(provider, tokens)
        return answer, len(endpoint.requests) - before

    theirs = fetches(make())
    built = make()
    fastmcp_rs.install()
    assert fetches(built) == theirs
    assert fetches(make()) == theirs
    assert native_answers
    return theirs[0]


def test_every_provider_of_the_line_is_tested(line):
    assert [name for name, (_, since, _) in PROVIDERS.items() if line >= since] == EXISTING


@pytest.mark.parametrize("name", EXISTING)
def test_the_verifier_inside_a_provider_answers_alike(name, endpoint, tokens, native_answers):
    def make():
        verifier = verifier_of(made(name, endpoint))
        # Some providers name hosts that are not this one.
        verifier.jwks_uri = endpoint.url
        return verifier

    found = compare(make, tokens(make()), endpoint, native_answers)
    assert found[0] is not None
    assert found[-4:] == [None] * 4


def test_several_verifiers_in_one_multi_auth_answer_alike(endpoint, tokens, native_answers, secret, forge):
    def make():
        fetching = JWTVerifier(jwks_uri=endpoint.url, issuer=endpoint.base, audience=SERVER)
        sharing = JWTVerifier(public_key=secret, algorithm="HS256", audience=SERVER)
        # Before 3.0 there is none, and a server has one verifier.
        several = getattr(fastmcp_auth, "MultiAuth", lambda verifiers: verifiers[0])
        return several(verifiers=[fetching, sharing])

    asked = [
        *tokens(JWTVerifier(jwks_uri="x", issuer=endpoint.base, audience=SERVER)),
        forge({"sub": "bob", "aud": SERVER}),
    ]
    found = compare(make, asked, endpoint, native_answers)
    assert found[0] is not None
    assert (found[-1] is not None) == hasattr(fastmcp_auth, "MultiAuth")


def proxied(provider, tokens):
    """Ask a proxy for tokens of its own, behind each of which it keeps one of the identity provider's."""
    proxy = import_module("fastmcp.server.auth.oauth_proxy")
    models = proxy if hasattr(proxy, "JTIMapping") else import_module("fastmcp.server.auth.oauth_proxy.models")
    provider.get_routes("/mcp")
    issuer, now = getattr(provider, "jwt_issuer", provider._jwt_issuer), time.time()  # noqa: SLF001 - FastMCP's own

    async def each():
        answers = []
        for number, upstream in enumerate(tokens):
            jti = f"access-{number}"
            kept = models.UpstreamTokenSet(
                upstream_token_id=f"kept-{number}", access_token=upstream, expires_at=now + 600, token_type="Bearer",
                refresh_token=None, refresh_token_expires_at=None, scope="read", client_id="app", created_at=now,
            )  # fmt: skip
            mapping = models.JTIMapping(jti=jti, upstream_token_id=f"kept-{number}", created_at=now)
            await provider._upstream_token_store.put(key=f"kept-{number}", value=kept, ttl=600)  # noqa: SLF001
            await provider._jti_mapping_store.put(key=jti, value=mapping, ttl=600)  # noqa: SLF001
            token = issuer.issue_access_token("app", ["read"], jti)
            altered = f"{token[:-8]}{'A' if token[-8] != 'A' else 'B'}{token[-7:]}"
            bad = [altered, upstream, issuer.issue_refresh_token("app", ["read"], "x", 600)]
            answers.append([await provider.verify_token(asked) for asked in (token, *bad)])
        return answers

    return [[answer and answer.model_dump() for answer in row] for row in asyncio.run(each())]


def in_memory():
    """In the place of files, whose writing takes most of the time."""
    return {"client_storage": import_module("key_value.aio.stores.memory").MemoryStore()}


def test_a_proxys_own_tokens_are_answered_alike(endpoint, tokens, native_answers, line):
    # 2.12 hands the identity provider's tokens to clients as they are.
    for name, kept in (("OIDCProxy", dict), ("Auth0Provider", in_memory)) if line >= (2, 13) else ():

        def make(name=name, kept=kept):
            return made(name, endpoint, **kept())

        found = compare(make, tokens(verifier_of(make())), endpoint, native_answers, ask=proxied)
        assert found[0][0] is not None
        assert found[-1] == [None] * 4
        assert len(native_answers) >= 2 * len(found)
        fastmcp_rs.uninstall()
    assert bool(native_answers) == (line >= (2, 13))
