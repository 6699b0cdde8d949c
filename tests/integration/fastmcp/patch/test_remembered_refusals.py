"""``install()`` asks FastMCP's library once about a token that it refuses, and then raises the same error again."""

import asyncio
import contextlib
import functools
import logging
import sys
import traceback

import pytest
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth.providers import jwt as providers
from fastmcp.server.auth.providers.jwt import JWTVerifier

import fastmcp_rs
from fastmcp_rs.patch import decoder
from fastmcp_rs.testing import KeyPair

AUDIENCE = "https://server.example/mcp"
IS_JOSERFC = not hasattr(providers, "JsonWebToken")


@pytest.fixture
def asked(monkeypatch):
    """Every token that FastMCP's library is asked about, and the error that it raises."""
    seen = []
    owner = sys.modules["joserfc.jwt"] if IS_JOSERFC else providers.JsonWebToken
    decode = owner.decode

    @functools.wraps(decode)
    def counted(*args, **more):
        token = args[0 if IS_JOSERFC else 1]
        try:
            answer = decode(*args, **more)
        except Exception as error:
            seen.append((token, error))
            raise
        seen.append((token, None))
        return answer

    monkeypatch.setattr(owner, "decode", counted)
    return seen


@pytest.fixture
def verifier(issuer):
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected)


@pytest.fixture
def refused(issuer, rsa_pairs):
    """Tokens that the library refuses, by what is wrong with them."""
    other = rsa_pairs("other")
    header, payload, signature = issuer.token().split(".")
    return {
        "of another key": other.create_token("alice", issuer.name, issuer.audience, ["read"]),
        "with another signature": f"{header}.{payload}.{signature[::-1]}",
        "of another algorithm": KeyPair.generate("ES256").create_token("alice", issuer.name, issuer.audience),
    }


def verdicts(verifier, *tokens):
    async def each():
        return [await verifier.verify_token(token) is not None for token in tokens]

    return asyncio.run(each())


def test_the_library_is_called_once_and_fastmcp_logs_the_same(verifier, issuer, refused, asked, caplog):
    caplog.set_level(logging.DEBUG, logger="fastmcp")
    theirs = {}
    for name, token in refused.items():
        caplog.clear()
        assert verdicts(verifier, token) == [False]
        theirs[name] = [record.getMessage() for record in caplog.records]
    fastmcp_rs.install()
    assert verdicts(verifier, issuer.token()) == [True]
    for name, token in refused.items():
        asked.clear()
        for _ in range(3):
            caplog.clear()
            assert verdicts(verifier, token) == [False]
            assert [record.getMessage() for record in caplog.records if "fastmcp_rs" not in record.name] == theirs[name]
        # The errors of authlib, up to 2.14, hold the token's claims, which are not kept.
        assert len(asked) == (1 if IS_JOSERFC else len(asked)) > 0
    assert verdicts(verifier, issuer.token()) == [True]


def test_a_refusal_is_for_one_token_under_one_key_only(verifier, issuer, rsa_pairs):
    other = rsa_pairs("other")
    theirs = JWTVerifier(public_key=other.public_key, **issuer.expected)
    ours, foreign = issuer.token(), other.create_token("alice", issuer.name, issuer.audience, ["read"])
    fastmcp_rs.install()
    for _ in range(3):
        assert verdicts(verifier, ours, foreign) == [True, False]
        assert verdicts(theirs, ours, foreign) == [False, True]
    verifier.public_key = other.public_key
    assert verdicts(verifier, ours, foreign) == [False, True]


def test_no_more_is_remembered_than_the_bound_and_nothing_after_uninstall(
    verifier, issuer, asked, rsa_pairs, monkeypatch
):
    if not IS_JOSERFC:
        return
    monkeypatch.setattr(decoder, "_MOST_REFUSED", 3)
    others = [rsa_pairs(number).create_token(str(number)) for number in range(5)]
    fastmcp_rs.install()
    assert verdicts(verifier, issuer.token(), *others) == [True] + [False] * 5
    asked.clear()
    assert verdicts(verifier, *others[2:]) == [False] * 3
    assert asked == []
    assert verdicts(verifier, others[0]) == [False]
    assert len(asked) == 1
    fastmcp_rs.uninstall()
    fastmcp_rs.install()
    assert verdicts(verifier, others[4]) == [False]
    assert [token for token, _ in asked][-1] == others[4]


def test_the_error_that_is_raised_again_is_the_same_and_holds_no_frame():
    error_class = providers.JoseError
    subclass = next(iter(error_class.__subclasses__()))
    with contextlib.suppress(TypeError):
        first = subclass("what is wrong")
        again = decoder._like(first)  # noqa: SLF001 - what is tested
        assert (type(again), again.args, vars(again), str(again)) == (subclass, first.args, vars(first), str(first))
        assert traceback.extract_tb(again.__traceback__) == []
        assert again is not first


def test_the_verifiers_of_a_multi_auth_are_tried_in_turn_and_answer_alike(asked, rsa_pairs):
    if not hasattr(fastmcp_auth, "MultiAuth"):
        return
    names = [f"https://{number}.example" for number in range(3)]
    pairs = list(map(rsa_pairs, range(3)))

    def made():
        return fastmcp_auth.MultiAuth(
            verifiers=[
                JWTVerifier(public_key=pair.public_key, issuer=name, audience=AUDIENCE)
                for name, pair in zip(names, pairs, strict=True)
            ]
        )

    tokens = [pair.create_token("alice", name, AUDIENCE) for name, pair in zip(names, pairs, strict=True)]
    tokens.append(rsa_pairs("other").create_token("alice", names[0], AUDIENCE))
    theirs = verdicts(made(), *tokens)
    fastmcp_rs.install()
    auth = made()
    assert verdicts(auth, *tokens) == verdicts(auth, *tokens) == theirs == [True] * 3 + [False]
    asked.clear()
    assert verdicts(auth, *tokens) == theirs
    assert asked == []
