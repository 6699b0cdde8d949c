"""Where Python's stack is nearly full, a token may be refused or an error be raised, and no bad token is accepted."""

import contextlib

import pytest

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

PAIR = KeyPair.generate("ES256")
GOOD = PAIR.create_token(audience="server")
BAD = KeyPair.generate("ES256").create_token(audience="server")
OPTIONS = {"public_key": PAIR.public_key, "algorithm": "ES256", "audience": "server"}
# More levels than any call has.
LEVELS = 200


class Overridden(JWTVerifier):
    def _validate_issuer(self, issuer):
        return super()._validate_issuer(issuer)

    async def authenticate(self, request):
        return await super().authenticate(request)


def answer(verifier, name, token):
    """Run an entry point to its end, without an event loop of which the stack would be full."""
    asked = {"type": "http", "headers": [(b"authorization", b"Bearer " + token.encode())]}
    coroutine = getattr(verifier, name)(asked if name == "authenticate" else token)
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return "refused" if ended.value is None else "accepted"
    finally:
        coroutine.close()
    raise AssertionError("it waits")


def from_the_bottom_up(ask, answers):
    """Ask where there is no room, and at each level above that."""
    with contextlib.suppress(RecursionError):
        from_the_bottom_up(ask, answers)
    if len(answers) < LEVELS:
        try:
            answers.append(ask())
        except RecursionError:
            answers.append("no room")
    return answers


# A subclass's own method that has no room refuses, and the error goes to Python's hook, as each that it raises.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["verify_token", "authenticate"])
@pytest.mark.parametrize("kind", [JWTVerifier, Overridden, StaticTokenVerifier])
def test_no_bad_token_is_accepted_at_any_depth(kind, name):
    verifier = StaticTokenVerifier([GOOD]) if kind is StaticTokenVerifier else kind(**OPTIONS)
    bad = from_the_bottom_up(lambda: answer(verifier, name, BAD), [])
    assert set(bad) == {"no room", "refused"}
    good = from_the_bottom_up(lambda: answer(verifier, name, GOOD), [])
    assert set(good) <= {"no room", "refused", "accepted"}
    assert (bad[-1], good[-1], len(good)) == ("refused", "accepted", LEVELS)
    assert good[good.index("accepted") :].count("accepted") == LEVELS - good.index("accepted")
