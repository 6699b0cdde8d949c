"""A token that is verified again is answered from a template, with an equal result."""

import asyncio
import copy
import gc
import sys
import threading

import pytest

from fastmcp_rs.auth import JWTVerifier

CLAIMS = {"roles": ["a", {"b": [1]}], "plan": {"name": "x"}}
HOOK = "_extract_scopes"
RESOURCES = ["https://server.example/mcp", "https://server.example/other"]


@pytest.fixture
def verifier(issuer):
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected)


def ask(verifier, token, times=1):
    async def asked():
        return [await verifier.verify_token(token) for _ in range(times)]

    return asyncio.run(asked())


def test_a_change_of_a_returned_token_changes_no_other(verifier, issuer):
    token = issuer.token(**CLAIMS)
    first = copy.deepcopy(ask(verifier, token)[0])
    for _ in range(4):
        (mine,) = ask(verifier, token)
        assert (mine.claims, mine.scopes, mine.model_fields_set) == (first.claims, first.scopes, first.model_fields_set)
        mine.claims["roles"][1]["b"].append(2)
        mine.claims["roles"].append("admin")
        mine.claims["plan"]["name"] = "y"
        mine.claims["admin"] = True
        mine.scopes.append("admin")
        mine.model_fields_set.clear()
        mine.client_id = "mallory"


def test_each_token_has_the_text_that_its_caller_gave(verifier, issuer):
    token = issuer.token()
    ask(verifier, token, 3)
    own = (token + " ")[:-1]
    assert ask(verifier, own)[0].token is own


def test_a_change_of_the_policy_applies_to_a_remembered_token(issuer):
    options = {**issuer.expected, "audience": RESOURCES}
    verifier = JWTVerifier(public_key=issuer.public_key, **options)
    token = issuer.token(aud=RESOURCES)
    assert [answer.resource for answer in ask(verifier, token, 3)] == [RESOURCES[0]] * 3
    verifier.audience = RESOURCES[1]
    assert [answer.resource for answer in ask(verifier, token, 3)] == [RESOURCES[1]] * 3
    verifier.required_scopes = ["admin"]
    assert ask(verifier, token, 2) == [None, None]
    verifier.required_scopes.clear()
    assert [answer.resource for answer in ask(verifier, token, 3)] == [RESOURCES[1]] * 3
    verifier.issuer = "https://other.example"
    assert ask(verifier, token, 2) == [None, None]


def test_hooks_set_later_are_called_for_a_remembered_token(verifier, issuer, monkeypatch):
    token = issuer.token()
    before = ask(verifier, token, 3)[0].scopes
    setattr(verifier, HOOK, lambda claims: [claims["sub"], *before])
    assert ask(verifier, token, 3)[2].scopes == ["alice", *before]
    delattr(verifier, HOOK)
    assert ask(verifier, token, 3)[2].scopes == before
    with monkeypatch.context() as patched:
        patched.setattr(JWTVerifier, "_validate_issuer", lambda *_: False)
        assert ask(verifier, token, 2) == [None, None]
    assert ask(verifier, token, 3)[2].scopes == before


def test_hits_are_counted_and_the_cache_weighs_its_templates(verifier, issuer):
    token = issuer.token(**CLAIMS, more=["text"] * 100)
    ask(verifier, token)
    once = verifier.stats()["cache"]
    ask(verifier, token, 4)
    stats = verifier.stats()
    assert (stats["accepted"], stats["cache"]["entries"], stats["cache"]["hits"]) == (5, 1, 4)
    assert stats["cache"]["bytes"] > once["bytes"] + 100 * 56
    ask(verifier, token, 4)
    assert verifier.stats()["cache"]["bytes"] == stats["cache"]["bytes"]


def test_an_evicted_token_leaves_no_memory_behind(issuer):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected, cache_size=20)
    tokens = [issuer.token(sub=f"user-{number}", **CLAIMS) for number in range(600)]

    def blocks_after(some):
        for token in some:
            ask(verifier, token, 3)
        gc.collect()
        return sys.getallocatedblocks()

    before = blocks_after(tokens[:200])
    # A template takes more than twenty blocks.
    assert blocks_after(tokens[200:]) < before + 400 * 5


def test_threads_with_one_token_get_objects_of_their_own(verifier, issuer):
    token = issuer.token(**CLAIMS)
    answers = []
    threads = [threading.Thread(target=lambda: answers.extend(ask(verifier, token, 50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 200
    assert len({id(answer.claims["roles"]) for answer in answers}) == 200
    assert all(answer == answers[0] for answer in answers)
