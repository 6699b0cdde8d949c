"""Which stores of an ``OAuthProxy`` are read faster under ``install()``, what is remembered, and for how long."""

# Private parts of FastMCP are replaced, so the tests read them.
# ruff: noqa: SLF001

import asyncio
import logging
import time
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from fastmcp.server.auth.oauth_proxy import proxy as module
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.prefix_keys import PrefixKeysWrapper
from pydantic import PrivateAttr, TypeAdapter

import fastmcp_rs
from fastmcp_rs.patch import proxy_store

SESSION = "a-session"

pytestmark = pytest.mark.usefixtures("settled")


@pytest.mark.parametrize("bound", ["_MOST_ENTRIES", "_MOST_BYTES"])
def test_no_more_is_remembered_than_the_bound(bound, in_files, upstream, reads, monkeypatch):
    monkeypatch.setattr(proxy_store, bound, {"_MOST_ENTRIES": 3, "_MOST_BYTES": 12_000}[bound])

    async def count():
        store = in_files._upstream_token_store
        for number in range(6):
            await store.put(key=f"session-{number}", value=upstream(), ttl=3600)
        fastmcp_rs.install()
        store = in_files._upstream_token_store
        for number in range(6):
            await store.get(key=f"session-{number}")
        assert 1 < len(store._reads._entries) < 6
        assert len(store._reads._entries) <= proxy_store._MOST_ENTRIES
        assert store._reads._bytes == sum(entry.model.bytes for entry in store._reads._entries.values()) <= 12_000
        reads.clear()
        # The last ones are still there.
        await store.get(key="session-5")
        assert reads == []
        await store.get(key="session-0")
        return len(reads)

    assert asyncio.run(count()) == 1


class OfMyOwn(module.UpstreamTokenSet):
    """What another model makes of the same entry."""


class WithMore(module.UpstreamTokenSet):
    """A model that keeps something beside its fields."""

    _read_at: float = PrivateAttr(default_factory=time.time)


def test_an_entry_read_as_another_model_is_not_reused(proxy, sign_in, reads):
    async def read():
        await sign_in(proxy)
        fastmcp_rs.install()
        store = proxy._upstream_token_store
        for model, count in ((module.UpstreamTokenSet, 1), (OfMyOwn, 1), (WithMore, 3)):
            store._type_adapter = TypeAdapter(model)
            reads.clear()
            assert [type(await store.get(key=SESSION)) for _ in range(3)] == [model] * 3
            assert len(reads) == count

    asyncio.run(read())


def test_uninstall_drops_what_is_remembered_and_install_starts_anew(proxy, sign_in, reads, subject):
    async def answers():
        token = await sign_in(proxy)
        fastmcp_rs.install()
        store = proxy._upstream_token_store
        await subject(proxy, token)
        assert store._reads._entries
        fastmcp_rs.uninstall()
        assert not store._reads._entries
        assert type(proxy._upstream_token_store) is module.PydanticAdapter
        reads.clear()
        for _ in range(2):
            await subject(proxy, token)
            # Held since before, it reads as FastMCP does.
            await store.get(key=SESSION)
        assert len(reads) == 6
        fastmcp_rs.install()
        await subject(proxy, token)
        assert len(reads) == 8

    asyncio.run(answers())


class OwnFiles(module.FileTreeStore):
    """A store that the server's operator wrote."""


def _own_files(home):
    strategies = {
        "key_sanitization_strategy": module.FileTreeV1KeySanitizationStrategy(home),
        "collection_sanitization_strategy": module.FileTreeV1CollectionSanitizationStrategy(home),
    }
    return OwnFiles(data_directory=home, **strategies)


UNKNOWN = {
    "OwnFiles": _own_files,
    # Keys that are not cleaned may name any path.
    "FileTreeStore": lambda home: module.FileTreeStore(data_directory=home),
    "PrefixKeysWrapper": lambda _: PrefixKeysWrapper(MemoryStore(), prefix="p"),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_store_that_is_not_known_is_read_by_fastmcp_and_named_once(
    name, encrypted, make_proxy, sign_in, reads, caplog, tmp_path, monkeypatch, subject
):
    monkeypatch.setattr("fastmcp_rs.patch.install._installer._shortcuts._named", set())
    caplog.set_level(logging.INFO, logger="fastmcp_rs.install")
    store = UNKNOWN[name](tmp_path)
    proxy = make_proxy(
        module.FernetEncryptionWrapper(store, fernet=Fernet(Fernet.generate_key())) if encrypted else store
    )

    async def answers():
        token = await sign_in(proxy)
        fastmcp_rs.install()
        reads.clear()
        return [await subject(proxy, token) for _ in range(3)]

    assert asyncio.run(answers()) == ["alice"] * 3
    assert len(reads) == 6
    assert [record.getMessage().rpartition(".")[2] for record in caplog.records] == [name]


def test_a_method_replaced_on_an_instance_is_called(proxy, sign_in, subject):
    async def answers():
        token = await sign_in(proxy)
        fastmcp_rs.install()
        await subject(proxy, token)
        storage = proxy._client_storage
        storage.get = mock.AsyncMock(return_value=None)
        assert await subject(proxy, token) is None
        assert await subject(proxy, token) is None
        assert storage.get.await_count == 2
        del storage.get
        proxy._jti_mapping_store.get = mock.AsyncMock(return_value=None)
        assert await subject(proxy, token) is None
        del proxy._jti_mapping_store.get
        assert await subject(proxy, token) == "alice"
        proxy._jti_mapping_store = replaced = mock.AsyncMock()
        replaced.get.return_value = None
        assert await subject(proxy, token) is None
        assert proxy._jti_mapping_store is replaced

    asyncio.run(answers())


def test_an_adapter_is_stored_as_by_fastmcp(in_files):
    fastmcp_rs.install()
    shown = in_files._jti_mapping_store
    assert isinstance(shown, module.PydanticAdapter)
    assert shown is in_files._jti_mapping_store
    in_files._jti_mapping_store = shown
    assert type(vars(in_files)["_jti_mapping_store"]) is module.PydanticAdapter


def test_another_key_is_used_at_once(in_files, sign_in, subject):
    async def answers():
        token = await sign_in(in_files)
        fastmcp_rs.install()
        before = [await subject(in_files, token) for _ in range(2)]
        in_files._client_storage._decryption_fn = lambda data, _version: Fernet(Fernet.generate_key()).decrypt(data)
        return [*before, await subject(in_files, token)]

    assert asyncio.run(answers()) == ["alice", "alice", None]


def test_a_proxy_that_is_not_recognised_is_left_alone_and_tokens_are_still_native(
    in_files, sign_in, reads, caplog, monkeypatch, subject
):
    monkeypatch.setattr("fastmcp_rs.patch.install._installer._warned", set())

    async def other(_self, _token):
        return None

    async def answers():
        token = await sign_in(in_files)
        with monkeypatch.context() as patch:
            patch.setattr(module.OAuthProxy, "load_access_token", other)
            fastmcp_rs.install()
            fastmcp_rs.install()
        reads.clear()
        return [await subject(in_files, token) for _ in range(2)]

    assert asyncio.run(answers()) == ["alice"] * 2
    assert len(reads) == 4
    assert fastmcp_rs.installed().state == "active"
    assert [record.levelname for record in caplog.records if record.name == "fastmcp_rs.install"] == ["WARNING"]


def test_a_server_behind_a_proxy_gives_the_same_over_http(make_proxy, sign_in, serve, reads):
    proxy = make_proxy()
    token = asyncio.run(sign_in(proxy))
    with serve(proxy) as server:
        theirs = server.call(token)
        fastmcp_rs.install()
        reads.clear()
        assert [server.call(token) for _ in range(3)] == [theirs] * 3
        assert len(reads) == 2
        assert server.status("garbage") == 401
