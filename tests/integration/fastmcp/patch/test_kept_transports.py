"""``install()`` and FastMCP's network verifiers: connections are kept, and nothing else that a client has."""

import asyncio
import contextlib
import gc
import threading
import time
import typing
import warnings
from importlib import import_module
from importlib.util import find_spec

import pytest
from fastmcp.server.auth.providers import github
from fastmcp.server.auth.providers.github import GitHubTokenVerifier
from github_api import Server, certificate

import fastmcp_rs
from fastmcp_rs.patch.shortcuts import SHORTCUTS

API = "https://api.github.com"
LIBRARY = "httpx2" if hasattr(github, "httpx2") else "httpx"
VERIFIERS = [name for name in SHORTCUTS if ".providers." in name and find_spec(name)]


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


def as_dicts(answers):
    return [answer and answer.model_dump() for answer in answers]


def test_the_answers_are_fastmcps_over_one_connection(api):
    tokens = ["alice", "bad", "bob", "alice"]
    theirs = as_dicts(asyncio.run(ask(*tokens)))
    assert api.connections == len(tokens)
    fastmcp_rs.install()
    assert as_dicts(asyncio.run(ask(*tokens))) == theirs
    assert theirs[1] is None
    assert theirs[0]["client_id"] == "alice"
    assert api.connections == len(tokens) + 1


def test_no_cookie_of_one_request_is_sent_with_another(api):
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


def test_a_kept_connection_that_the_server_closes_causes_no_failure(api):
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


def test_any_number_of_requests_are_sent_at_once(api):
    fastmcp_rs.install()
    api.delay = 0.3

    async def at_once():
        verifier = GitHubTokenVerifier(timeout_seconds=20)
        return await asyncio.gather(*(verifier.verify_token(f"user-{number}") for number in range(130)))

    answers = asyncio.run(at_once())
    assert [answer.client_id for answer in answers] == [f"user-{number}" for number in range(130)]
    # More than the hundred that a shared client would have.
    assert api.connections >= 130


def test_a_request_times_out_as_for_fastmcp(api):
    api.delay = 1.5

    async def late():
        return await GitHubTokenVerifier(timeout_seconds=1).verify_token("alice")

    theirs = asyncio.run(outcome_of(late()))
    fastmcp_rs.install()

    async def then_a_good_one():
        ended = await outcome_of(late())
        api.delay = 0
        return ended, as_dicts(await ask("bob"))

    ended, after = asyncio.run(then_a_good_one())
    assert ended == theirs
    assert after[0]["client_id"] == "bob"


def test_a_change_of_the_environment_is_seen_by_the_next_request(api, files, tmp_path, monkeypatch):
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
        return as_dicts(before), await outcome_of(ask("alice"))

    theirs, refused = asyncio.run(before_and_after())
    fastmcp_rs.install()
    ours, kept = asyncio.run(before_and_after())
    assert ours == as_dicts(kept) == theirs
    assert asyncio.run(outcome_of(ask("alice"))) == refused != theirs


@pytest.mark.parametrize("name", VERIFIERS)
def test_every_network_verifier_keeps_connections_until_uninstall(name):
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


def test_a_replaced_client_class_of_the_library_is_used(api, monkeypatch):
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
