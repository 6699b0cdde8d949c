"""A FastMCP newer than every tested one: providers need nothing of its inside, and ``install()`` says if it does.

It is the installed FastMCP, copied, with a later version and with changes that FastMCP is free to make.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import fastmcp
import pytest
from fastmcp import Client

VERSION = "5.0.0"
SECONDS = 60


def appended(file: str, code: str):
    def change(package: Path):
        with (package / file).open("a") as opened:
            opened.write(textwrap.dedent(code))

    return change


def moved(package: Path):
    """Give the modules that FastMCP's own code imports from other names; those that it publishes stay."""
    auth = package / "server" / "auth"
    (auth / "auth.py").rename(auth / "base.py")
    (auth / "providers" / "jwt.py").rename(auth / "providers" / "jwt_verifier.py")
    for path in package.rglob("*.py"):
        text = path.read_text()
        renamed = re.sub(r"\b(server\.auth\.)auth\b", r"\1base", text)
        renamed = re.sub(r"\b(providers\.)jwt\b", r"\1jwt_verifier", renamed)
        if path.parent == auth:
            renamed = re.sub(r"(?m)^(\s*from \.)auth\b", r"\1base", renamed)
        if renamed != text:
            path.write_text(renamed)


SAME = {"a later version": lambda _package: None}
CHANGED = {
    "another way to verify": appended(
        "server/auth/providers/jwt.py",
        """
        class JWTVerifier(JWTVerifier):
            async def load_access_token(self, token):
                return await super().load_access_token(token)
        """,
    ),
    "modules elsewhere": moved,
}
# What no seam of install() touches.
WIDER = {
    "a wider protocol": appended(
        "server/auth/auth.py",
        """
        import abc

        class AccessToken(AccessToken):
            actor: dict | None = None
            tags: list[str] = ["new"]

        class TokenVerifier(TokenVerifier, metaclass=abc.ABCMeta):
            def __init__(self, *args, realm="mcp", **kwargs):
                super().__init__(*args, **kwargs)
                self.realm = realm

            @abc.abstractmethod
            async def verify_token(self, token):
                ...
        """,
    ),
}

EVERY = {**SAME, **CHANGED, **WIDER}

SERVERS = """
import asyncio, json, socket, sys
import uvicorn
import fastmcp_rs
fastmcp_rs.install()
from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken
from fastmcp.server.dependencies import get_access_token
from fastmcp_rs.auth import AuthProvider, JWTVerifier
from fastmcp_rs.auth import AccessToken as DocumentedToken

class OwnScheme(AuthProvider):
    async def authenticate(self, request):
        token = request.headers.get("authorization")
        return DocumentedToken("token", user_id="alice") if token == "Bearer opaque" else None

def whoami() -> str:
    token = get_access_token()
    return f"{token.client_id} {type(token) is AccessToken}"

def serving(provider, listener):
    server = FastMCP("test", auth=provider)
    server.tool(whoami)
    config = uvicorn.Config(server.http_app(path="/mcp"), http="h11", ws="none", log_config=None)
    return uvicorn.Server(config).serve(sockets=[listener])

async def serve():
    providers = JWTVerifier(sys.argv[1], audience="server", required_scopes=["read"]), OwnScheme()
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in providers]
    print(json.dumps([f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]), flush=True)
    await asyncio.gather(*map(serving, providers, listeners))

asyncio.run(serve())
"""

INSTALL = """
import asyncio, json, logging, sys
import fastmcp_rs
told = []
handler = logging.Handler()
handler.emit = lambda record: told.append(record.getMessage())
logging.getLogger("fastmcp_rs.install").addHandler(handler)
secret, *tokens = sys.argv[1:]
found = []

def note():
    owners = sys.modules[JWTVerifier.__module__], JWTVerifier
    verifier = JWTVerifier(public_key=secret, algorithm="HS256", audience="server")
    found.append({
        "state": fastmcp_rs.installed().state,
        "ours": [name for owner in owners for name, value in vars(owner).items()
                 if "fastmcp_rs" in type(value).__module__],
        "answers": [asyncio.run(verifier.verify_token(token)) is not None for token in tokens],
    })

fastmcp_rs.install()
import fastmcp
from fastmcp.server.auth import JWTVerifier
note()
fastmcp_rs.uninstall()
fastmcp_rs.install()
note()
print(json.dumps([fastmcp.__version__, told, *found]))
"""


@pytest.fixture(scope="module", params=EVERY, name="change")
def a_change(request):
    return request.param


@pytest.fixture(scope="module")
def unknown(change, tmp_path_factory):
    """The environment of processes that find an unknown FastMCP, which has the change."""
    folder = tmp_path_factory.mktemp("unknown")
    package = folder / "fastmcp"
    # With what is compiled, which stays right for every file that no change touches.
    shutil.copytree(Path(fastmcp.__file__).parent, package)
    EVERY[change](package)
    for name in ("fastmcp", "fastmcp_slim"):
        metadata = folder / f"{name}-{VERSION}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {VERSION}\n")
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="module")
def servers(unknown, secret, post_mcp):
    """Two servers with an unknown FastMCP, in a process of their own: of a verifier, and of a scheme of one's own."""
    command = [sys.executable, "-c", SERVERS, secret]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=unknown, text=True, **pipes) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield [
                SimpleNamespace(call=partial(call, f"{base_url}/mcp"), post=partial(post_mcp, base_url))
                for base_url in json.loads(line)
            ]
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def call(url, token):
    async def calling():
        async with Client(url, auth=token) as client:
            return (await client.call_tool("whoami", {})).content[0].text

    return asyncio.run(calling())


def test_a_verifier_protects_its_server(servers, forge):
    server, _ = servers
    good = {"sub": "alice", "aud": "server", "scope": "read"}
    assert server.call(forge(good)) == "alice True"
    expired = server.post(f"Bearer {forge({**good, 'exp': int(time.time()) - 60})}")
    assert (expired.status, "expired" in expired.headers["www-authenticate"]) == (401, True)
    unscoped = server.post(f"Bearer {forge({**good, 'scope': ''})}")
    assert (unscoped.status, "insufficient_scope" in unscoped.headers["www-authenticate"]) == (403, True)
    assert server.post(None).status == 401


def test_a_provider_of_ones_own_protects_its_server(servers):
    _, server = servers
    assert server.call("opaque") == "alice True"
    assert server.post("Bearer other").status == 401


def test_install_changes_nothing_where_the_inside_is_not_recognised_and_says_so_once(change, unknown, secret, forge):
    tokens = [forge({"sub": "alice", "aud": aud, "exp": int(time.time()) + 60}) for aud in ("server", "other")]
    command = [sys.executable, "-c", INSTALL, secret, *tokens]
    done = subprocess.run(command, env=unknown, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    version, warnings, *both = json.loads(done.stdout)
    assert version == VERSION
    # Called before FastMCP was imported, and after.
    for found in both:
        assert found["answers"] == [True, False]
        if change in CHANGED:
            assert (found["state"], found["ours"]) == ("unrecognised", [])
        else:
            assert found["state"] == "active"
            assert found["ours"]
    assert ["changed nothing" in text for text in warnings] == [True] * (change in CHANGED)
