"""What FastMCP has and what this project has under the documented names, and how a difference is observed."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import fastmcp
import fastmcp.client.auth
import fastmcp.server.auth
import fastmcp.server.dependencies
from fastmcp.server.auth.providers import jwt

import fastmcp_rs
import fastmcp_rs.client.auth
import fastmcp_rs.server.auth
import fastmcp_rs.server.dependencies

GOOD = {"iss": "issuer", "aud": "server", "sub": "alice", "scope": "read"}
SECRET = "a shared secret of the tests that is as long as SHA-512's output"


@dataclass(frozen=True)
class Side:
    """Where one side has what the documented API names."""

    package: Any
    auth: Any
    client_auth: Any
    dependencies: Any


FASTMCPS = Side(
    fastmcp,
    SimpleNamespace(
        **{name: getattr(fastmcp.server.auth, name) for name in ("AccessToken", "AuthProvider", "OAuthProvider")},
        RemoteAuthProvider=fastmcp.server.auth.RemoteAuthProvider,
        JWTVerifier=jwt.JWTVerifier,
        StaticTokenVerifier=jwt.StaticTokenVerifier,
    ),
    fastmcp.client.auth,
    fastmcp.server.dependencies,
)
OURS = Side(fastmcp_rs, fastmcp_rs.server.auth, fastmcp_rs.client.auth, fastmcp_rs.server.dependencies)

ROWS = {}


def row(observe):
    """Take a function as the observation of a row: of a side, with the fixtures at hand. It gives a text."""
    ROWS[observe.__name__.replace("_", "-")] = observe
    return observe


def attempt(do):
    """What comes of doing it."""
    try:
        do()
    except Exception as error:  # noqa: BLE001 - which one is what is observed
        return f"`{type(error).__name__}`"
    return "works"


def verifier(side, **options):
    given = {"public_key": SECRET, "algorithm": "HS256", "issuer": "issuer", "audience": "server", **options}
    return side.auth.JWTVerifier(**given)


def verdict(provider, token):
    try:
        return "refused" if asyncio.run(provider.verify_token(token)) is None else "accepted"
    except Exception as error:  # noqa: BLE001 - which one is what is observed
        return f"`{type(error).__name__}`"
