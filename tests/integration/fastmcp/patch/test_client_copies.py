"""``install()`` gives FastMCP's network verifiers clients with the attributes of one that the HTTP library made."""

import asyncio
from importlib import import_module

import pytest
from fastmcp.server.auth.providers import github

import fastmcp_rs
from fastmcp_rs.patch.client_copy import copier

LIBRARY = "httpx2" if hasattr(github, "httpx2") else "httpx"
http = import_module(LIBRARY)


@pytest.fixture
def new_client():
    """Make a client as FastMCP's verifiers do under ``install()``."""
    fastmcp_rs.install()
    return lambda timeout=5: getattr(github, LIBRARY).AsyncClient(timeout=timeout)


def in_a_loop(work):
    """Call it in an event loop."""

    async def call():
        return work()

    return asyncio.run(call())


def state(client):
    """The attributes of a client with their types, and those of its jar of cookies."""
    attributes = vars(client)
    jar = dict(vars(client.cookies.jar))
    policy = jar.pop("_policy")
    jar.pop("_cookies_lock")
    return attributes, {name: type(value) for name, value in attributes.items()}, type(policy), vars(policy), jar


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1"])
def test_a_client_is_as_one_that_the_library_makes(new_client, proxy, monkeypatch):
    original, made_with = http.AsyncClient.__init__, []
    timeouts = [5, 0.5, None, (1, 2), http.Timeout(3, read=4)]
    if proxy is not None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)

    def init(self, **more):
        made_with.append(more["timeout"])
        original(self, **more)

    def both():
        copies = [new_client(timeout) for timeout in timeouts]
        # Where other code replaced how clients are made, its code makes them.
        monkeypatch.setattr(http.AsyncClient, "__init__", init)
        return copies, [new_client(timeout) for timeout in timeouts]

    copies, made = in_a_loop(both)
    assert made_with == timeouts
    assert list(map(state, copies)) == list(map(state, made))
    assert {*map(type, copies), *map(type, made)} == {type(copies[0])}
    assert {len(vars(copy)["_mounts"]) for copy in copies} == {0 if proxy is None else 1}


def test_what_replaced_the_making_of_a_client_changes_none_later(new_client, monkeypatch):
    original = http.AsyncClient.__init__

    def init(self, **more):
        original(self, **more, follow_redirects=True)

    def while_and_after():
        monkeypatch.setattr(http.AsyncClient, "__init__", init)
        during = new_client()
        monkeypatch.setattr(http.AsyncClient, "__init__", original)
        return during.follow_redirects, new_client().follow_redirects

    assert in_a_loop(while_and_after) == (True, False)


def test_what_is_changed_in_one_client_changes_no_other(new_client):
    async def hook(_):
        raise AssertionError

    def change():
        before, changed = new_client(), new_client()
        untouched = repr(state(before)[1:]), dict(before.headers), before.timeout.as_dict()
        changed.headers["x-own"] = "1"
        changed.cookies.set("session", "alice")
        changed.cookies.jar.set_policy(None)
        changed.timeout.read = 99
        changed.event_hooks["request"].append(hook)
        vars(changed)["_mounts"][http.URL("all://")] = None
        changed.follow_redirects = True
        changed.base_url = "https://other.example"
        changed.params = {"a": "b"}
        after = new_client()
        return untouched, before, after

    untouched, before, after = in_a_loop(change)
    for found in (before, after):
        assert (repr(state(found)[1:]), dict(found.headers), found.timeout.as_dict()) == untouched
        assert not found.cookies
        assert found.event_hooks == {"request": [], "response": []}
        assert vars(found)["_mounts"] == {}
        assert not found.follow_redirects
        assert (str(found.base_url), str(found.params)) == (str(http.AsyncClient().base_url), "")


def test_a_client_is_opened_and_closed_once(new_client):
    async def twice():
        found = new_client()
        async with found:
            assert not found.is_closed
            with pytest.raises(RuntimeError, match="more than once"):
                await found.__aenter__()
        assert found.is_closed
        with pytest.raises(RuntimeError, match="has been closed"):
            await found.get("http://127.0.0.1:1")
        with pytest.raises(RuntimeError, match="reopen"):
            await found.__aenter__()

    asyncio.run(twice())


def with_more(**more):
    return type("AsyncClient", (http.AsyncClient,), more)


def with_attribute(name, value):
    """A class whose clients have one attribute more, or another value of one."""

    def init(self, **more):
        http.AsyncClient.__init__(self, **more)
        vars(self)[name] = value

    return with_more(__init__=init)


@pytest.mark.parametrize(
    ("client_class", "is_known"),
    [
        (http.AsyncClient, True),
        (with_attribute("more", 1), False),
        (with_attribute("more", []), False),
        (with_attribute("max_redirects", 5), True),
        (with_attribute("_headers", http.Headers({"x-own": "1"})), True),
        (with_attribute("_headers", {}), False),
        (with_attribute("_cookies", http.Cookies({"session": "alice"})), False),
        (with_attribute("_event_hooks", {"request": [print], "response": []}), False),
        (with_attribute("_event_hooks", {}), False),
        (with_attribute("_auth", http.BasicAuth("alice", "password")), False),
        (with_attribute("_params", {}), False),
        (with_more(__slots__=("more",)), False),
    ],
)
def test_only_a_client_of_which_every_attribute_is_known_is_copied(client_class, is_known):
    client = client_class(transport=http.AsyncBaseTransport(), mounts={}, base_url=http.URL(""))
    attributes = copier(http, client)
    assert (attributes is not None) is is_known
    if attributes is not None:
        assert {**attributes(5), "_timeout": None} == {**vars(client), "_timeout": None}
