"""``install(cache_ttl_seconds=...)``: answers of FastMCP's network verifiers are remembered, unchanged."""

import asyncio
import contextlib
import copy
import gc
import inspect
import json
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest
from fastmcp.server.auth.providers.github import GitHubTokenVerifier
from forks import in_child
from network_verifiers import CLASSES, PROVIDERS, YES, answer_to_too_few_scopes, ask, asked_of, made, parts
from starlette.requests import Request

import fastmcp_rs
from fastmcp_rs import _compat
from fastmcp_rs.auth.telemetry import _answers, _remembered


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


def test_a_remembered_answer_equals_what_the_verifier_returned(service, remember, cls):
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


def test_a_change_of_a_returned_token_changes_no_other(remember, cls):
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


def test_a_partly_failed_answer_is_not_remembered(service, reply, remember):
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


def test_scopes_required_later_are_required_of_remembered_answers(remember, cls):
    verifier, fastmcps = made(cls), answer_to_too_few_scopes(cls)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier))
    verifier.required_scopes = ["admin"]
    assert ask(verifier) == fastmcps
    verifier.required_scopes = []
    assert all(ask(verifier))


def test_no_verifier_uses_an_answer_of_another(service, remember, cls):
    one, other = made(cls), made(cls)
    once = asked_of(service, one)
    remember(cache_ttl_seconds=60)
    assert all(ask(one) + ask(other))
    assert len(service.requests) == 2 * once
    del one, other
    gc.collect()
    assert all(ask(made(cls)))
    assert len(service.requests) == 3 * once


def test_a_subclass_is_called_each_time(service, remember, cls):
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


def test_no_answer_is_remembered_beyond_the_tokens_expiry(service, reply, remember, cls):
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


def test_an_answer_is_remembered_for_cache_ttl_seconds(service, reply, remember):
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=0.2)
    assert all(ask(verifier))
    service.answer = reply(401, "{}")
    time.sleep(0.25)
    assert ask(verifier) == [None]


def test_an_invalidated_token_is_asked_about_again(service, reply, remember, cls):
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


def test_the_revocation_route_does_not_use_remembered_answers(service, reply, remember):
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

    # As FastMCP's routes have it, patched or not.
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


def test_a_thousand_requests_with_one_new_token_cause_one_request(service, remember, until):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    may_answer = service.hold()

    async def asked():
        requests = [asyncio.ensure_future(verifier.verify_token("alice")) for _ in range(1000)]
        await until(lambda: service.requests)
        may_answer.set()
        return await asyncio.gather(*requests)

    tokens = asyncio.run(asked())
    assert len(service.requests) == once
    assert len({id(token) for token in tokens}) == len({id(token.scopes) for token in tokens}) == 1000


def test_event_loops_in_threads_share_a_request(service, remember, run_in_threads):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert run_in_threads(lambda _: ask(verifier)[0].token == "alice" or pytest.fail("another token")) == []
    assert len(service.requests) == once


def test_an_event_loop_that_ends_leaves_no_other_waiting(service, remember, eventually):
    verifier = made(GitHubTokenVerifier)
    remember(cache_ttl_seconds=60)
    answer = service.answer
    may_answer = service.hold()

    async def abandoned():
        task = asyncio.ensure_future(verifier.verify_token("alice"))
        await asyncio.to_thread(eventually, lambda: service.requests)
        service.answer = answer
        found.append(threading.Thread(target=lambda: found.append(ask(verifier))))
        found[0].start()
        await asyncio.sleep(0.1)
        task.cancel()

    found = []
    asyncio.run(abandoned())
    found[0].join(10)
    may_answer.set()
    assert found[1][0].token == "alice"


def test_a_cancelled_caller_ends_no_other_request(remember, cls):
    verifier = made(cls)
    remember(cache_ttl_seconds=60)

    async def asked():
        first, second = (asyncio.ensure_future(verifier.verify_token("alice")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(asked()).token == "alice"


def test_a_forked_child_remembers_nothing(service, remember):
    verifier = made(GitHubTokenVerifier)
    once = asked_of(service, verifier)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice"))
    assert in_child(lambda: [token.token for token in ask(verifier, "alice", "alice")] == ["alice"] * 2) == 0
    assert all(ask(verifier))
    assert len(service.requests) == 2 * once, "the parent asked once, and so did the child"


def test_answers_about_two_users_are_never_mixed(service, reply, remember):
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


def test_hits_misses_and_requests_are_counted(remember, cls):
    names = ("entries", "hits", "misses", "questions", "stale")
    before = list(_answers)
    verifier = made(cls)
    remember(cache_ttl_seconds=60)
    assert all(ask(verifier, "alice", "alice", "bob"))
    (answers,) = (each for each in _answers if each not in before)
    assert [answers.counts()[name] for name in names] == [2, 1, 2, 2, 0]
    assert _remembered()[cls.__name__]["hits"] >= 1
