"""``install()`` and FastMCP's network verifiers: connections are kept, and nothing else that a client has."""

import asyncio
import contextlib
import datetime as dt
import gc
import ipaddress
import json
import ssl
import threading
import time
import typing
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastmcp.server.auth.providers import github
from fastmcp.server.auth.providers.github import GitHubTokenVerifier

import fastmcp_rs
from fastmcp_rs.patch.shortcuts import SHORTCUTS

API = "https://api.github.com"
LIBRARY = "httpx2" if hasattr(github, "httpx2") else "httpx"
VERIFIERS = [name for name in SHORTCUTS if ".providers." in name and find_spec(name)]


class Handler(BaseHTTPRequestHandler):
    """GitHub's API as far as FastMCP asks it: a good token is the name of its user."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1
        self.server.open += 1

    def finish(self):
        self.server.open -= 1
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers))
        if server.hang_up is not None and server.hang_up(len(server.requests)):
            self.close_connection = True
            return
        time.sleep(server.delay)
        token = self.headers["authorization"].removeprefix("Bearer ")
        body = json.dumps({"id": token, "login": token}).encode()
        self.send_response(401 if token == "bad" else 200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-oauth-scopes", "user, repo")
        self.send_header("set-cookie", f"session-{len(server.requests)}={token}; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def certificate(folder, name):
    """Make a certificate of its own, and give its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths[1].write_bytes(private)
    return paths


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"https://127.0.0.1:{self.server_port}"
        self.requests, self.connections, self.open = [], 0, 0
        self.delay, self.hang_up = 0, None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_):
        """Say nothing of a client that goes away."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), "trusted")


@pytest.fixture
def api(files, monkeypatch):
    """GitHub's API on this machine, which FastMCP's verifier asks."""
    server = Server(files)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    # FastMCP has the address in its code.
    code = GitHubTokenVerifier.verify_token.__code__
    local = [text.replace(API, server.base) if isinstance(text, str) else text for text in code.co_consts]
    monkeypatch.setattr(GitHubTokenVerifier.verify_token, "__code__", code.replace(co_consts=tuple(local)))
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def ask(*tokens):
    """Ask a new verifier about tokens, one after the other."""
    verifier = GitHubTokenVerifier()
    return [await verifier.verify_token(token) for token in tokens]


def told(answers):
    return [answer and answer.model_dump() for answer in answers]


def test_the_answers_are_fastmcps_over_one_connection(api):
    tokens = ["alice", "bad", "bob", "alice"]
    theirs = told(asyncio.run(ask(*tokens)))
    assert api.connections == len(tokens)
    fastmcp_rs.install()
    assert told(asyncio.run(ask(*tokens))) == theirs
    assert theirs[1] is None
    assert theirs[0]["client_id"] == "alice"
    assert api.connections == len(tokens) + 1


def test_no_cookie_of_one_question_reaches_another(api):
    def cookies():
        return [headers.get("cookie") for _, headers in api.requests]

    asyncio.run(ask("alice", "bob"))
    theirs = cookies()
    # Within a question, FastMCP's client sends back what it was given.
    assert theirs == [None, "session-1=alice", None, "session-3=bob"]
    fastmcp_rs.install()
    api.requests.clear()
    asyncio.run(ask("alice", "bob"))
    assert cookies() == theirs


def test_a_connection_that_the_server_closes_when_it_is_used_again_costs_no_answer(api):
    fastmcp_rs.install()
    api.hang_up = lambda number: number in {3, 7}
    answers = asyncio.run(ask("alice", "bob", "carol", "david"))
    assert [answer.client_id for answer in answers] == ["alice", "bob", "carol", "david"]
    # The questions of before, and the two that were asked again.
    assert len(api.requests) == 8 + 2


async def outcome_of(question):
    """What a question ends with: FastMCP's error from 4.2 on, and no token before."""
    try:
        return await question
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return type(error)


def test_a_server_that_always_hangs_up_is_unreachable_as_for_fastmcp(api):
    api.hang_up = lambda _: True
    theirs = asyncio.run(outcome_of(ask("alice")))
    fastmcp_rs.install()
    assert asyncio.run(outcome_of(ask("alice"))) == theirs


def unclosed(caught):
    """The warnings of sockets, transports and loops that were not closed."""
    found = [warning for warning in caught if issubclass(warning.category, ResourceWarning)]
    # The HTTP library's own generators, which end by themselves.
    return [str(warning.message) for warning in found if "was scheduled after" not in str(warning.message)]


def run_and_close(question):
    """Run a loop as ``asyncio.run`` does not: its generators are not ended before it is closed."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(question)
    finally:
        loop.close()


@pytest.mark.parametrize("run", [asyncio.run, run_and_close])
def test_sockets_are_closed_with_their_loop(run, api):
    fastmcp_rs.install()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(100):
            assert run(ask("alice", "bob"))[1].client_id == "bob"
        gc.collect()
    assert unclosed(caught) == []
    assert api.connections == 100
    end = time.monotonic() + 5
    while api.open and time.monotonic() < end:
        time.sleep(0.01)
    assert api.open == 0


@pytest.mark.usefixtures("api")
def test_a_verifier_that_is_asked_while_its_loop_ends_has_a_client_as_others():
    async def last():
        try:
            await ask("alice")
            yield
        finally:
            # The kept transports are closed in this moment, in no known order.
            await asyncio.sleep(0.1)
            late.extend(await ask("bob"))

    async def begin():
        generator = last()
        await generator.__anext__()
        return generator

    fastmcp_rs.install()
    late = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = asyncio.run(begin())
        del kept
        gc.collect()
    assert [answer.client_id for answer in late] == ["bob"]
    assert unclosed(caught) == []


def test_loops_in_threads_have_connections_of_their_own(api, run_in_threads):
    fastmcp_rs.install()

    def work(number):
        answers = asyncio.run(ask(*[f"user-{number}"] * 5))
        assert {answer.client_id for answer in answers} == {f"user-{number}"}

    run_in_threads(work, threads=8)
    assert api.connections == 8


def test_any_number_of_questions_are_asked_at_once(api):
    fastmcp_rs.install()
    api.delay = 0.3

    async def at_once():
        verifier = GitHubTokenVerifier(timeout_seconds=20)
        return await asyncio.gather(*(verifier.verify_token(f"user-{number}") for number in range(130)))

    answers = asyncio.run(at_once())
    assert [answer.client_id for answer in answers] == [f"user-{number}" for number in range(130)]
    # More than the hundred that a shared client would have.
    assert api.connections >= 130


def test_a_question_that_takes_too_long_ends_as_for_fastmcp(api):
    api.delay = 1.5

    async def late():
        return await GitHubTokenVerifier(timeout_seconds=1).verify_token("alice")

    theirs = asyncio.run(outcome_of(late()))
    fastmcp_rs.install()

    async def then_a_good_one():
        ended = await outcome_of(late())
        api.delay = 0
        return ended, told(await ask("bob"))

    ended, after = asyncio.run(then_a_good_one())
    assert ended == theirs
    assert after[0]["client_id"] == "bob"


def test_a_change_of_the_environment_is_seen_by_the_next_question(api, files, tmp_path, monkeypatch):
    other, _ = certificate(tmp_path, "other")
    fastmcp_rs.install()

    async def outcome():
        with contextlib.suppress(Exception):
            return (await ask("alice"))[0]

    async def outcomes():
        found = []
        for path in (files[0], other, files[0], other):
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
            found.append(await outcome() is not None)
        # With a proxy that is out of reach, too; and with more settings than are kept.
        for number in range(6):
            monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{number + 1}")
            found.append(await outcome() is not None)
        monkeypatch.delenv("HTTPS_PROXY")
        return [*found, await outcome() is not None]

    assert asyncio.run(outcomes()) == [True, False, True, False, *[False] * 6, True]
    assert api.connections >= 2


@pytest.mark.usefixtures("api")
def test_certificates_that_are_replaced_in_place_are_read_by_the_next_loop(files, tmp_path, monkeypatch):
    other, _ = certificate(tmp_path, "other")
    trusted = tmp_path / "bundle.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def before_and_after():
        trusted.write_text(files[0].read_text())
        before = await outcome_of(ask("alice"))
        trusted.write_text(other.read_text())
        return told(before), await outcome_of(ask("alice"))

    theirs, refused = asyncio.run(before_and_after())
    fastmcp_rs.install()
    ours, kept = asyncio.run(before_and_after())
    assert ours == told(kept) == theirs
    assert asyncio.run(outcome_of(ask("alice"))) == refused != theirs


@pytest.mark.parametrize("name", VERIFIERS)
def test_every_network_verifier_has_it_and_uninstall_takes_it_back(name):
    module = import_module(name)
    (library,) = [library for library in ("httpx", "httpx2") if hasattr(module, library)] or [None]
    if library is None:
        assert name.endswith("azure"), "of them all, only Azure's asks nothing in newer lines"
        return
    theirs = getattr(module, library)
    fastmcp_rs.install()
    ours = getattr(module, library)
    assert ours is not theirs
    assert issubclass(ours.AsyncClient, theirs.AsyncClient)
    assert ours.HTTPError is theirs.HTTPError
    fastmcp_rs.uninstall()
    assert getattr(module, library) is theirs


def test_annotations_of_fastmcps_are_read_as_before():
    fastmcp_rs.install()
    assert typing.get_type_hints(GitHubTokenVerifier.__init__)


def test_a_class_that_a_test_puts_in_the_place_of_the_librarys_is_used(api, monkeypatch):
    http = import_module(LIBRARY)
    original, made = http.AsyncClient, []

    def counted(*args, **more):
        made.append(more)
        return original(*args, **more)

    fastmcp_rs.install()
    monkeypatch.setattr(http, "AsyncClient", counted)
    assert asyncio.run(ask("alice", "bob"))[1].client_id == "bob"
    assert len(made) == 2
    assert api.connections == 2


def test_a_client_with_more_than_a_timeout_is_one_as_others(api):
    fastmcp_rs.install()
    client_class = getattr(github, LIBRARY).AsyncClient

    async def requests():
        headers = {"authorization": "Bearer alice"}
        for options in ({}, {"timeout": 5}, {"timeout": 5, "headers": {"x-own": "1"}}):
            async with client_class(**options) as client:
                assert (await client.get(f"{api.base}/user", headers=headers)).status_code == 200
            assert client.is_closed

    asyncio.run(requests())
    assert [headers.get("x-own") for _, headers in api.requests] == [None, None, "1"]
    assert api.connections == 2


def test_after_uninstall_no_transport_is_kept(api):
    fastmcp_rs.install()

    async def mixed():
        client_class = getattr(github, LIBRARY).AsyncClient
        await ask("alice")
        fastmcp_rs.uninstall()
        await ask("bob")
        # A class that is held since before makes a client as others.
        async with client_class(timeout=5) as client:
            await client.get(f"{api.base}/user", headers={"authorization": "Bearer carol"})

    asyncio.run(mixed())
    assert api.connections == 3
