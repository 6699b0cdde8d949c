"""``install()`` and the store of an ``OAuthProxy``: a change by any process is seen by the next read."""

# Private parts of FastMCP are replaced, so the tests read them.
# ruff: noqa: SLF001

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import pytest
from fastmcp.server.auth.oauth_proxy import proxy as module
from key_value.aio.stores.memory import MemoryStore

import fastmcp_rs
from fastmcp_rs.patch import entry_identity, proxy_store

SESSION = "a-session"
# What a file is known by, in this order.
FIELDS = ("device", "inode", "size", "changed", "touched")


def file_of(home, word):
    """The one file of a collection whose name has a word."""
    (found,) = (path for path in home.rglob("*.json") if word in path.parent.name)
    return found


@pytest.mark.usefixtures("settled")
def test_the_answer_equals_fastmcps_and_the_store_is_read_once(proxy, sign_in, reads):
    async def answers():
        token = await sign_in(proxy, claims={"groups": ["a"]})
        theirs = await proxy.load_access_token(token)
        fastmcp_rs.install()
        reads.clear()
        return theirs, [await proxy.load_access_token(token) for _ in range(5)]

    theirs, ours = asyncio.run(answers())
    assert theirs.claims["upstream_claims"] == {"groups": ["a"]}
    assert [answer.model_dump() for answer in ours] == [theirs.model_dump()] * 5
    assert sorted(reads) == ["mcp-jti-mappings", "mcp-upstream-tokens"]


def test_a_file_is_read_each_time_until_it_has_been_unchanged_for_two_seconds(in_files, sign_in, reads, subject):
    async def count():
        begin, counts = time.monotonic(), []
        token = await sign_in(in_files)
        written = time.monotonic()
        fastmcp_rs.install()
        while time.monotonic() < written + 2.2:
            counts.append(await read_by_fastmcp(token))
            # The files are at most as old as that.
            if time.monotonic() < begin + 2:
                assert counts[-1] == 2
            await asyncio.sleep(0.1)
        await read_by_fastmcp(token)
        return counts, await read_by_fastmcp(token)

    async def read_by_fastmcp(token):
        before = len(reads)
        assert await subject(in_files, token) == "alice"
        return len(reads) - before

    counts, last = asyncio.run(count())
    assert counts[0] == 2
    assert last == 0


def test_each_of_many_changes_within_a_second_is_seen_by_the_next_read(proxy, sign_in, upstream, subject):
    async def changed():
        fastmcp_rs.install()
        token = await sign_in(proxy)
        for number in range(100):
            # All of one length, and each time a file of one freed a moment ago.
            name = f"user-{number:03}"
            await proxy._upstream_token_store.put(key=SESSION, value=upstream(sub=name), ttl=3600)
            assert [await subject(proxy, token) for _ in range(3)] == [name] * 3

    asyncio.run(changed())


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("field", FIELDS)
def test_a_file_with_another_identity_is_another_entry(field, in_files, sign_in, reads, monkeypatch, subject):
    real, shift = entry_identity.file_identity, {}

    def faked(*arguments):
        found = real(*arguments)
        assert len(found) == len(FIELDS)
        return tuple(value + shift.get(name, 0) for name, value in zip(FIELDS, found, strict=True))

    async def count():
        token = await sign_in(in_files)
        fastmcp_rs.install()
        monkeypatch.setattr(entry_identity, "file_identity", faked)
        counts = []
        # The same, another, that again, and the first.
        for value in (0, 0, 1, 1, 0):
            shift[field] = value
            before = len(reads)
            assert await subject(in_files, token) == "alice"
            counts.append(len(reads) - before)
        return counts

    assert asyncio.run(count()) == [2, 0, 2, 0, 2]


@pytest.mark.usefixtures("settled")
def test_a_file_that_is_changed_in_place_with_its_times_set_back_is_read(in_files, sign_in, tmp_path, subject):
    async def answers():
        token = await sign_in(in_files)
        fastmcp_rs.install()
        assert [await subject(in_files, token) for _ in range(2)] == ["alice"] * 2
        path = file_of(tmp_path, "mcp_jti")
        before, text = path.stat(), path.read_text()
        with path.open("r+") as file:
            file.write(text.replace('"__encrypted_data__": "', '"__encrypted_data__": "A')[: len(text)])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
        assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
        return await subject(in_files, token)

    assert asyncio.run(answers()) is None


@pytest.mark.usefixtures("settled")
def test_a_file_that_is_replaced_while_it_is_read_is_not_remembered(in_files, sign_in, upstream, monkeypatch, subject):
    async def answers():
        token = await sign_in(in_files)
        fastmcp_rs.install()
        read, write = module.FileTreeStore._get_managed_entry, in_files._upstream_token_store.put

        async def read_then_replaced(self, *, key, collection):
            found = await read(self, key=key, collection=collection)
            if collection == "mcp-upstream-tokens":
                monkeypatch.undo()
                await write(key=SESSION, value=upstream(sub="bob"), ttl=3600)
            return found

        monkeypatch.setattr(entry_identity, "_SETTLED_SECONDS", -60)
        monkeypatch.setattr(module.FileTreeStore, "_get_managed_entry", read_then_replaced)
        return [await subject(in_files, token) for _ in range(3)]

    assert asyncio.run(answers()) == ["alice", "bob", "bob"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("word", ["jti", "upstream"])
def test_a_deleted_entry_is_gone(word, proxy, sign_in, subject):
    async def answers():
        token = await sign_in(proxy)
        fastmcp_rs.install()
        before = [await subject(proxy, token) for _ in range(2)]
        if word == "jti":
            await proxy._jti_mapping_store.delete(key="a-jti")
        else:
            await proxy._upstream_token_store.delete(key=SESSION)
        return [*before, await subject(proxy, token)]

    assert asyncio.run(answers()) == ["alice", "alice", None]


@pytest.mark.usefixtures("settled")
def test_a_file_that_is_unlinked_or_leads_elsewhere_is_gone(in_files, sign_in, tmp_path, subject):
    async def answers(change):
        token = await sign_in(in_files)
        fastmcp_rs.install()
        before = [await subject(in_files, token) for _ in range(2)]
        change(file_of(tmp_path, "mcp_upstream"))
        return [*before, await subject(in_files, token)]

    def lead_out(path):
        outside = tmp_path / "outside.json"
        path.rename(outside)
        path.symlink_to(outside)

    def lead_folder_out(path):
        outside = tmp_path / "outside"
        path.parent.rename(outside)
        path.parent.symlink_to(outside)

    for change in (lambda path: path.unlink(), lead_out, lead_folder_out):
        assert asyncio.run(answers(change)) == ["alice", "alice", None]
        # A session is stored anew in a folder of the store's own.
        for link in filter(os.path.islink, [*tmp_path.rglob("*")]):
            target = link.resolve()
            link.unlink()
            target.rename(link)
        fastmcp_rs.uninstall()


@pytest.mark.usefixtures("settled")
def test_an_entry_ends_when_it_expires(proxy, sign_in, subject):
    async def answers():
        token = await sign_in(proxy, ttl=4)
        fastmcp_rs.install()
        end = time.monotonic() + 4.1
        before = [await subject(proxy, token) for _ in range(2)]
        await asyncio.sleep(end - time.monotonic())
        return [*before, await subject(proxy, token)]

    assert asyncio.run(answers()) == ["alice", "alice", None]


@pytest.mark.usefixtures("settled")
def test_fastmcp_decides_from_the_time_on_at_which_an_entry_expires(proxy, sign_in, reads, monkeypatch, subject):
    async def count():
        token = await sign_in(proxy, ttl=1000)
        start = time.time()
        fastmcp_rs.install()
        await subject(proxy, token)
        counts = []
        for moment in (start + 998, start + 1000.5):
            monkeypatch.setattr(proxy_store, "time", SimpleNamespace(time=lambda moment=moment: moment))
            before = len(reads)
            await subject(proxy, token)
            counts.append(len(reads) - before)
        return counts

    assert asyncio.run(count()) == [0, 2]


@pytest.mark.usefixtures("settled")
def test_each_reader_gets_an_object_of_its_own(proxy, sign_in):
    async def answers():
        token = await sign_in(proxy, claims={"groups": ["a"]})
        fastmcp_rs.install()
        for _ in range(3):
            answer = await proxy.load_access_token(token)
            assert answer.claims["upstream_claims"] == {"groups": ["a"]}
            answer.claims["upstream_claims"]["groups"].append("admin")
            found = await proxy._upstream_token_store.get(key=SESSION)
            assert found.raw_token_data == {"nested": {"list": [1]}}
            found.raw_token_data["nested"]["list"].append(2)
            found.access_token = "changed"

    asyncio.run(answers())


@pytest.fixture
def token_endpoint(new_endpoint, reply, issuer):
    """An identity provider that gives a token of another user for the refresh token."""
    endpoint = new_endpoint()
    grant = {"access_token": issuer.token(sub="refreshed"), "token_type": "Bearer", "expires_in": 3600}
    endpoint.routes["/token"] = reply(200, json.dumps(grant), content_type="application/json")
    return endpoint


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("storage", [lambda: None, MemoryStore], ids=["files", "memory"])
def test_a_refresh_that_is_due_is_made_once_and_seen_at_once(storage, make_proxy, sign_in, token_endpoint, subject):
    proxy = make_proxy(storage(), upstream_token_endpoint=f"{token_endpoint.base}/token")

    async def answers():
        token = await sign_in(proxy, seconds=3, exp=int(time.time()) + 4)
        fastmcp_rs.install()
        first = [await subject(proxy, token) for _ in range(3)]
        await asyncio.sleep(4.1)
        return first, [await subject(proxy, token) for _ in range(3)]

    assert asyncio.run(answers()) == (["alice"] * 3, ["refreshed"] * 3)
    assert len(token_endpoint.requests) == 1


OTHER_PROCESS = """
    import asyncio, sys, time
    from pathlib import Path

    import fastmcp
    from fastmcp.server.auth.oauth_proxy import proxy as module
    from fastmcp.server.auth.providers.jwt import JWTVerifier

    fastmcp.settings.home = Path(sys.argv[1])
    made = module.OAuthProxy(
        upstream_authorization_endpoint="https://issuer.example/authorize",
        upstream_token_endpoint="https://issuer.example/token",
        upstream_client_id="app",
        upstream_client_secret="the secret of a client at its provider",
        jwt_signing_key=b"the secret with which the proxy signs its own tokens",
        token_verifier=JWTVerifier(public_key="a secret that is long enough for it", algorithm="HS256"),
        base_url="https://server.example",
    )

    async def change(token):
        found = await made._upstream_token_store.get(key="a-session")
        found.access_token = token
        await made._upstream_token_store.put(key="a-session", value=found, ttl=3600)

    for line in sys.stdin:
        asyncio.run(change(line.strip()))
        print("changed", flush=True)
"""


@pytest.mark.usefixtures("settled")
def test_a_change_by_another_process_is_seen_by_the_next_read(in_files, sign_in, issuer, tmp_path, subject):
    async def answers(other):
        token = await sign_in(in_files)
        fastmcp_rs.install()
        seen = [await subject(in_files, token) for _ in range(2)]
        for name in ("bobby", "carol", "david"):
            other.stdin.write(issuer.token(sub=name) + "\n")
            other.stdin.flush()
            assert other.stdout.readline() == "changed\n"
            seen += [await subject(in_files, token) for _ in range(2)]
        return seen

    command = [sys.executable, "-c", textwrap.dedent(OTHER_PROCESS), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        names = ("alice", "bobby", "carol", "david")
        assert asyncio.run(answers(other)) == [name for name in names for _ in range(2)]
