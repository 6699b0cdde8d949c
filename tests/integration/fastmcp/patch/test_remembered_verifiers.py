"""``install(cache_ttl_seconds=...)``: FastMCP's network verifiers are asked once, and only the time tells."""

import asyncio
import contextlib
import copy
import functools
import gc
import inspect
import json
import logging
import os
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastmcp.server.auth.providers.github import GitHubTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastMCPsVerifier
from starlette.requests import Request

import fastmcp_rs
from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.auth.telemetry import _answers, _remembered
from fastmcp_rs.patch.answer_memory import _VERIFIERS
from fastmcp_rs.testing import KeyPair

PROVIDERS = "fastmcp.server.auth.providers"
_SERVED = {_compat.server_url_parameter(): "https://server.example"}
ARGUMENTS = {
    "introspection_url": "https://service.example/introspect",
    "client_id": "app",
    "client_secret": "hush-hush",
    "authkit_domain": "https://service.example",
    "domain": "service.example",
    "clerk_domain": "service.example",
    "expected_client_id": "app",
}
# What satisfies each of the services' readers.
YES = {
    "active": True,
    "id": "alice",
    "login": "alice",
    "sub": "alice",
    "client_id": "app",
    "aud": "app",
    "azp": "app",
    "scope": "openid user",
    "scopes": ["openid", "user"],
    "user_id": "alice",
    "name": "Alice",
    "application": {"id": "app"},
    "user": {"id": "alice"},
    "orgs": [{"name": "core", "roles": ["admin"]}],
    "displayName": "Alice",
    "userPrincipalName": "alice@example.com",
}


def verifiers():
    """The classes of the installed line."""
    for name, cls in _VERIFIERS.items():
        if find_spec(f"{PROVIDERS}.{name}") and hasattr(import_module(f"{PROVIDERS}.{name}"), cls):
            yield getattr(import_module(f"{PROVIDERS}.{name}"), cls)


CLASSES = list(verifiers())


def made(cls, **options):
    # FastMCP 2.13 and 2.14 have an ellipsis where settings may stand in for an argument.
    required = [
        one.name
        for one in inspect.signature(cls.__init__).parameters.values()
        if (one.default is one.empty and one.name != "self") or (one.default is ... and one.name in ARGUMENTS)
    ]
    return cls(**{name: ARGUMENTS[name] for name in required}, **options)


@pytest.fixture(autouse=True)
def service(new_endpoint, reply, monkeypatch):
    """The one service that all verifiers ask, wherever they believe it to be."""
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps(YES), x_oauth_scopes="openid, user")
    for name in filter(find_spec, ("httpx", "httpx2")):
        http = import_module(name)
        transport = http.AsyncHTTPTransport
        sent = transport.handle_async_request

        async def handled(self, request, sent=sent):
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=endpoint.port)
            return await sent(self, request)

        monkeypatch.setattr(transport, "handle_async_request", handled)
    return endpoint


@pytest.fixture
def remember():
    """Install with these options, for one test."""
    yield functools.partial(fastmcp_rs.install)
    fastmcp_rs.uninstall()


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


def ask(verifier, *tokens):
    async def asked():
        return [await verifier.verify_token(token) for token in tokens or ("alice",)]

    return asyncio.run(asked())


def asked_of(service, verifier):
    """How many requests one question takes."""
    service.requests.clear()
    (answer,) = ask(verifier)
    assert answer is not None
    taken = len(service.requests)
    service.requests.clear()
    return taken


def parts(token):
    return type(token), token.__dict__, token.__pydantic_fields_set__, repr(token)


@pytest.mark.filterwarnings("ignore:The `fastmcp.server.auth.providers.bearer` module:DeprecationWarning")
def test_each_class_of_this_line_is_known():
    assert {"GitHubTokenVerifier", "GoogleTokenVerifier", "WorkOSTokenVerifier"} <= {cls.__name__ for cls in CLASSES}
    package = import_module(PROVIDERS).__path__[0]
    asking = set()
    for name in _module_names(package):
        source = inspect.getsource(import_module(f"{PROVIDERS}.{name}"))
        asking |= {
            found
            for found in vars(import_module(f"{PROVIDERS}.{name}")).values()
            if inspect.isclass(found)
            and found.__module__ == f"{PROVIDERS}.{name}"
            and "verify_token" in vars(found)
            and ("client.get(" in source or "client.post(" in source)
            and "client." in inspect.getsource(vars(found)["verify_token"])
        }
    assert asking == set(CLASSES)


def _module_names(folder):
    for path in sorted(Path(folder).glob("*.py")):
        if path.stem != "__init__":
            yield path.stem


def test_install_alone_remembers_nothing(service, remember, cls):
    verifier = made(cls)
    once = asked_of(service, verifier)
    for options in ({}, {"cache_ttl_seconds": 0}, {"cache_ttl_seconds": 60, "max_cache_size": 0}):
        remember(**options)
        service.requests.clear()
        assert all(ask(verifier, "alice", "alice"))
        assert len(service.requests) == 2 * once


def test_what_is_remembered_is_what_the_verifier_returned(service, remember, cls):
    verifier = made(cls)
    once = asked_of(service, verifier)
    (without,) = ask(verifier)
    service.requests.clear()
    remember(cache_ttl_seconds=60)
    found = ask(verifier, "alice", "alice", "alice")
    assert len(service.requests) == once
    assert len({id(token) for token in found}) == 3
    for token in found:
        assert parts(token) == parts(without)
        assert type(token) is _compat.FastMCPAccessToken
        assert parts(copy.deepcopy(token)) == parts(token)
        assert token.model_dump() == without.model_dump()
    assert ask(verifier, "bob")[0].token == "bob"
    assert len(service.requests) == 2 * once


def test_what_one_caller_changes_no_other_sees(remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    (pristine,) = ask(verifier)
    before = copy.deepcopy(pristine)
    for _ in range(3):
        (token,) = ask(verifier)
        assert parts(token) == parts(before)
        token.scopes.append("admin")
        token.token = "changed"
        token.__dict__.get("claims", {})["sub"] = "mallory"
        for nested in token.__dict__.get("claims", {}).values():
            if isinstance(nested, dict):
                nested.clear()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_no_refusal_and_no_failure_is_remembered(status, service, reply, remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    good, service.answer = service.answer, reply(status, "{}")
    for _ in range(2):
        before = len(service.requests)
        with contextlib.suppress(*filter(None, [_compat.unavailable_error()])):
            assert ask(verifier) == [None]
        assert len(service.requests) > before
    service.answer = good
    assert ask(verifier)[0] is not None


def test_what_a_part_of_the_service_failed_for_is_not_remembered(service, reply, remember):
    """GitHub tells scopes by a second request: without it, FastMCP accepts a token with fewer."""
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=60)
    service.routes["/user/repos"] = reply(503)
    with_less = ask(verifier)[0]
    service.routes.clear()
    whole = ask(verifier)[0]
    assert whole.scopes == ["openid", "user"]
    assert with_less is None or with_less.scopes != whole.scopes


@pytest.mark.parametrize("how", ["set", "in place", "another type", "new"])
def test_a_changed_attribute_is_a_miss(how, service, remember, cls):
    verifier = made(cls, required_scopes=["user"])
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice"))
    assert len(service.requests) == once
    if how == "set":
        verifier.timeout_seconds = 7
    elif how == "in place":
        verifier.required_scopes.append("openid")
    elif how == "another type":
        verifier.required_scopes = tuple(verifier.required_scopes)
    else:
        verifier.colour = "blue"
    assert all(ask(verifier, "alice", "alice"))
    assert len(service.requests) == 2 * once


def answer_to_too_few_scopes(cls):
    """What FastMCP's class answers. WorkOS of 2.13 grants whatever it requires, and every other refuses."""
    verifier = made(cls)
    verifier.required_scopes = ["admin"]
    return ask(verifier)


def test_scopes_that_are_demanded_later_are_demanded(remember, cls):
    verifier, fastmcps = made(cls), answer_to_too_few_scopes(cls)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier))
    verifier.required_scopes = ["admin"]
    assert ask(verifier) == fastmcps
    verifier.required_scopes = []
    assert all(ask(verifier))


def test_no_verifier_reads_what_another_was_told(service, remember, cls):
    one, other = made(cls), made(cls)
    once = asked_of(service, one)
    remember(cache_ttl_seconds=60)
    assert all(ask(one) + ask(other))
    assert len(service.requests) == 2 * once
    del one, other
    gc.collect()
    assert all(ask(made(cls)))
    assert len(service.requests) == 3 * once


def test_a_subclass_is_asked_each_time(service, remember, cls):
    class Mine(cls):
        async def verify_token(self, token):
            return await super().verify_token(token)

    class Bare(cls):
        pass

    for mine in (made(Mine), made(Bare)):
        once = asked_of(service, mine)
        remember(cache_ttl_seconds=60)
        assert all(ask(mine, "alice", "alice"))
        assert len(service.requests) == 2 * once
        fastmcp_rs.uninstall()


def test_nothing_outlives_the_token(service, reply, remember, cls):
    if cls.__name__ not in {"IntrospectionTokenVerifier", "ClerkTokenVerifier", "GoogleTokenVerifier"}:
        return
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    expires = int(time.time()) + 2
    service.answer = reply(200, json.dumps({**YES, "exp": expires, "expires_in": "2"}))
    assert all(ask(verifier))
    service.answer = reply(401, "{}")
    assert all(ask(verifier))
    time.sleep(max(0.0, expires + 1.1 - time.time()))
    assert ask(verifier) == [None]


def test_an_answer_ages(service, reply, remember):
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=0.2)
    assert all(ask(verifier))
    service.answer = reply(401, "{}")
    time.sleep(0.25)
    assert ask(verifier) == [None]


def test_what_is_invalidated_is_asked_for(service, reply, remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "bob"))
    service.answer = reply(401, "{}")
    assert all(ask(verifier, "alice", "bob")), "that is the stated staleness"
    asyncio.run(fastmcp_rs.invalidate("alice"))
    assert [token is None for token in ask(verifier, "alice", "bob")] == [True, False]
    asyncio.run(fastmcp_rs.invalidate())
    assert ask(verifier, "bob") == [None]
    with pytest.raises(TypeError, match="token must be a str"):
        asyncio.run(fastmcp_rs.invalidate(5))


def test_the_route_that_revokes_a_token_asks(service, reply, remember):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice"))

    class Revoking:
        """A provider and a client of it, as the route needs them."""

        client_id, revoked = "alice", []

        async def authenticate_request(self, *_):
            return self

        # As older releases of the SDK call it.
        authenticate = authenticate_request

        async def load_access_token(self, token):
            return await verifier.verify_token(token)

        async def load_refresh_token(self, _client, _token):
            return None

        async def revoke_token(self, token):
            self.revoked.append(token.token)

    # As FastMCP's routes have it, with whatever stands in its place now.
    handle = import_module("mcp.server.auth.handlers.revoke").RevocationHandler(Revoking(), Revoking()).handle
    form = b"token=alice&client_id=alice&client_secret=x"
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]

    async def receive():
        return {"type": "http.request", "body": form}

    request = Request({"type": "http", "method": "POST", "path": "/revoke", "headers": headers}, receive)
    assert asyncio.run(handle(request)).status_code == 200
    assert (Revoking.revoked, len(service.requests)) == (["alice"], 2 * once)
    assert all(ask(verifier))
    assert len(service.requests) == 2 * once, "and what is remembered stays"
    service.answer = reply(401, "{}")
    assert asyncio.run(handle(Request(request.scope, receive))).status_code == 200
    assert Revoking.revoked == ["alice"], "for it is revoked there already"


def test_a_thousand_requests_of_one_cold_token_are_one_question(service, remember):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    go, answer = threading.Event(), service.answer

    def held(_endpoint, connection, _request):
        go.wait(10)
        connection.sendall(answer)

    service.answer = held

    async def asked():
        requests = [asyncio.ensure_future(verifier.verify_token("alice")) for _ in range(1000)]
        await asyncio.sleep(0.05)
        go.set()
        return await asyncio.gather(*requests)

    tokens = asyncio.run(asked())
    assert len(service.requests) == once
    assert len({id(token) for token in tokens}) == len({id(token.scopes) for token in tokens}) == 1000


def test_threads_with_loops_of_their_own_share_a_question(service, remember, run_in_threads):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert run_in_threads(lambda _: ask(verifier)[0].token == "alice" or pytest.fail("another token")) == []
    assert len(service.requests) == once


def test_a_loop_that_ends_leaves_no_other_waiting(service, remember, eventually):
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=60)
    go, answer = threading.Event(), service.answer

    def held(endpoint, connection, _request):
        if len(endpoint.requests) == 1:
            go.wait(10)
        connection.sendall(answer)

    service.answer = held

    async def abandoned():
        task = asyncio.ensure_future(verifier.verify_token("alice"))
        await asyncio.to_thread(eventually, lambda: service.requests)
        found.append(threading.Thread(target=lambda: found.append(ask(verifier))))
        found[0].start()
        await asyncio.sleep(0.1)
        task.cancel()

    found = []
    asyncio.run(abandoned())
    found[0].join(10)
    go.set()
    assert found[1][0].token == "alice"


def test_who_gives_up_ends_no_other_request(remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=60)

    async def asked():
        first, second = (asyncio.ensure_future(verifier.verify_token("alice")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(asked()).token == "alice"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_with_nothing(service, remember):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            found = ask(verifier, "alice", "alice")
            status = 0 if [token.token for token in found] == ["alice"] * 2 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert all(ask(verifier))
    assert len(service.requests) == 2 * once, "the parent asked once, and so did the child"


def test_two_users_are_never_mixed(service, reply, remember):
    def answer(_endpoint, connection, request):
        text = (request.headers.get("authorization", "") + request.body.decode() + request.target).lower()
        name = next(name for name in ("alice", "bob") if name in text)
        said = {**YES, "id": name, "sub": name, "user": {"id": name}, "login": name}
        connection.sendall(reply(200, json.dumps(said), x_oauth_scopes="user"))

    service.answer = answer
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=0.05)

    async def asked():
        for _ in range(3):
            names = ["alice", "bob"] * 100
            found = await asyncio.gather(*map(verifier.verify_token, names))
            assert [token.token for token in found] == names
            if "claims" in type(found[0]).model_fields:
                assert [token.claims["sub"] for token in found] == names
            await asyncio.sleep(0.06)

    asyncio.run(asked())


def test_a_flood_of_tokens_is_bounded(remember):
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=60, max_cache_size=5)
    assert all(ask(verifier, *(f"flood-{number}" for number in range(20))))
    (answers,) = (each for each in _answers if each.counts()["entries"] and each.counts()["questions"] == 20)
    assert answers.counts()["entries"] == 5


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, logger="fastmcp_rs.auth")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.auth"]


@pytest.mark.parametrize("outage", [503, 429, None])
def test_while_the_service_is_out_of_reach_an_old_answer_serves(outage, service, reply, remember, log, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=0.05, stale_if_error_seconds=60)
    good = service.answer
    assert all(ask(verifier))
    time.sleep(0.06)
    service.answer = (lambda *_: None) if outage is None else reply(outage, "{}")
    asked = len(service.requests)
    assert [token.token for token in ask(verifier, "alice", "alice")] == ["alice"] * 2
    assert len(service.requests) > asked
    with contextlib.suppress(*filter(None, [_compat.unavailable_error()])):
        assert ask(verifier, "unknown") == [None]
    service.answer = good
    assert all(ask(verifier, "other"))
    begin, end = log()
    assert begin.startswith(f"{cls.__name__}: the endpoint is out of reach")
    assert end.startswith(f"{cls.__name__}: the endpoint answers again")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_no_outage(status, service, reply, remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=0.05, stale_if_error_seconds=60)
    assert all(ask(verifier))
    time.sleep(0.06)
    service.answer = reply(status, "{}")
    assert ask(verifier, "alice", "alice") == [None, None]


class Store:
    """A store as py-key-value-aio has them, which every line can have."""

    def __init__(self):
        self.kept = {}
        self.reads = 0

    async def get_many(self, keys, *, collection=None):
        self.reads += 1
        return [self.kept.get((collection, key)) for key in keys]

    async def put(self, key, value, *, collection=None, ttl=None):
        assert ttl >= 1
        self.kept[collection, key] = json.loads(json.dumps(value))


SHARED = {"cache_ttl_seconds": 60, "cache_secret": "a secret that all workers of a server share"}


def test_workers_share_answers(service, reply, remember, cls):
    store = Store()
    one, other = made(cls), made(cls)
    once = asked_of(service, one)
    (without,) = ask(one)
    service.requests.clear()
    remember(**SHARED, cache_store=store)
    assert all(ask(one))
    found = ask(other, "alice", "alice")
    assert (len(service.requests), store.reads) == (once, 2)
    for token in found:
        assert parts(token) == parts(without)
    assert "alice" not in json.dumps([*map(str, store.kept), *store.kept.values()])
    changed = made(cls, timeout_seconds=7)
    assert all(ask(changed))
    assert len(service.requests) == 2 * once, "an attribute is another"
    service.answer = reply(401, "{}")
    asyncio.run(fastmcp_rs.invalidate("alice"))
    assert ask(made(cls)) == [None]
    assert ask(other) == [None]


def test_what_json_does_not_hold_is_not_shared(service, remember, monkeypatch):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    store = Store()
    remember(**SHARED, cache_store=store)
    monkeypatch.setattr("fastmcp_rs.patch.answer_memory._is_same", lambda *_: False)
    assert all(ask(verifier, "alice", "alice"))
    assert (store.kept, len(service.requests)) == ({}, once)


@pytest.fixture
def leave_classes():
    """Take away what protect() replaces for good."""
    places = [
        *((import_module(name).AsyncClient, "send") for name in ("httpx", "httpx2") if find_spec(name)),
        (import_module("mcp.server.auth.handlers.revoke").RevocationHandler, "handle"),
    ]
    before = [vars(owner)[name] for owner, name in places]
    yield
    for (owner, name), value in zip(places, before, strict=True):
        setattr(owner, name, value)


def fastmcps_jwt_verifier():
    return FastMCPsVerifier(public_key=KeyPair.generate("RS256").public_key)


@pytest.mark.usefixtures("leave_classes")
class TestProtect:
    """``protect(provider, cache_ttl_seconds=60)``, without ``install()``."""

    def test_a_verifier_of_fastmcps_inside_is_remembered(self, service, reply, cls):
        from fastmcp.server.auth import RemoteAuthProvider  # noqa: PLC0415 - of this test alone

        verifier, bystander = made(cls), made(cls)
        fastmcps = answer_to_too_few_scopes(cls)
        once = asked_of(service, verifier)
        outer = RemoteAuthProvider(verifier, ["https://issuer.example"], **_SERVED)
        protect(outer, cache_ttl_seconds=60)
        (without,) = ask(bystander)
        service.requests.clear()
        for token in ask(outer, "alice", "alice"):
            assert parts(token) == parts(without)
        assert len(service.requests) == once
        assert all(ask(bystander))
        assert len(service.requests) == 2 * once, "no other is"
        verifier.required_scopes = ["admin"]
        assert ask(outer) == fastmcps
        verifier.required_scopes = []
        assert all(ask(outer))
        service.answer = reply(401, "{}")
        asyncio.run(fastmcp_rs.invalidate("alice"))
        assert ask(outer) == [None]

    def test_a_class_of_ones_own_is_remembered_by_this_word(self):
        from fastmcp.server.auth import TokenVerifier  # noqa: PLC0415 - of this test alone

        class Mine(TokenVerifier):
            asked = 0

            async def verify_token(self, token):
                self.asked += 1
                return _compat.FastMCPAccessToken(token=token, client_id="me", scopes=["a"]) if token != "bad" else None

        mine = Mine()
        protect(mine, cache_ttl_seconds=60)
        assert [token.client_id for token in ask(mine, "alice", "alice")] == ["me"] * 2
        assert ask(mine, "bad", "bad") == [None] * 2
        assert mine.asked == 3
        mine.required_scopes = ["b"]
        assert all(ask(mine))
        assert mine.asked == 4

    def test_workers_share_answers(self, service, reply, cls):
        store = Store()
        one, other = made(cls), made(cls)
        once = asked_of(service, one)
        for verifier in (one, other):
            protect(verifier, **SHARED, cache_store=store)
        assert all(ask(one))
        assert all(ask(other))
        assert (len(service.requests), store.reads) == (once, 2)
        service.answer = reply(401, "{}")
        asyncio.run(fastmcp_rs.invalidate("alice"))
        assert ask(one) + ask(other) == [None] * 2

    def test_verifiers_of_ones_own_class_are_told_apart_in_a_store(self):
        from fastmcp.server.auth import TokenVerifier  # noqa: PLC0415 - of this test alone

        class Mine(TokenVerifier):
            asked = 0

            def __init__(self, service):
                super().__init__()
                self.service, self.client = service, object()

            async def verify_token(self, token):
                type(self).asked += 1
                return _compat.FastMCPAccessToken(token=token, client_id=str(self.service), scopes=[])

        store = Store()
        services = [Path("/one"), Path("/other"), b"one", b"other", "one"]
        for number, service in enumerate(services, 1):
            for _ in range(2):
                mine = Mine(service)
                protect(mine, **SHARED, cache_store=store)
                assert [token.client_id for token in ask(mine)] == [str(service)]
            assert Mine.asked == number, "which the other worker's verifier reads"

    def test_where_nothing_is_asked_there_is_nothing_to_remember(self):
        for provider in (JWTVerifier(SHARED["cache_secret"], audience="a"), fastmcps_jwt_verifier()):
            with pytest.raises(ValueError, match="cache_ttl_seconds is for verifiers that ask"):
                protect(provider, cache_ttl_seconds=60)
            assert protect(provider) is provider

    def test_rules_that_fastmcps_classes_have_not_are_refused_by_name(self):
        for rule in ("scope_hierarchy", "expected_claims", "client_id", "denylist", "max_age"):
            with pytest.raises(TypeError, match=rf"protect\(\) has no {rule}: .* fastmcp_rs\.auth"):
                protect(fastmcps_jwt_verifier(), **{rule: None})
        with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
            protect(fastmcps_jwt_verifier(), speed=9)

    def test_alone_it_remembers_nothing(self, service, cls):
        verifier = made(cls)
        once = asked_of(service, verifier)
        protect(verifier)
        assert all(ask(verifier, "alice", "alice"))
        assert len(service.requests) == 2 * once


def test_uninstall_forgets(service, reply, remember, cls):
    verifier = made(cls)
    original = vars(cls)["verify_token"]
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier))
    fastmcp_rs.uninstall()
    assert vars(cls)["verify_token"] is original
    service.answer = reply(401, "{}")
    assert ask(verifier) == [None]
    remember(cache_ttl_seconds=60)
    assert ask(verifier) == [None]


def test_what_is_counted(remember, cls):
    names = ("entries", "hits", "misses", "questions", "stale")
    before = list(_answers)
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice", "bob"))
    (answers,) = (each for each in _answers if each not in before)
    assert [answers.counts()[name] for name in names] == [2, 1, 2, 2, 0]
    assert _remembered()[cls.__name__]["hits"] >= 1
