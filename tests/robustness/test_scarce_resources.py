"""Where the system has no thread, file or memory left, a decision is unavailable, and the next one is right again.

Each program limits itself, and so does nothing to this one.
"""

import sys

import pytest

pytest.importorskip("resource")
if not sys.platform.startswith("linux"):
    pytest.skip("what a limit leaves room for is known of Linux", allow_module_level=True)

# Without FastMCP, which takes most of a second to import.
START = """
import asyncio, os, resource, sys, time
sys.modules["fastmcp"] = sys.modules["mcp"] = None
from pathlib import Path
from types import SimpleNamespace
from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError, TokenRejectedError
from fastmcp_rs.jws import verify_jws
from fastmcp_rs.testing import KeyPair

url, good = sys.argv[1:3]
options = {"algorithm": "ES256", "audience": "https://server.example/mcp"}
verifier = JWTVerifier(jwks_uri=url, **options)

class Limited:
    def __init__(self, which, room):
        self.which, self.room = which, room
    def __enter__(self):
        self.before = resource.getrlimit(self.which)
        resource.setrlimit(self.which, (self.room, self.before[1]))
    def __exit__(self, *_):
        resource.setrlimit(self.which, self.before)

def memory(more):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return Limited(resource.RLIMIT_AS, pages * resource.getpagesize() + more)

async def accepts(provider, token):
    request = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
    return await provider.authenticate(request) is not None

def unavailable(provider):
    return list(provider.stats()["unavailable"])
"""


def test_without_threads_a_decision_is_unavailable_and_nothing_panics(endpoint, good, run_program):
    code = """
remote, oauth = RemoteAuthProvider(url), OAuth("id", "secret", url)
oauth_provider = OAuthProvider("id", "secret", url, audience="server")

async def main():
    # Less than a thread's stack.
    with memory(1_000_000):
        assert not await accepts(verifier, good)
        assert not await accepts(remote, "opaque")
        assert not await accepts(oauth_provider, "opaque")
        try:
            raise AssertionError(await oauth.get_token())
        except OAuthError as error:
            print(error)
        print(verifier.keys()["last_error"])
    print(unavailable(verifier) + unavailable(remote) + unavailable(oauth_provider))
    # After a failed fetch there is none for a second.
    while not await accepts(verifier, good):
        await asyncio.sleep(0.01)
    print(True)
asyncio.run(main())
"""
    token_error, key_error, codes, afterwards = run_program(START + code, endpoint.url, good, seconds=60).splitlines()
    assert key_error == "nothing could be fetched: Resource temporarily unavailable (os error 11)"
    assert key_error in token_error
    assert codes == str(["keys_unavailable", "remote_verifier_unavailable", "introspection_unavailable"])
    assert afterwards == "True"


def test_without_file_descriptors_a_decision_is_unavailable_and_known_keys_verify(endpoint, good, run_program):
    code = """
class Files(Limited):
    def __init__(self, left):
        super().__init__(resource.RLIMIT_NOFILE, 64)
        self.left = left
    def __enter__(self):
        super().__enter__()
        self.taken = []
        try:
            while True:
                self.taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            for _ in range(self.left):
                os.close(self.taken.pop())
    def __exit__(self, *error):
        for file in self.taken:
            os.close(file)
        super().__exit__(*error)

def fresh(name):
    return JWTVerifier(jwks_uri=f"{url}?{name}", **options)

async def main():
    # A fetch needs three files, and another one for the trusted certificates.
    cold = []
    for left in range(4):
        cold.append(fresh(left))
        with Files(left):
            assert not await accepts(cold[-1], good), left
            assert cold[-1].keys()["failures"] == 1, left
    await asyncio.sleep(1.1)
    for one in cold:
        assert unavailable(one) == ["keys_unavailable"]
        assert await accepts(one, good)
    late = fresh("late")
    with Files(0):
        assert await accepts(cold[0], good), "known keys"
        assert not await accepts(late, good)
        assert "Too many open files" in late.keys()["last_error"]
    with Files(1):
        assert await accepts(fresh("a-connection-takes-one"), good)
    while not await accepts(late, good):
        await asyncio.sleep(0.01)
    print("the end")
asyncio.run(main())
"""
    assert run_program(START + code, endpoint.url, good, seconds=60) == "the end"


def test_a_token_or_a_key_as_large_as_memory_is_refused_without_a_copy(endpoint, good, run_program):
    code = """
SIZE = 100_000_000
text, octets = "A" * SIZE, b"Bearer " + b"A" * SIZE
pem, jwk = "-----BEGIN PUBLIC KEY-----\\n" + text, '{"kty":"EC","x":"' + text
pair = KeyPair.generate("ES256")
fixed = JWTVerifier(public_key=pair.public_key, **options)
providers = [
    *(fixed, verifier, JWTVerifier("a secret of the tests that is long enough", audience="a")),
    *(StaticTokenVerifier(["a"]), RemoteAuthProvider(url), OAuthProvider("id", "secret", url, audience="a")),
]
requests = [
    {"type": "http", "headers": [(b"authorization", octets)], "query_string": octets},
    {"type": "http", "headers": [(b"authorization", b"Bearer x"), (b"authorization", octets)]},
    SimpleNamespace(headers=[("authorization", text)]),
    SimpleNamespace(headers={"Authorization": octets}),
]

def refused(error, take, *arguments, **named):
    try:
        take(*arguments, **named)
    except error as raised:
        return len(str(raised)) < 1000
    raise AssertionError("it was taken")

async def main():
    # Room for whatever there is to do, and none for a copy.
    with memory(SIZE // 2):
        for provider in providers:
            assert await provider.verify_token(text) is None
            for request in requests:
                assert await provider.authenticate(request) is None
        assert (await fixed.explain(text)).code == "token_too_large"
        assert refused(TokenRejectedError, verify_jws, text, pair.public_key, ["ES256"])
        for key in (pem, jwk, text, octets):
            assert refused(ValueError, JWTVerifier, public_key=key, **options)
            assert refused(ValueError, verify_jws, "x.y.z", key, ["ES256"])
    assert await accepts(fixed, pair.create_token(audience=options["audience"]))
    print("the end")
asyncio.run(main())
"""
    assert run_program(START + code, endpoint.url, good, seconds=60) == "the end"
    assert endpoint.requests == []


def test_a_good_token_is_accepted_where_python_is_out_of_memory(endpoint, good, run_program):
    code = """
async def main():
    await verifier.warm_up()
    with memory(0):
        try:
            bytes(300_000_000)
        except MemoryError:
            print("no memory,", "accepted" if await accepts(verifier, good) else "refused")
asyncio.run(main())
"""
    assert run_program(START + code, endpoint.url, good, seconds=60) == "no memory, accepted"
