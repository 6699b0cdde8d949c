"""Issuers and servers that the doctor checks: real ones, on this machine."""

import json
import threading
import time
from email.utils import formatdate

import pytest
from http_endpoints import reply

from fastmcp_rs.__main__ import main


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
        report = json.loads(capsys.readouterr().out)
        assert report["exit_code"] == code
        assert all((check["result"] in {"passed", "note"}) is (check["fix"] is None) for check in report["checks"])
        run.fixes = {check["check"]: check["fix"] for check in report["checks"]}
        return code, [(check["check"], check["result"], check["text"]) for check in report["checks"]]

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

    def __init__(self, endpoint, key):
        self.key = key
        self.keys = [self.key.jwk("good")]
        self.ahead_seconds = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = endpoint.base
        endpoint.answer = self._answer

    def _answer(self, _endpoint, connection, request):
        self.may_answer.wait(60)
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks",
                "token_endpoint": f"{self.url}/token",
            },
            "/jwks": {"keys": self.keys},
        }
        date = {}
        if self.ahead_seconds is not None:
            date["date"] = formatdate(time.time() + self.ahead_seconds, usegmt=True)
        found = request.target in documents
        body = json.dumps(documents.get(request.target, {}))
        connection.sendall(reply(200 if found else 404, body, content_type="application/json", **date))


@pytest.fixture
def issuer(new_endpoint, rsa_pairs):
    made = Issuer(new_endpoint(), rsa_pairs("good"))
    yield made
    made.may_answer.set()
