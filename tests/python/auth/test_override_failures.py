"""An override that raises, or returns a wrong type, refuses the token at every entry point and is logged."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from fastmcp.server.auth import AccessToken as FastMCPAccessToken

from fastmcp_rs.auth import AccessToken, JWTVerifier

ENTRY_POINTS = ("authenticate", "verify_token", "load_access_token")
others = pytest.mark.parametrize(
    ("overridden", "asked"), [(one, other) for one in ENTRY_POINTS for other in ENTRY_POINTS if one != other]
)


class Broken(Exception):  # noqa: N818 - it stands for any exception of a user's
    pass


def overriding(name: str, override) -> type:
    async def method(self, asked):
        answer = await getattr(super(made, self), name)(asked)
        return override(answer)

    made = type("Overriding", (JWTVerifier,), {name: method})
    return made


def ask(verifier, name: str, token: str):
    request = SimpleNamespace(headers={"authorization": f"Bearer {token}"})
    return asyncio.run(getattr(verifier, name)(request if name == "authenticate" else token))


@pytest.fixture
def errors(records):
    """The log records that call for a look at the override."""
    return lambda: [record for record in records() if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "exception", [Broken("planted"), ValueError(), AttributeError("x"), RecursionError(), KeyError()]
)
@others
def test_an_exception_refuses_and_is_logged(errors, caplog, forge, secret, overridden, asked, exception):
    def fails(_answer):
        raise exception

    token = forge({"aud": "server"})
    assert ask(overriding(overridden, fails)(secret, audience="server"), asked, token) is None
    (record,) = errors()
    assert f"Overriding.{overridden}" in record.getMessage()
    assert record.exc_info[1] is exception
    assert token not in caplog.text
    # The override that works is the control.
    assert ask(overriding(overridden, lambda answer: answer)(secret, audience="server"), asked, token) is not None
    assert len(errors()) == 1


@pytest.mark.parametrize("cancelled", [asyncio.CancelledError, KeyboardInterrupt])
@others
def test_cancellation_and_interrupts_are_passed_on(forge, secret, overridden, asked, cancelled):
    def ends(_answer):
        raise cancelled

    with pytest.raises(cancelled):
        ask(overriding(overridden, ends)(secret, audience="server"), asked, forge({"aud": "server"}))


WRONG = {
    "True": True,
    "a text": "alice",
    "a number": 1,
    "a dict": {"token": "t", "client_id": "c", "scopes": []},
    "a list": [],
    "False": False,
    "an empty text": "",
    "a class": AccessToken,
}
OTHER_FACE = {
    "authenticate": FastMCPAccessToken(token="t", client_id="c", scopes=[]),
    "verify_token": AccessToken("t"),
    "load_access_token": AccessToken("t"),
}


@pytest.mark.parametrize("wrong", [*WRONG, "a token of the other face"])
@others
def test_a_result_of_a_wrong_type_refuses_and_is_logged(errors, caplog, forge, secret, overridden, asked, wrong):
    answer = WRONG.get(wrong, OTHER_FACE[overridden])
    token = forge({"aud": "server"})
    assert ask(overriding(overridden, lambda _: answer)(secret, audience="server"), asked, token) is None
    (record,) = errors()
    assert f"Overriding.{overridden}" in record.getMessage()
    assert token not in caplog.text


@others
def test_an_override_that_is_no_coroutine_refuses(forge, secret, overridden, asked):
    broken = type("Broken", (JWTVerifier,), {overridden: lambda _self, _asked: True})
    assert ask(broken(secret, audience="server"), asked, forge({"aud": "server"})) is None


@others
def test_an_override_that_returns_none_refuses_without_an_error(errors, forge, secret, overridden, asked):
    verifier = overriding(overridden, lambda _: None)(secret, audience="server")
    assert ask(verifier, asked, forge({"aud": "server"})) is None
    assert errors() == []


@pytest.mark.parametrize("overridden", ENTRY_POINTS)
def test_an_override_is_called_for_refused_tokens_too_and_an_exception_does_not_accept_them(forge, secret, overridden):
    def user_id_of(answer):
        return answer.user_id  # None has no such attribute, and the exception refuses.

    verifier = overriding(overridden, user_id_of)(secret, audience="server")
    for asked in ENTRY_POINTS:
        if asked != overridden:
            assert ask(verifier, asked, forge({"aud": "other"})) is None
