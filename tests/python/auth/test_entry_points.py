"""Whatever entry point a subclass overrides, the others answer alike: a refusal by one of them holds for all."""

import asyncio
from types import SimpleNamespace

import pytest

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

ENTRY_POINTS = ("authenticate", "verify_token", "load_access_token")


class OnlyAuthenticate(JWTVerifier):
    async def authenticate(self, request):
        answer = await super().authenticate(request)
        return None if answer is None or answer.user_id == "mallory" else answer


class OnlyVerifyToken(JWTVerifier):
    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "mallory" else answer


class OnlyLoadAccessToken(JWTVerifier):
    async def load_access_token(self, token):
        answer = await super().load_access_token(token)
        return None if answer is None or answer.subject == "mallory" else answer


class Both(JWTVerifier):
    async def authenticate(self, request):
        answer = await super().authenticate(request)
        return None if answer is None or answer.user_id == "mallory" else answer

    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "mallory" else answer


class AuthenticateMixin:
    async def authenticate(self, request):
        answer = await super().authenticate(request)
        return None if answer is None or answer.user_id == "trudy" else answer


class VerifyTokenMixin:
    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "trudy" else answer


class LoadAccessTokenMixin:
    async def load_access_token(self, token):
        answer = await super().load_access_token(token)
        return None if answer is None or answer.subject == "trudy" else answer


class MixedIn(VerifyTokenMixin, JWTVerifier):
    pass


class MixedInTwice(AuthenticateMixin, VerifyTokenMixin, JWTVerifier):
    pass


class HeirOfNothing(OnlyAuthenticate):
    pass


class AuthenticateThenVerifyToken(OnlyAuthenticate):
    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "trudy" else answer


class VerifyTokenThenAuthenticate(OnlyVerifyToken):
    async def authenticate(self, request):
        answer = await super().authenticate(request)
        return None if answer is None or answer.user_id == "trudy" else answer


class LoadAccessTokenThenVerifyToken(OnlyLoadAccessToken):
    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "trudy" else answer


class SameTwice(OnlyVerifyToken):
    async def verify_token(self, token):
        answer = await super().verify_token(token)
        return None if answer is None or answer.subject == "trudy" else answer


class ThreeGenerations(VerifyTokenThenAuthenticate):
    async def load_access_token(self, token):
        answer = await super().load_access_token(token)
        return None if answer is None or answer.subject == "eve" else answer


class MixedInAfterwards(LoadAccessTokenMixin, OnlyAuthenticate):
    pass


class Diamond(AuthenticateMixin, OnlyVerifyToken):
    pass


class StaticAuthenticate(AuthenticateMixin, StaticTokenVerifier):
    pass


class StaticVerifyToken(VerifyTokenMixin, StaticTokenVerifier):
    pass


DENIED = {
    OnlyAuthenticate: {"mallory"},
    OnlyVerifyToken: {"mallory"},
    OnlyLoadAccessToken: {"mallory"},
    Both: {"mallory"},
    MixedIn: {"trudy"},
    MixedInTwice: {"trudy"},
    HeirOfNothing: {"mallory"},
    AuthenticateThenVerifyToken: {"mallory", "trudy"},
    VerifyTokenThenAuthenticate: {"mallory", "trudy"},
    LoadAccessTokenThenVerifyToken: {"mallory", "trudy"},
    SameTwice: {"mallory", "trudy"},
    ThreeGenerations: {"mallory", "trudy", "eve"},
    MixedInAfterwards: {"mallory", "trudy"},
    Diamond: {"mallory", "trudy"},
    StaticAuthenticate: {"trudy"},
    StaticVerifyToken: {"trudy"},
}
USERS = ("alice", "mallory", "trudy", "eve")


def request(token: str):
    return SimpleNamespace(headers={"Authorization": f"Bearer {token}"})


def entry(verifier, name: str, token: str):
    return getattr(verifier, name)(request(token) if name == "authenticate" else token)


@pytest.fixture
def make(secret):
    """Make a verifier of a class, with tokens for all users."""

    def verifier(cls, **arguments):
        if issubclass(cls, StaticTokenVerifier):
            return cls({f"token-of-{name}": {"user_id": name, **arguments} for name in USERS})
        return cls(secret, audience="https://server.example", **arguments)

    return verifier


@pytest.fixture
def token_of(forge):
    def token(cls, name: str, **claims):
        if issubclass(cls, StaticTokenVerifier):
            return f"token-of-{name}"
        return forge({"aud": "https://server.example", "sub": name, **claims})

    return token


@pytest.mark.parametrize("cls", DENIED)
def test_an_override_that_refuses_refuses_at_every_entry_point(ask_each, make, token_of, cls):
    verifier = make(cls)
    for name in USERS:
        answers = ask_each(verifier, token_of(cls, name))
        assert {entry: answer is None for entry, answer in answers.items()} == dict.fromkeys(
            answers, name in DENIED[cls]
        ), name


@pytest.mark.parametrize("cls", DENIED)
def test_each_entry_point_returns_its_own_class_of_token(ask_each, make, token_of, cls):
    plain = make(StaticTokenVerifier if issubclass(cls, StaticTokenVerifier) else JWTVerifier)
    token = token_of(cls, "alice")
    for name, answer in ask_each(make(cls), token).items():
        assert type(answer) is type(ask_each(plain, token)[name])


class AsksItself(JWTVerifier):
    """An override of one entry point that calls the other."""

    async def authenticate(self, request):
        _, _, token = next(iter(request.headers.values())).partition(" ")
        answer = await self.verify_token(token)
        return None if answer is None or answer.subject == "mallory" else await super().authenticate(request)


class AsksItselfTheOtherWay(JWTVerifier):
    async def verify_token(self, token):
        answer = await self.authenticate(request(token))
        return None if answer is None or answer.user_id == "mallory" else await super().verify_token(token)


class Waits(JWTVerifier):
    """wait_for runs what it waits for in a task of its own, on some Pythons."""

    async def authenticate(self, request):
        answer = await asyncio.wait_for(super().authenticate(request), 10)
        return None if answer is None or answer.user_id == "mallory" else answer


class WaitsForItself(JWTVerifier):
    async def verify_token(self, token):
        task = asyncio.create_task(self.authenticate(request(token)))
        answer = await asyncio.wait_for(task, 10)
        return None if answer is None or answer.user_id == "mallory" else await super().verify_token(token)


class Gathers(JWTVerifier):
    async def verify_token(self, token):
        inherited = super().verify_token(token)
        answers = await asyncio.gather(inherited, self.authenticate(request(token)), self.load_access_token(token))
        return None if None in answers or answers[0].subject == "mallory" else answers[0]


class Threads(JWTVerifier):
    async def authenticate(self, request):
        inherited = super().authenticate
        answer = await asyncio.to_thread(lambda: asyncio.run(inherited(request)))
        return None if answer is None or answer.user_id == "mallory" else answer


@pytest.mark.parametrize("cls", [AsksItself, AsksItselfTheOtherWay, Waits, WaitsForItself, Gathers, Threads])
def test_an_override_that_refuses_refuses_however_it_calls_super(ask_each, make, token_of, cls):
    verifier = make(cls)
    for name in ("alice", "mallory"):
        answers = ask_each(verifier, token_of(cls, name))
        assert [answer is None for answer in answers.values()] == [name == "mallory"] * 3, name


@pytest.mark.parametrize("asked", ENTRY_POINTS)
@pytest.mark.parametrize("asked_later", ENTRY_POINTS)
def test_an_override_that_refuses_refuses_in_a_task_that_outlives_it_too(make, token_of, asked, asked_later):
    class Spawns(OnlyAuthenticate):
        async def authenticate(self, request):
            answer = await super().authenticate(request)
            if not hasattr(self, "task"):
                self.ended = asyncio.Event()
                self.task = asyncio.create_task(self.ask_later())
            return answer

        async def ask_later(self):
            await self.ended.wait()
            return [await entry(self, asked_later, token_of(Spawns, name)) for name in ("alice", "mallory")]

    verifier = make(Spawns)

    async def both() -> list:
        assert await entry(verifier, asked, token_of(Spawns, "alice")) is not None
        verifier.ended.set()
        return await verifier.task

    alice, mallory = asyncio.run(both())
    assert alice is not None
    assert mallory is None


@pytest.mark.parametrize("cls", [OnlyAuthenticate, OnlyVerifyToken, Gathers, AsksItself])
def test_tokens_that_are_verified_at_once_do_not_mix(make, token_of, cls):
    verifier = make(cls)
    names = [f"user{number}" if number % 3 else "mallory" for number in range(60)]

    async def answers() -> list:
        entries = [entry(verifier, ENTRY_POINTS[number % 3], token_of(cls, name)) for number, name in enumerate(names)]
        return await asyncio.gather(*entries)

    for name, answer in zip(names, asyncio.run(answers()), strict=True):
        assert (answer is None) is (name == "mallory")
        assert answer is None or name in {getattr(answer, "user_id", None), getattr(answer, "subject", None)}


def test_a_verifier_inside_another_decides_by_itself(ask_each, make, token_of):
    inner = make(OnlyVerifyToken)

    class Wraps(JWTVerifier):
        async def authenticate(self, request):
            if await inner.authenticate(request) is None:
                return None
            return await super().authenticate(request)

    for name in ("alice", "mallory"):
        answers = ask_each(make(Wraps), token_of(Wraps, name))
        assert [answer is None for answer in answers.values()] == [name == "mallory"] * 3
