"""Step-up behind ``protect()``, and under ``install()`` for FastMCP's own providers."""

from __future__ import annotations

import pytest
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier as FastMCPsStaticTokenVerifier
from pydantic import AnyHttpUrl
from step_up_servers import EACH, TOKENS, by_auth

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier, protect

SECRET = "a shared secret of the tests that is as long as SHA-512's output"

SERVER = AnyHttpUrl("https://issuer.example")

PROTECTED = {
    "RemoteAuthProvider of ours": lambda tokens: RemoteAuthProvider(
        StaticTokenVerifier(tokens, required_scopes=["read"]), [SERVER], base_url="https://server.example"
    ),
    "RemoteAuthProvider of FastMCP's": lambda tokens: RemoteAuthProvider(
        FastMCPsStaticTokenVerifier(
            {name: {"client_id": "app", "scopes": token["scope"]} for name, token in tokens.items()},
            required_scopes=["read"],
        ),
        [SERVER],
        base_url="https://server.example",
    ),
    "MultiAuth": lambda tokens: fastmcp_auth.MultiAuth(
        verifiers=[
            JWTVerifier(SECRET, audience="server", issuer="https://other.example"),
            StaticTokenVerifier(tokens, required_scopes=["read"]),
        ],
        base_url="https://server.example",
        required_scopes=["read"],
    ),
}


@pytest.mark.parametrize("shape", PROTECTED)
def test_step_up_is_the_same_behind_protect(asking, shape):
    provider = protect(PROTECTED[shape](TOKENS))
    with asking(by_auth, provider) as asked:
        for method, target, _ in EACH:
            answer = asked.post("reader", method, target)
            assert answer.status == 403
            challenge = answer.headers["www-authenticate"]
            assert 'scope="read write"' in challenge
            # Which providers of several verifiers serve metadata differs by the line.
            assert shape == "MultiAuth" or "/.well-known/oauth-protected-resource/mcp" in challenge
            assert asked.asks_for("writer", method, target) is None
    assert provider.stats()["operations"] == {f"{method} {name}": 1 for method, _, name in EACH}


def test_step_up_behind_protect_can_be_switched_off_at_either_place(asking):
    inner = StaticTokenVerifier(TOKENS, step_up=False)
    for provider in (
        protect(PROTECTED["RemoteAuthProvider of ours"](TOKENS), step_up=False),
        protect(RemoteAuthProvider(inner, [SERVER], base_url="https://server.example")),
        protect(StaticTokenVerifier(TOKENS), step_up=False),
    ):
        with asking(by_auth, provider) as asked:
            assert asked.asks_for("reader", "tools/call", "save") is None


def test_the_challenge_has_the_scopes_as_get_challenge_scopes_names_them(asking):
    class InOtherWords(RemoteAuthProvider):
        def get_challenge_scopes(self, required_scopes=None):
            return [f"api://x/{scope}" for scope in required_scopes or self.required_scopes]

    verifier = StaticTokenVerifier(TOKENS, required_scopes=["read"])
    with asking(by_auth, protect(InOtherWords(verifier, [SERVER], base_url="https://server.example"))) as asked:
        challenge = asked.post("reader", "tools/call", "save").headers["www-authenticate"]
    assert 'scope="api://x/read api://x/write"' in challenge


@pytest.fixture
def uninstalled():
    yield
    fastmcp_rs.uninstall()


@pytest.mark.usefixtures("uninstalled")
def test_step_up_is_the_same_for_fastmcps_providers_under_install(asking):
    fastmcp_rs.install()
    with asking(by_auth, PROTECTED["RemoteAuthProvider of FastMCP's"](TOKENS)) as asked:
        for method, target, _ in EACH:
            answer = asked.post("reader", method, target)
            assert (answer.status, 'scope="read write"' in answer.headers["www-authenticate"]) == (403, True)
            assert asked.asks_for("writer", method, target) is None
        assert asked.asks_for("reader", "tools/call", "nothing") is None
        fastmcp_rs.install(step_up=False)
        assert asked.asks_for("reader", "tools/call", "save") is None
        fastmcp_rs.uninstall()
        assert asked.asks_for("reader", "tools/call", "save") is None


@pytest.mark.usefixtures("uninstalled")
def test_step_up_under_install_can_be_switched_off_by_protect(asking):
    fastmcp_rs.install()
    provider = protect(PROTECTED["RemoteAuthProvider of FastMCP's"](TOKENS), step_up=False)
    with asking(by_auth, provider) as asked:
        assert asked.asks_for("reader", "tools/call", "save") is None
