"""FastMCP's verifiers that ask over the network, and what the tests of remembered answers share."""

import asyncio
import inspect
import json
from importlib import import_module
from importlib.util import find_spec

from fastmcp_rs.patch.answer_memory import _VERIFIERS

PROVIDERS = "fastmcp.server.auth.providers"
ARGUMENTS = {
    "introspection_url": "https://service.example/introspect",
    "client_id": "app",
    "client_secret": "hush-hush",
    "authkit_domain": "https://service.example",
    "domain": "service.example",
    "clerk_domain": "service.example",
    "expected_client_id": "app",
}
# What satisfies each of the services' readers.
YES = {
    "active": True,
    "id": "alice",
    "login": "alice",
    "sub": "alice",
    "client_id": "app",
    "aud": "app",
    "azp": "app",
    "scope": "openid user",
    "scopes": ["openid", "user"],
    "user_id": "alice",
    "name": "Alice",
    "application": {"id": "app"},
    "user": {"id": "alice"},
    "orgs": [{"name": "core", "roles": ["admin"]}],
    "displayName": "Alice",
    "userPrincipalName": "alice@example.com",
}


def verifiers():
    """The classes of the installed line."""
    for name, cls in _VERIFIERS.items():
        if find_spec(f"{PROVIDERS}.{name}") and hasattr(import_module(f"{PROVIDERS}.{name}"), cls):
            yield getattr(import_module(f"{PROVIDERS}.{name}"), cls)


CLASSES = list(verifiers())


def made(cls, **options):
    # FastMCP 2.13 and 2.14 have an ellipsis where settings may stand in for an argument.
    required = [
        one.name
        for one in inspect.signature(cls.__init__).parameters.values()
        if (one.default is one.empty and one.name != "self") or (one.default is ... and one.name in ARGUMENTS)
    ]
    return cls(**{name: ARGUMENTS[name] for name in required}, **options)


def ask(verifier, *tokens):
    async def asked():
        return [await verifier.verify_token(token) for token in tokens or ("alice",)]

    return asyncio.run(asked())


def asked_of(service, verifier):
    """How many requests one question takes."""
    service.requests.clear()
    (answer,) = ask(verifier)
    assert answer is not None
    taken = len(service.requests)
    service.requests.clear()
    return taken


def parts(token):
    return type(token), token.__dict__, token.__pydantic_fields_set__, repr(token)


def answer_to_too_few_scopes(cls):
    """What FastMCP's class answers. WorkOS of 2.13 grants whatever it requires, and every other refuses."""
    verifier = made(cls)
    verifier.required_scopes = ["admin"]
    return ask(verifier)


class Store:
    """A store as py-key-value-aio has them, which every line can have."""

    def __init__(self):
        self.kept = {}
        self.reads = 0

    async def get_many(self, keys, *, collection=None):
        self.reads += 1
        return [self.kept.get((collection, key)) for key in keys]

    async def put(self, key, value, *, collection=None, ttl=None):
        assert ttl >= 1
        self.kept[collection, key] = json.loads(json.dumps(value))


SHARED = {"cache_ttl_seconds": 60, "cache_secret": "a secret that all workers of a server share"}
