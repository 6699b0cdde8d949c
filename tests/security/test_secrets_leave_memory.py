"""A secret is gone from memory once what held it is dropped: a child has it, and its memory is searched from here.

The child overwrites the one text of Python's that the secret came in, so that what is found is the extension's. Its
main stack is not searched: parts of what was copied may lie there, where registers were saved. Nor can a search tell
what is only derived from a secret, such as the state of a hash, or that memory which was used again held a copy.
"""

import base64
import contextlib
import http.server
import json
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the memory of a process is shown by Linux alone", allow_module_level=True)

CHILD = """
import asyncio, ctypes, gc, os, sys
from fastmcp_rs import auth, jws
from fastmcp_rs._native import LibraryKey
from fastmcp_rs.client.auth import BearerAuth, OAuth

kind, size, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
posting = {"token_endpoint_auth_method": "client_secret_post"}
TOKEN = "eyJhbGciOiJIUzUxMiJ9.e30.AAAA"

def checked(key):
    try:
        jws.verify(TOKEN, key, algorithms=["HS512"])
    except Exception as error:
        return error

MAKE = {
    "verifier": lambda text: auth.JWTVerifier(text, algorithm="HS512", audience="server"),
    "key of a JWS": checked,
    "key of another library": lambda text: LibraryKey.read(text, "HS512"),
    "client": lambda text: OAuth("robot", text, url),
    "client that posts": lambda text: OAuth("robot", text, url, **posting),
    "token of a client": BearerAuth,
    "server that asks": lambda text: auth.OAuthProvider("robot", text, url, audience="server"),
    "header": lambda text: auth.RemoteAuthProvider(url, headers={"X-Key": text}),
    "listed token": lambda text: auth.StaticTokenVerifier([text]),
}
USE = {
    "verifier": lambda made: asyncio.run(made.verify_token(TOKEN)),
    "key of another library": lambda made: made.decode(TOKEN, False),
    "client that posts": lambda made: asyncio.run(made.get_token()),
}

def overwrite(address, size):
    ctypes.memset(address, 0, size)

def searched():
    os.write(1, b".")
    os.read(0, 1)

os.write(1, b".")
octets = bytearray(size)
os.readv(0, [octets])
text = octets.decode()
overwrite((ctypes.c_char * size).from_buffer(octets), size)
made = MAKE[kind](text)
# A str of ASCII ends with its characters and a zero.
overwrite(id(text) + text.__sizeof__() - size - 1, size)
searched()
USE.get(kind, repr)(made)
del made
gc.collect()
searched()
"""
PIECE = 16
HOLDERS = [
    "client",
    "client that posts",
    "header",
    "key of another library",
    "server that asks",
    "token of a client",
    "verifier",
]
CLOSED = "http://127.0.0.1:9/"


class Secret:
    """A random text, and the forms in which it may be met."""

    def __init__(self):
        text = secrets.token_urlsafe(72)
        octets = text.encode()
        self.text = text
        self.k = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
        self.forms = {
            "plain": octets,
            "lower case": text.lower().encode(),
            "decoded": base64.urlsafe_b64decode(text),
            "base64url": self.k.encode(),
            "basic": base64.b64encode(b"robot:" + octets),
        }


class Child:
    """A process that is searched while it waits."""

    def __init__(self, process):
        self.process = process

    def goes_on(self):
        """Let it go on, to where it waits again."""
        self.process.stdin.write(b".")
        assert self.process.stdout.read(1) == b"."

    def memory(self):
        shown = Path("/proc") / str(self.process.pid)
        with (shown / "maps").open() as maps, (shown / "mem").open("rb", 0) as memory:
            for line in maps:
                addresses, permissions, *rest = line.split()
                start, end = (int(address, 16) for address in addresses.split("-"))
                if permissions.startswith("rw") and rest[-1] != "[stack]":
                    memory.seek(start)
                    yield memory.read(end - start)

    def holds(self, secret):
        """The forms of which a piece is in its memory. What is freed loses its first bytes: others are looked for."""
        found = set()
        for region in self.memory():
            for form, octets in secret.forms.items():
                if octets[PIECE : 2 * PIECE] in region or octets[-PIECE:] in region:
                    found.add(form)
        return found


@contextlib.contextmanager
def having(kind, text, url=CLOSED):
    """A child that has made something of a text."""
    command = [sys.executable, "-c", CHILD, kind, str(len(text)), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout.read(1) == b"."
        process.stdin.write(text.encode())
        assert process.stdout.read(1) == b"."
        yield Child(process)
        process.stdin.write(b".")
    assert process.returncode == 0


def jwk(secret):
    return json.dumps({"kty": "oct", "k": secret.k})


@pytest.fixture
def token_url():
    """A token endpoint."""

    class Endpoint(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps({"access_token": "token", "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("kind", [kind for kind in HOLDERS if kind != "client that posts"])
def test_a_secret_is_in_memory_once_and_erased_with_its_holder(kind):
    secret = Secret()
    with having(kind, secret.text) as child:
        assert child.holds(secret) == {"plain"}, "the search finds what is there"
        child.goes_on()
        assert child.holds(secret) == set()


@pytest.mark.parametrize("shape", [jwk, lambda secret: f'{{"keys": [{jwk(secret)}]}}'], ids=["JWK", "JWK Set"])
def test_a_symmetric_jwk_is_in_memory_as_octets_and_not_as_text(shape):
    secret = Secret()
    with having("verifier", shape(secret)) as child:
        assert child.holds(secret) == {"plain"}
        child.goes_on()
        assert child.holds(secret) == set()


@pytest.mark.parametrize("kind", ["key of a JWS", "listed token"])
def test_secrets_that_are_no_longer_needed_are_erased(kind):
    secret = Secret()
    with having(kind, secret.text) as child:
        assert child.holds(secret) == set()
        child.goes_on()
        assert child.holds(secret) == set()


def test_a_secret_that_was_posted_is_erased_with_its_holder(token_url):
    secret = Secret()
    with having("client that posts", secret.text, token_url) as child:
        assert child.holds(secret) == {"plain"}
        child.goes_on()
        assert child.holds(secret) == set()
