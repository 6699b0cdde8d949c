"""Bound tokens that oidc-provider issues, with proofs of another author's client, and of ours."""

import asyncio
import json
import secrets
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.dependencies import get_access_token

from fastmcp_rs.auth import JWTVerifier, OAuthProvider
from fastmcp_rs.client.auth import OAuth

JS = Path(__file__).parents[2] / "js"
ROBOT = ("robot", "what only the robot knows")
OPAQUE = "https://opaque.example/"
MESSAGE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
NONCES = {"dpop_nonce": secrets.token_bytes(32)}


@pytest.fixture
def serve(serve_app):
    """Serve a tool that tells the caller: ``with serve(provider) as url``."""

    @contextmanager
    def served(verifier):
        def app(base_url):
            if verifier.audience is None:
                verifier.audience = f"{base_url}/mcp"
            mcp = FastMCP("test", auth=verifier)

            @mcp.tool
            def whoami() -> str:
                return get_access_token().client_id

            return mcp.http_app(path="/mcp", stateless_http=True)

        with serve_app(app) as base_url:
            yield f"{base_url}/mcp"

    return served


def verifier_of(provider, **options):
    return JWTVerifier.from_issuer(provider.issuer, algorithm=provider.algorithm, **options)


def sent_by_node(provider, url, algorithm, resource=None):
    """What the client on Node.js gets: the type of its token, and the statuses of its five requests."""
    arguments = [f"{provider.issuer}/token", *ROBOT, resource or url, url, algorithm, json.dumps(MESSAGE)]
    done = subprocess.run(
        ["node", "dpop.mjs", *arguments], cwd=JS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
@pytest.mark.parametrize("options", [{"dpop": "allowed"}, {"dpop": "required"}, {"dpop": "allowed", **NONCES}])
@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_another_authors_client_is_accepted_only_with_its_key(provider, serve, algorithm, options):
    with serve(verifier_of(provider, audience=None, **options)) as url:
        assert sent_by_node(provider, url, algorithm) == {"type": "DPoP", "statuses": [200, 401, 401, 401, 401]}


def test_the_binding_of_an_opaque_token_comes_from_introspection(provider, serve):
    asking = OAuthProvider(*ROBOT, f"{provider.issuer}/token", audience=OPAQUE, dpop="required", allow_http=True)
    with serve(asking) as url:
        sent = sent_by_node(provider, url, "ES256", resource=OPAQUE)
    assert sent == {"type": "DPoP", "statuses": [200, 401, 401, 401, 401]}


@pytest.mark.parametrize("options", [{"dpop": "required"}, {"dpop": "required", **NONCES}])
@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_our_client_calls_tools_with_a_bound_token(provider, serve, options):
    oauth = OAuth(*ROBOT, f"{provider.issuer}/token", scope=["read"], dpop=True)

    async def called(url):
        async with Client(url, auth=oauth) as client:
            return [(await client.call_tool("whoami", {})).data for _ in range(3)]

    with serve(verifier_of(provider, audience=None, **options)) as url:
        assert asyncio.run(called(url)) == ["robot"] * 3


@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_a_bound_token_is_refused_without_the_dpop_option(provider, serve):
    with serve(verifier_of(provider, audience=None)) as url:
        assert sent_by_node(provider, url, "ES256")["statuses"] == [401] * 5
