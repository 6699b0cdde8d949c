"""With ``cache_ttl_seconds`` an endpoint is asked once, and everything but its answer is decided for each request."""

import asyncio
import json
import time

import pytest
from forks import in_child

from fastmcp_rs import _compat

TOKEN = "an.opaque~token+/-_=="
AGES = 1.0


@pytest.fixture
def answers(service, reply, yes):
    """Have the service answer with these changes to a yes; ``None`` takes a member away."""

    def put(status=200, headers=None, **changes):
        answer = {name: value for name, value in {**yes, **changes}.items() if value is not ...}
        service.answer = reply(status, json.dumps(answer), **(headers or {}))

    put()
    return put


@pytest.fixture
def remembering(service, asker):
    return lambda **options: asker.make(service.url, **{"cache_ttl_seconds": 60, **options})


def said(provider, token):
    """What a provider says of a token, asked once: ``"accepted"``, or the reason."""
    before = provider.stats()
    if asyncio.run(provider.authenticate({"headers": [(b"authorization", b"Bearer " + token.encode())]})):
        return "accepted"
    after = provider.stats()
    counted = {**after["rejected"], **after["unavailable"]}
    (reason,) = (
        reason
        for reason, count in counted.items()
        if count > {**before["rejected"], **before["unavailable"]}.get(reason, 0)
    )
    return reason


def count(provider):
    return provider.stats()["answers"]


def test_by_default_each_request_causes_introspection(service, asker):
    for provider in (
        asker.make(service.url),
        asker.make(service.url, cache_ttl_seconds=0),
        asker.make(service.url, cache_ttl_seconds=None, max_cache_size=5),
        asker.make(service.url, cache_ttl_seconds=60, max_cache_size=0),
    ):
        service.requests.clear()
        assert [said(provider, TOKEN) for _ in range(3)] == ["accepted"] * 3
        assert (len(service.requests), count(provider)) == (3, None)
        asyncio.run(provider.invalidate(TOKEN))


def test_a_remembered_response_is_not_asked_for_again(service, remembering, request_with):
    provider = remembering()
    assert [said(provider, token) for token in (TOKEN, TOKEN, "another", TOKEN)] == ["accepted"] * 4
    fastmcps = asyncio.run(provider.verify_token(TOKEN))
    assert type(fastmcps) is _compat.FastMCPAccessToken
    assert fastmcps == asyncio.run(provider.verify_token(TOKEN))
    assert fastmcps.token == TOKEN
    assert asyncio.run(provider.authenticate(request_with("another"))).token == "another"
    assert len(service.requests) == 2
    counts = count(provider)
    assert {name: counts[name] for name in ("entries", "misses", "questions", "stale")} == {
        "entries": 2,
        "misses": 2,
        "questions": 2,
        "stale": 0,
    }
    assert counts["hits"] == 5
    assert 0 < counts["bytes"] < 10_000


def test_a_change_of_a_returned_token_changes_no_other(remembering, answers):
    answers(groups=["a"], team={"lead": "b"})
    provider = remembering()

    async def changed():
        for _ in range(3):
            token = await provider.verify_token(TOKEN)
            assert (token.claims["groups"], token.claims["team"], token.scopes) == (["a"], {"lead": "b"}, ["read"])
            token.claims["groups"].append("admin")
            token.claims["team"]["lead"] = "mallory"
            token.scopes.append("admin")

    answers(groups=["a"], team={"lead": "b"}, scope="read")
    asyncio.run(changed())


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("required_scopes", ["admin"], "insufficient_scope"),
        ("audience", "https://other.example", "audience_mismatch"),
    ],
)
def test_the_policy_is_checked_for_each_request(setting, value, reason, service, remembering):
    provider = remembering()
    before = getattr(provider, setting)
    assert said(provider, TOKEN) == "accepted"
    setattr(provider, setting, value)
    assert said(provider, TOKEN) == reason
    setattr(provider, setting, before)
    asked = len(service.requests)
    assert said(provider, TOKEN) == "accepted"
    assert len(service.requests) == asked


def test_a_token_that_the_policy_refuses_is_asked_about_each_time(service, remembering, answers):
    provider = remembering(scope=["admin"])
    assert [said(provider, TOKEN) for _ in range(2)] == ["insufficient_scope"] * 2
    answers(scope="admin")
    assert [said(provider, TOKEN) for _ in range(2)] == ["accepted"] * 2
    assert len(service.requests) == 3


def test_no_refusal_and_no_failure_is_remembered(service, reply, remembering, asker, answers):
    provider = remembering()
    for bad, says in ((reply(200, '{"active":false}'), "inactive_token"), (reply(503), asker.unavailable)):
        service.answer = bad
        assert [said(provider, TOKEN) for _ in range(2)] == [says] * 2
    assert len(service.requests) == 4
    assert count(provider)["entries"] == 0
    answers()
    assert said(provider, TOKEN) == "accepted"


def test_no_response_is_remembered_beyond_the_tokens_expiry(service, remembering, answers):
    expires = time.time() + AGES
    answers(exp=expires)
    provider = remembering()
    assert said(provider, TOKEN) == "accepted"
    time.sleep(max(0.0, expires - time.time()) + 0.05)
    answers(active=False, exp=expires)
    assert said(provider, TOKEN) == "inactive_token", "the service is asked, and says so itself"
    assert len(service.requests) == 2


def test_a_response_is_remembered_for_cache_ttl_seconds(service, reply, remembering):
    provider = remembering(cache_ttl_seconds=AGES)
    began = time.monotonic()
    assert said(provider, TOKEN) == "accepted"
    service.answer = reply(200, '{"active":false}')
    while said(provider, TOKEN) == "accepted":
        time.sleep(0.02)
    assert time.monotonic() - began + 0.01 >= AGES
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("cache_control", "questions"),
    [
        ("no-store", 1),
        ("no-cache, no-store, max-age=0, must-revalidate", 1),
        ("private, max-age=3600", 1),
        ("max-age=0", 3),
        ("nonsense", 1),
    ],
)
def test_cache_control_of_the_endpoint_shortens_the_time(cache_control, questions, service, remembering, answers):
    answers(headers={"cache_control": cache_control})
    provider = remembering()
    assert [said(provider, TOKEN) for _ in range(3)] == ["accepted"] * 3
    assert len(service.requests) == questions


def test_a_revoked_token_is_refused_once_it_is_invalidated(service, reply, remembering):
    provider = remembering()
    assert [said(provider, token) for token in (TOKEN, "other")] == ["accepted"] * 2
    service.answer = reply(200, '{"active":false}')
    assert said(provider, TOKEN) == "accepted", "that is the stated staleness"
    asyncio.run(provider.invalidate(TOKEN))
    assert [said(provider, token) for token in (TOKEN, "other")] == ["inactive_token", "accepted"]
    asyncio.run(provider.invalidate())
    assert said(provider, "other") == "inactive_token"


@pytest.mark.parametrize("nothing", ["", "never seen", "\ud800", "x" * 100_000])
def test_any_str_can_be_invalidated(nothing, remembering):
    asyncio.run(remembering().invalidate(nothing))


@pytest.mark.parametrize("wrong", [1, b"token", ["token"]])
def test_invalidate_takes_str_or_none(wrong, remembering):
    with pytest.raises(TypeError, match="token must be a str, or None for every token"):
        asyncio.run(remembering().invalidate(wrong))


def test_a_response_to_a_request_from_before_an_invalidation_is_not_remembered(service, reply, remembering, eventually):
    provider = remembering()
    may_answer = service.hold()

    async def asked():
        first = asyncio.ensure_future(provider.verify_token(TOKEN))
        await asyncio.to_thread(eventually, lambda: service.requests)
        service.answer = reply(200, '{"active":false}')
        await provider.invalidate(TOKEN)
        assert await provider.verify_token(TOKEN) is None, "it does not join the question from before"
        may_answer.set()
        assert await first is not None, "which was asked before the token was invalidated"

    asyncio.run(asked())
    assert said(provider, TOKEN) == "inactive_token"


def test_a_thousand_requests_with_one_new_token_cause_one_introspection(service, remembering, until):
    provider = remembering()
    may_answer = service.hold()

    async def asked():
        requests = [asyncio.ensure_future(provider.verify_token(TOKEN)) for _ in range(1000)]
        await until(lambda: service.requests)
        may_answer.set()
        return await asyncio.gather(*requests)

    assert all(token.token == TOKEN for token in asyncio.run(asked()))
    assert len(service.requests) == count(provider)["questions"] == 1


def test_a_forked_child_remembers_nothing(service, remembering):
    provider = remembering()
    assert said(provider, TOKEN) == "accepted"

    def asks_anew():
        before = count(provider)["entries"]
        accepted = [said(provider, TOKEN) for _ in range(2)]
        return (before, accepted, count(provider)["entries"]) == (0, ["accepted"] * 2, 1)

    assert in_child(asks_anew) == 0
    assert said(provider, TOKEN) == "accepted"
    assert len(service.requests) == 2


def test_responses_about_two_users_are_never_mixed(service, reply, remembering, yes):
    def answer(_endpoint, connection, request):
        token = next(name for name in ("alice", "bob") if name.encode() in request.body)
        body = {**yes, "sub": token}
        connection.sendall(reply(200, json.dumps(body)))

    service.answer = answer
    provider = remembering(cache_ttl_seconds=0.05)

    async def asked():
        for _ in range(5):
            tokens = ["alice", "bob"] * 100
            got = await asyncio.gather(*map(provider.verify_token, tokens))
            assert [(token.token, token.subject) for token in got] == [(token, token) for token in tokens]
            await asyncio.sleep(0.06)

    asyncio.run(asked())


def test_a_flood_of_distinct_tokens_is_bounded_and_keeps_what_is_used(service, remembering):
    provider = remembering(max_cache_size=20)
    for flood in range(60):
        assert said(provider, f"flood-{flood}") == "accepted"
        assert said(provider, TOKEN) == "accepted"
    assert count(provider)["entries"] == 20
    assert len(service.requests) == 61


OUTAGES = [503, 500, 429, "closed"]


@pytest.mark.parametrize("outage", OUTAGES)
def test_while_the_endpoint_is_out_of_reach_an_old_response_is_used(
    outage, service, reply, remembering, asker, records
):
    provider = remembering(cache_ttl_seconds=0.05, stale_if_error_seconds=600)
    good = service.answer
    assert said(provider, TOKEN) == "accepted"
    time.sleep(0.06)
    service.answer = (lambda *_: None) if outage == "closed" else reply(outage)
    assert [said(provider, TOKEN) for _ in range(3)] == ["accepted"] * 3
    assert len(service.requests) == 2, "it is left alone for a while"
    assert said(provider, "unknown") == asker.unavailable
    service.answer = good
    assert said(provider, "other") == "accepted"
    assert said(provider, TOKEN) == "accepted"
    assert len(service.requests) == 5, "and asked again once it answers"
    begin, end = (record for record in records() if "out of reach" in record.message or "again" in record.message)
    assert "600 s longer" in begin.getMessage()
    assert "answers again" in end.getMessage()
    assert TOKEN not in begin.getMessage() + end.getMessage()
    assert count(provider)["stale"] == 3


def test_an_old_response_is_used_for_stale_if_error_seconds_and_never_past_expiry(
    service, reply, remembering, asker, answers
):
    provider = remembering(cache_ttl_seconds=0.05, stale_if_error_seconds=0.3)
    answers(exp=time.time() + 600)
    assert said(provider, TOKEN) == "accepted"
    answers(exp=time.time() + 0.2)
    assert said(provider, "short") == "accepted"
    time.sleep(0.25)
    service.answer = reply(503)
    assert said(provider, "short") == asker.unavailable
    time.sleep(0.2)
    assert said(provider, TOKEN) == asker.unavailable


@pytest.mark.parametrize("trouble", [401, 404, 400])
def test_an_old_response_is_not_used_when_the_endpoint_refuses_the_server(trouble, service, reply, remembering):
    provider = remembering(cache_ttl_seconds=0.05, stale_if_error_seconds=600)
    assert said(provider, TOKEN) == "accepted"
    time.sleep(0.06)
    service.answer = reply(trouble)
    assert said(provider, TOKEN) != "accepted", "refused credentials of this server are no outage"


def test_a_token_that_the_policy_refuses_by_an_old_response_is_unavailable(service, reply, remembering, asker):
    provider = remembering(cache_ttl_seconds=0.05, stale_if_error_seconds=600)
    assert said(provider, TOKEN) == "accepted"
    time.sleep(0.06)
    provider.required_scopes = ["admin"]
    service.answer = reply(503)
    assert [said(provider, TOKEN) for _ in range(2)] == [asker.unavailable] * 2


@pytest.mark.parametrize("option", ["stale_if_error_seconds"])
def test_an_option_without_effect_is_an_error(option, service, asker):
    with pytest.raises(ValueError, match=f"{option} is for answers that are remembered.*set cache_ttl_seconds"):
        asker.make(service.url, **{option: 5})
