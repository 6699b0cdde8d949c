"""A caller is cancelled or dropped at each point where it waits, or loses its loop; no other caller is affected."""

import asyncio
import contextlib
import gc
import itertools
import json
import re
import sys
from functools import partial
from types import SimpleNamespace

import httpx2
import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider
from fastmcp_rs.auth.middleware import AuthenticationMiddleware
from fastmcp_rs.client.auth import OAuth

AUDIENCE = "https://server.example/mcp"
LONGEST_SECONDS = 30


class Stopped:
    """Awaits a coroutine, which is stopped at its n-th suspension: as that begins or ends, closed, or with its loop."""

    def __init__(self, coroutine, stop_at, how):
        self._coroutine = coroutine
        self._stop_at = stop_at
        self._how = how
        self.suspensions = 0

    def __await__(self):
        step = partial(self._coroutine.send, None)
        while True:
            try:
                waited = step()
            except StopIteration as done:
                return done.value
            self.suspensions += 1
            if self.suspensions == self._stop_at:
                if self._how == "closed":
                    self._coroutine.close()
                    raise asyncio.CancelledError
                self._stop(asyncio.current_task(), waited)
            try:
                yield waited
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the coroutine's
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, None)

    def _stop(self, task, waited):
        if self._how == "with its loop":
            asyncio.get_running_loop().stop()
        elif self._how == "as it wakes up" and waited is not None:
            # Before the task's own callback: the result that it waited for has come, and so has the cancellation.
            waited.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def until_stopped(stopped):
    return await stopped


class SlowClient:
    """A caller's HTTP client that suspends at each step."""

    def __init__(self, body):
        self._body = body

    @contextlib.asynccontextmanager
    async def stream(self, _method, _url, *, headers, follow_redirects):
        assert follow_redirects is False
        await asyncio.sleep(0.001)
        yield SimpleNamespace(status_code=200, headers=dict.fromkeys(headers, ""), aiter_bytes=self._pieces)
        await asyncio.sleep(0)

    async def _pieces(self):
        for at in range(0, len(self._body), 100):
            await asyncio.sleep(0)
            yield self._body[at : at + 100]


class Careful(JWTVerifier):
    """Waits before and after the inherited answer."""

    async def authenticate(self, request):
        await asyncio.sleep(0)
        answer = await super().authenticate(request)
        await asyncio.sleep(0.001)
        return answer


def request(token):
    return {"type": "http", "headers": [(b"authorization", b"Bearer " + token.encode())]}


def jwt_verifier(server, kind=JWTVerifier, **options):
    return kind(jwks_uri=server.fresh_url("jwks"), algorithm="ES256", audience=AUDIENCE, **options)


def with_a_client(server):
    return JWTVerifier(
        jwks_uri="https://keys.example/", algorithm="ES256", audience=AUDIENCE, http_client=SlowClient(server.jwks)
    )


def of_an_issuer(server):
    issuer = server.fresh_issuer()
    return JWTVerifier.from_issuer(issuer, algorithm="ES256", audience=AUDIENCE), server.token(iss=issuer)


def oauth_provider(server):
    issuer = server.fresh_issuer()
    return OAuthProvider("id", "secret", f"{issuer}/token", audience=AUDIENCE), server.token(iss=issuer)


async def through_the_layer(server):
    answers = []

    async def app(scope, _receive, _send):
        await asyncio.sleep(0)
        answers.append(scope["user"].access_token)

    middleware = AuthenticationMiddleware(app, server.verifier)
    await middleware(request(server.good), None, None)
    return answers[0]


async def through_a_client(server):
    async with httpx2.AsyncClient(auth=server.oauth, timeout=LONGEST_SECONDS, trust_env=False) as client:
        return (await client.get(f"{server.base}/protected")).json()["active"]


async def warmed_up(verifier):
    await verifier.warm_up()
    return verifier.keys()["keys"]


def on(make, ask):
    """What is asked again and again of what is made once."""

    def start(server):
        made = make(server)
        made, token = made if isinstance(made, tuple) else (made, server.good)
        return lambda: ask(made, token)

    return start


def verifies(verifier, token):
    return verifier.verify_token(token)


def authenticates(verifier, token):
    return verifier.authenticate(request(token))


def layered(server):
    server.verifier = jwt_verifier(server)
    return lambda: through_the_layer(server)


def sent(server):
    server.oauth = OAuth("id", "secret", server.fresh_url("token"))
    return lambda: through_a_client(server)


SUBJECTS = {
    "JWTVerifier.verify_token": on(jwt_verifier, verifies),
    "JWTVerifier.authenticate": on(jwt_verifier, authenticates),
    "JWTVerifier.load_access_token": on(jwt_verifier, lambda verifier, token: verifier.load_access_token(token)),
    "JWTVerifier.explain": on(jwt_verifier, lambda verifier, token: verifier.explain(token)),
    "JWTVerifier.warm_up": on(jwt_verifier, lambda verifier, _: warmed_up(verifier)),
    "JWTVerifier with http_client": on(with_a_client, verifies),
    "JWTVerifier.from_issuer": on(of_an_issuer, verifies),
    "an override": on(partial(jwt_verifier, kind=Careful), authenticates),
    "the bridge to an override": on(partial(jwt_verifier, kind=Careful), verifies),
    "AuthenticationMiddleware": layered,
    "OAuthProvider, a JWT": on(oauth_provider, verifies),
    "OAuthProvider, an opaque token": on(
        lambda server: (oauth_provider(server)[0], "an-opaque-token"),
        authenticates,
    ),
    "RemoteAuthProvider": on(
        lambda server: (RemoteAuthProvider(server.fresh_url("introspect"), audience=AUDIENCE), "an-opaque-token"),
        verifies,
    ),
    "OAuth.get_token": on(
        lambda server: OAuth("id", "secret", server.fresh_url("token")), lambda oauth, _: oauth.get_token()
    ),
    "OAuth in a client": sent,
}


@pytest.fixture
def server(endpoint, reply, pair, good, yes):
    """An authorization server, with as many issuers as are asked for."""
    numbers = itertools.count()
    jwks = {"keys": [pair.jwk("a")]}

    def answer(endpoint, connection, request):
        issuer = f"{endpoint.base}/{re.search('[0-9]+|$', request.target)[0]}"
        documents = {
            "/protected": yes,
            "/token": {"access_token": "t", "token_type": "Bearer", "expires_in": 600},
            "/introspect": {**yes, "iss": issuer},
            "/.well-known": {
                "issuer": issuer,
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/jwks",
                "introspection_endpoint": f"{issuer}/introspect",
            },
            "/jwks": jwks,
        }
        found = next(document for path, document in documents.items() if path in request.target)
        connection.sendall(reply(200, json.dumps(found)))

    endpoint.answer = answer
    return SimpleNamespace(
        base=endpoint.base,
        jwks=json.dumps(jwks).encode(),
        good=good,
        token=lambda **claims: pair.create_token(audience=AUDIENCE, kid="a", additional_claims=claims),
        fresh_url=lambda name: f"{endpoint.base}/{name}?{next(numbers)}",
        fresh_issuer=lambda: f"{endpoint.base}/{next(numbers)}",
    )


@pytest.fixture
def unseen(monkeypatch):
    """Exceptions that could not be raised: it must stay empty."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: unraisable.append(repr(args.exc_value)))
    yield unraisable
    gc.collect()
    assert unraisable == []


async def stopped_at(ask, suspension, how):
    """Stop a caller at a suspension, and tell whether it got that far; the next caller gets a result."""
    wrong = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    coroutine = ask()
    stopped = Stopped(coroutine, suspension, how)
    task = asyncio.create_task(until_stopped(stopped))
    await asyncio.wait([task], timeout=LONGEST_SECONDS)
    got_there = stopped.suspensions >= suspension
    assert task.cancelled() is got_there, "a cancellation is never swallowed"
    coroutine.close()
    assert await asyncio.wait_for(ask(), LONGEST_SECONDS)
    if not got_there:
        assert task.result()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=LONGEST_SECONDS)
    assert not [task for task in others if not task.done()]
    assert wrong == []
    return got_there


# httpx closes what it awaits asynchronously, which a coroutine that is being closed cannot.
WAYS = [
    (name, how)
    for name in SUBJECTS
    for how in ("as it falls asleep", "as it wakes up", "closed")
    if (name, how) != ("OAuth in a client", "closed")
]


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_cancelled_caller_cancels_no_other(name, how, server):
    stops = 0
    for suspension in itertools.count(1):
        ask = SUBJECTS[name](server)
        if not asyncio.run(stopped_at(ask, suspension, how)):
            break
        stops += 1
    assert stops >= 1, "it waits somewhere"


# A caller's client has its event loop alone: `test_httpx_fetcher.py` says what comes of that.
ANY_LOOP = [name for name in SUBJECTS if name not in {"JWTVerifier with http_client", "OAuth in a client"}]


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("name", ANY_LOOP)
def test_closing_an_event_loop_with_a_waiting_caller_does_not_affect_the_next_one(name, server):
    for suspension in itertools.count(1):
        ask = SUBJECTS[name](server)
        loop = asyncio.new_event_loop()
        task = loop.create_task(until_stopped(Stopped(ask(), suspension, "with its loop")))
        with contextlib.suppress(RuntimeError):
            assert loop.run_until_complete(task)
        loop.close()
        if task.done():
            break
        # What a loop that is closed with work left says of it is its own.
        task._log_destroy_pending = False  # noqa: SLF001
        del task
        gc.collect()
        assert asyncio.run(asyncio.wait_for(ask(), LONGEST_SECONDS))
    assert suspension > 1, "it waits somewhere"
