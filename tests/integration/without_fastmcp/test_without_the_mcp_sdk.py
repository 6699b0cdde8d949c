"""Without FastMCP and the MCP SDK, ``verify_token`` has nothing to answer with, and says what to install."""

import asyncio
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import metadata

import pytest

from fastmcp_rs import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.testing import KeyPair

VERIFY = ["verify_token", "load_access_token"]


@pytest.fixture(scope="module")
def pair():
    return KeyPair.generate("RS256")


@pytest.fixture(scope="module")
def verifier(pair):
    return JWTVerifier(public_key=pair.public_key, issuer="https://issuer.example", audience="server")


@pytest.mark.parametrize("method", VERIFY)
def test_verifying_a_good_token_names_the_extra_to_install(method, pair, verifier):
    token = pair.create_token("alice", "https://issuer.example", "server")
    with pytest.raises(ImportError, match=re.escape("pip install 'fastmcp-rs[fastmcp]'")):
        asyncio.run(getattr(verifier, method)(token))


def test_verifying_a_static_token_names_the_extra_to_install():
    with pytest.raises(ImportError, match=re.escape("pip install 'fastmcp-rs[fastmcp]'")):
        asyncio.run(StaticTokenVerifier(["token"]).verify_token("token"))


def test_the_package_has_the_extra_that_is_named():
    assert "fastmcp" in metadata("fastmcp-rs").get_all("Provides-Extra")


def test_a_bad_token_is_refused_as_ever(verifier):
    assert asyncio.run(verifier.verify_token("garbage")) is None


def test_a_client_gets_a_token_by_itself():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.dumps({"access_token": "t", "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        oauth = OAuth("robot", "secret", f"http://127.0.0.1:{server.server_port}/token")
        assert asyncio.run(oauth.get_token()) == "t"
        thread.join(5)
