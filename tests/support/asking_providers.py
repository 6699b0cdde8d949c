"""Providers that ask an endpoint about tokens, and the endpoint that they ask."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fastmcp_rs.auth import OAuthProvider, RemoteAuthProvider

AUDIENCE = "https://server.example/mcp"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
YES = {"active": True, "valid": True, "sub": "alice", "aud": AUDIENCE, "iss": "https://issuer.example", "scope": "read"}


@dataclass(frozen=True)
class Asker:
    """A kind of provider that asks about tokens, and the reason that it has where it gets no answer."""

    unavailable: str
    make: Callable[..., Any]


def _oauth(url, *, secret="secret", **options):
    # No process listens there: the endpoint to ask is named.
    token_url = "http://127.0.0.1:9/token"
    return OAuthProvider("id", secret, token_url, introspection_url=url, **{"audience": AUDIENCE, **options})


def _remote(**headers):
    def made(url, *, secret="secret", scope=None, **options):
        return RemoteAuthProvider(url, {"X-Key": secret, **headers}, required_scopes=scope, **options)

    return made


@pytest.fixture(
    params=[
        Asker("remote_verifier_unavailable", _remote()),
        Asker("introspection_unavailable", _remote(**FORM)),
        Asker("introspection_unavailable", _oauth),
    ],
    ids=["RemoteAuthProvider JSON", "RemoteAuthProvider form", "OAuthProvider"],
)
def asker(request):
    """Each provider that asks a URL: ``asker.make(url, timeout=1)``."""
    return request.param


@pytest.fixture
def service(new_endpoint, reply):
    """An endpoint that says yes in every language."""
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps(YES))
    return endpoint


@pytest.fixture(scope="session")
def yes():
    """The members of that answer."""
    return YES
