"""An ``OAuthProxy`` with a session, and a record of the reads of its store."""

# Private parts of FastMCP are replaced, so the tests read them.
# ruff: noqa: SLF001

import functools
import time

import fastmcp
import pytest
from fastmcp.server.auth.oauth_proxy import proxy as module
from fastmcp.server.auth.providers.jwt import JWTVerifier
from key_value.aio.stores.memory import MemoryStore

from fastmcp_rs.patch import entry_identity

SERVER = "https://server.example"
SESSION = "a-session"
STORES = {"files": lambda: None, "memory": MemoryStore}


@pytest.fixture(autouse=True)
def _at_home(monkeypatch, tmp_path):
    monkeypatch.setattr(fastmcp.settings, "home", tmp_path)


@pytest.fixture
def make_proxy(issuer):
    """Make a proxy as its documentation shows: ``make_proxy(client_storage=None)``."""

    def made(storage=None, **more):
        verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
        return module.OAuthProxy(
            **{
                "upstream_authorization_endpoint": "https://issuer.example/authorize",
                "upstream_token_endpoint": "https://issuer.example/token",
                "upstream_client_id": "app",
                "upstream_client_secret": "the secret of a client at its provider",
                "jwt_signing_key": b"the secret with which the proxy signs its own tokens",
                "token_verifier": verifier,
                "base_url": SERVER,
                "client_storage": storage,
                **more,
            }
        )

    return made


@pytest.fixture
def upstream(issuer):
    """What a proxy keeps of a session: ``upstream(sub="bob")``; ``seconds`` from now on it expires."""

    def made(*, seconds=3600, claims=None, **changes):
        return module.UpstreamTokenSet(
            upstream_token_id=SESSION,
            access_token=issuer.token(**changes),
            refresh_token="a-refresh-token",
            refresh_token_expires_at=None,
            expires_at=time.time() + seconds,
            token_type="Bearer",
            scope="read",
            client_id="app",
            created_at=time.time(),
            raw_token_data={"nested": {"list": [1]}},
            upstream_claims=claims,
        )

    return made


@pytest.fixture
def sign_in(upstream):
    """Store a session and give the proxy's token for it: ``await sign_in(proxy)``."""

    async def stored(proxy, ttl=3600, **changes):
        proxy.set_mcp_path("/mcp")
        await proxy._upstream_token_store.put(key=SESSION, value=upstream(**changes), ttl=ttl)
        mapping = module.JTIMapping(jti="a-jti", upstream_token_id=SESSION, created_at=time.time())
        await proxy._jti_mapping_store.put(key="a-jti", value=mapping, ttl=ttl)
        # Where older lines have the claims; from 4.2 on those of the store come first.
        claims = changes.get("claims")
        return proxy.jwt_issuer.issue_access_token("app", ["read"], "a-jti", expires_in=3600, upstream_claims=claims)

    return stored


@pytest.fixture
def settled(monkeypatch):
    """Trust a file that was changed just now, so that no test has to wait."""
    monkeypatch.setattr(entry_identity, "_SETTLED_SECONDS", -60)


@pytest.fixture
def reads(monkeypatch):
    """Every read by FastMCP's own code, by its collection."""
    seen = []
    for store in (module.FileTreeStore, MemoryStore):
        read = store._get_managed_entry

        def counted(self, *, key, collection, read=read):
            # FastMCP keeps the state of its sessions in a store as well.
            if collection.startswith("mcp-"):
                seen.append(collection)
            return read(self, key=key, collection=collection)

        monkeypatch.setattr(store, "_get_managed_entry", functools.wraps(read)(counted))
    return seen


@pytest.fixture(params=STORES)
def proxy(request, make_proxy):
    """A proxy with the default store, and one with a store in memory."""
    return make_proxy(STORES[request.param]())


@pytest.fixture
def in_files(make_proxy):
    return make_proxy()


async def subject_of(proxy, token):
    answer = await proxy.load_access_token(token)
    return answer and answer.claims["sub"]


@pytest.fixture(scope="session")
def subject():
    """The user of a token, as a proxy finds it: ``await subject(proxy, token)``; ``None`` if it refuses it."""
    return subject_of
