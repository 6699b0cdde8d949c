"""Issuers and servers for the doctor to look at: real ones, on this machine."""

import http.server
import json
import socket
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate

import pytest
import uvicorn

from fastmcp_rs.__main__ import main
from fastmcp_rs.testing import KeyPair


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch):
    """No proxy and no certificates but those of the test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def doctor(capsys):
    """Run it: the exit code, and the checks. It has the ``fixes`` of its last run."""

    def run(*arguments):
        code = main(["doctor", *arguments, "--json"])
        told = json.loads(capsys.readouterr().out)
        assert told["exit_code"] == code
        assert all((check["result"] in {"passed", "note"}) is (check["fix"] is None) for check in told["checks"])
        run.fixes = {check["check"]: check["fix"] for check in told["checks"]}
        return code, [(check["check"], check["result"], check["text"]) for check in told["checks"]]

    return run


@pytest.fixture
def result_of():
    """The result and the text of the one check of a name."""

    def found(checks, name):
        (one,) = [(result, text) for check, result, text in checks if check == name]
        return one

    return found


SERVER = """
from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy, RemoteAuthProvider
from key_value.aio.stores.memory import MemoryStore
from fastmcp.server.auth.providers.jwt import JWTVerifier as Theirs
from fastmcp_rs.auth import JWTVerifier, OAuthProvider

{auth}
{name} = FastMCP("in a file", auth=auth)
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a server into a file with a name of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(auth, name="mcp"):
        path = tmp_path / f"server_{tmp_path.name.replace('-', '_')}.py"
        path.write_text(SERVER.format(auth=auth, name=name))
        return str(path)

    return written


@pytest.fixture
def oauth_provider(issuer):
    """The text of a provider of the issuer's tokens, for a file."""
    return f'auth = OAuthProvider("id", "secret", "{issuer.url}/token", issuer="{issuer.url}", audience="here")'


class Issuer:
    """Publishes metadata and keys. Its clock may be wrong, it may have no clock, and it may not answer yet."""

    def __init__(self):
        self.key = KeyPair.generate("RS256")
        self.keys = [self.key.jwk("good")]
        self.ahead_seconds = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.may_answer.wait(60)
                documents = {
                    "/.well-known/openid-configuration": {
                        "issuer": issuer.url,
                        "jwks_uri": f"{issuer.url}/jwks",
                        "token_endpoint": f"{issuer.url}/token",
                    },
                    "/jwks": {"keys": issuer.keys},
                }
                found = self.path in documents
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response_only(200 if found else 404)
                if issuer.ahead_seconds is not None:
                    self.send_header("Date", formatdate(time.time() + issuer.ahead_seconds, usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Keep requests off the terminal."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def issuer():
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


class Started(uvicorn.Server):
    def __init__(self, config):
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.is_up.set()


@pytest.fixture
def served():
    """Serve what is made for a port: gives the address."""

    @contextmanager
    def serving(make):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = Started(uvicorn.Config(make(address), log_level="critical", ws="none"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            assert server.is_up.wait(30)
            try:
                yield address
            finally:
                server.should_exit = True
                thread.join()

    return serving
