"""Deny lists: what is denied at once, and what is read in the background; also of tokens that were verified before."""

import asyncio
import json
import threading
import time
from datetime import datetime, timezone

import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.errors import DenylistFullError, TokenVerificationError

NOW = int(time.time())
ISSUER = "https://issuer.example"
CLAIMS = {"iss": ISSUER, "aud": "server", "sub": "alice", "client_id": "app", "jti": "t1", "iat": NOW}


@pytest.fixture
def verifier_of(secret):
    return lambda **options: JWTVerifier(secret, audience="server", **options)


@pytest.mark.parametrize(
    ("denied", "code"),
    [
        ({"jti": "t1"}, "denied_token"),
        ({"jti": "t1", "issuer": ISSUER, "expires_at": NOW + 60}, "denied_token"),
        ({"jti": "t1", "issuer": f"{ISSUER}/"}, "accepted"),
        ({"jti": "T1"}, "accepted"),
        ({"subject": "alice"}, "denied_token"),
        ({"subject": "t1"}, "accepted"),
        ({"subject": "alice", "issued_before": NOW + 1}, "denied_token"),
        ({"subject": "alice", "issued_before": datetime.fromtimestamp(NOW + 1, timezone.utc)}, "denied_token"),
        ({"subject": "alice", "issued_before": NOW}, "accepted"),
        ({"client_id": "app", "issuer": ISSUER}, "denied_token"),
        ({"client_id": "alice"}, "accepted"),
        ({"client_id": "app", "expires_at": 1000}, "denied_token"),
    ],
)
@pytest.mark.parametrize("cache_size", [0, 100])
def test_a_denied_token_is_refused_also_where_it_was_verified_before(
    verifier_of, forge, judgement, denied, code, cache_size
):
    verifier = verifier_of(cache_size=cache_size)
    assert judgement(verifier, forge(CLAIMS)) == "accepted"
    verifier.deny(**denied)
    assert judgement(verifier, forge(CLAIMS)) == code


def test_a_token_without_iat_may_be_an_old_one(verifier_of, forge, judgement):
    verifier = verifier_of()
    verifier.deny(subject="alice", issued_before=1000)
    assert judgement(verifier, forge(CLAIMS)) == "accepted"
    assert judgement(verifier, forge({**CLAIMS, "iat": None} | {"iat": 999})) == "denied_token"
    assert judgement(verifier, forge({name: CLAIMS[name] for name in CLAIMS if name != "iat"})) == "denied_token"


def test_client_and_subject_are_denied_as_the_access_token_names_them(verifier_of, forge, judgement):
    verifier = verifier_of(subject_claim="oid", client_id_claim="appid")
    verifier.deny(subject="alice")
    verifier.deny(client_id="app")
    assert judgement(verifier, forge({**CLAIMS, "oid": "o1", "appid": "a1"})) == "accepted"
    verifier.deny(subject="o1")
    assert judgement(verifier, forge({**CLAIMS, "oid": "o1", "appid": "a1"})) == "denied_token"


def test_a_denied_token_is_401_and_never_insufficient_scope(verifier_of, forge, judgement):
    verifier = verifier_of(required_scopes=["read"])
    assert judgement(verifier, forge(CLAIMS)) == "insufficient_scope"
    verifier.deny(subject="alice")
    assert judgement(verifier, forge(CLAIMS)) == "denied_token"
    assert judgement(verifier, forge({**CLAIMS, "aud": "other"})) == "audience_mismatch"
    assert judgement(verifier, forge({**CLAIMS, "scope": "read"})) == "denied_token"
    explanation = asyncio.run(verifier.explain(forge({**CLAIMS, "scope": "read"})))
    (failed,) = [check for check in explanation.checks if check.result == "failed"]
    assert (explanation.code, failed.name) == ("denied_token", "denylist")
    assert "deny list" in explanation.fix


@pytest.mark.parametrize(
    ("denied", "said"),
    [
        ({}, "deny one thing"),
        ({"issuer": ISSUER}, "deny one thing"),
        ({"jti": "a", "subject": "b"}, "deny one thing"),
        ({"jti": ""}, "jti is empty"),
        ({"jti": 7}, "jti must be a str"),
        ({"client_id": "a\n"}, "client_id"),
        ({"subject": "a", "issuer": ""}, "issuer is empty"),
        ({"subject": "a", "expires_at": "tomorrow"}, "expires_at"),
        ({"subject": "a", "issued_before": float("nan")}, "issued_before"),
        ({"subject": "a", "issued_before": NOW * 1000}, "issued_before"),
    ],
)
def test_an_entry_that_denies_nothing_is_an_error(verifier_of, forge, judgement, denied, said):
    verifier = verifier_of()
    with pytest.raises(ValueError, match=said):
        verifier.deny(**denied)
    assert judgement(verifier, forge(CLAIMS)) == "accepted"


def test_a_full_list_raises_and_forgets_nothing(verifier_of, forge, judgement):
    verifier = verifier_of()
    verifier.deny(subject="alice")
    for number in range(99_999):
        verifier.deny(jti=f"{number}")
    with pytest.raises(DenylistFullError, match="100000"):
        verifier.deny(jti="one more")
    assert judgement(verifier, forge(CLAIMS)) == "denied_token"


def test_a_list_is_read_in_the_background_and_is_503_until_then(verifier_of, forge, judgement, eventually):
    may_end, denied = threading.Event(), [{"subject": "alice"}]

    def read():
        may_end.wait(10)
        return denied

    verifier = verifier_of(denylist=read, denylist_interval=1)
    assert judgement(verifier, forge(CLAIMS)) == "denylist_unavailable"
    assert judgement(verifier, forge({**CLAIMS, "aud": "other"})) == "audience_mismatch"
    explanation = asyncio.run(verifier.explain(forge(CLAIMS)))
    results = {check.name: check.result for check in explanation.checks}
    assert (explanation.outcome, results["denylist"], results["scope"]) == ("unavailable", "unavailable", "unchecked")
    may_end.set()
    # One question at a time, since the list may come between two of one judgement.
    bob = {"headers": {"authorization": f"Bearer {forge({**CLAIMS, 'sub': 'bob'})}"}}
    alice = {"headers": {"authorization": f"Bearer {forge(CLAIMS)}"}}
    eventually(lambda: asyncio.run(verifier.authenticate(bob)) is not None)
    assert judgement(verifier, forge(CLAIMS)) == "denied_token"
    denied.clear()
    eventually(lambda: asyncio.run(verifier.authenticate(alice)) is not None)


def test_a_list_that_cannot_be_read_leaves_what_was_read_before(verifier_of, forge, judgement, eventually, caplog):
    answers = [[{"client_id": "app"}], ConnectionError("no database"), [{"client": "typo"}], ["app"], None]

    def read():
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    verifier = verifier_of(denylist=read, denylist_interval=1)
    asyncio.run(verifier.warm_up())
    for _ in range(4):
        with pytest.raises(TokenVerificationError, match="deny list"):
            asyncio.run(verifier.warm_up())
        assert judgement(verifier, forge(CLAIMS)) == "denied_token"
        assert judgement(verifier, forge({**CLAIMS, "client_id": "other"})) == "accepted"
    verifier = verifier_of(denylist=lambda: 1 / 0, denylist_interval=1)
    assert judgement(verifier, forge(CLAIMS)) == "denylist_unavailable"
    eventually(lambda: "the deny list cannot be read" in caplog.text)


def test_the_function_may_be_asynchronous(verifier_of, forge, judgement):
    async def read():
        await asyncio.sleep(0)
        return ({"jti": f"t{number}"} for number in range(3))

    verifier = verifier_of(denylist=read)
    asyncio.run(verifier.warm_up())
    assert judgement(verifier, forge(CLAIMS)) == "denied_token"
    assert judgement(verifier, forge({**CLAIMS, "jti": "t4"})) == "accepted"
    verifier.deny(jti="t4")
    assert judgement(verifier, forge({**CLAIMS, "jti": "t4"})) == "denied_token", "one's own entries count beside"


def test_a_child_process_reads_the_list_itself(run_program):
    program = """
import asyncio, os, sys
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair
pair = KeyPair.generate("ES256")
verifier = JWTVerifier(
    public_key=pair.public_key, algorithm="ES256", audience="a", unavailable="none",
    denylist=lambda: [{"subject": f"of {os.getpid()}"}], denylist_interval=1,
)
asyncio.run(verifier.warm_up())
child = os.fork()
token = pair.create_token(f"of {os.getpid()}", audience="a")
import time
end = time.monotonic() + 10
while asyncio.run(verifier.verify_token(token)) is not None and time.monotonic() < end:
    time.sleep(0.05)
if child == 0:
    os._exit(0 if time.monotonic() < end else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_program(program).strip() == "0"


def test_many_issuers_share_a_list(forge, secret, judgement):
    verifier = JWTVerifier.from_issuers(
        [{"issuer": ISSUER, "secret": secret}, {"issuer": "https://b.example", "secret": secret}],
        audience="server",
        opaque_token_provider=StaticTokenVerifier({"api-key": {"client_id": "robot"}}),
    )
    of_b = {**CLAIMS, "iss": "https://b.example"}
    assert [judgement(verifier, forge(claims)) for claims in (CLAIMS, of_b)] == ["accepted", "accepted"]
    verifier.deny(subject="alice", issuer=ISSUER)
    assert [judgement(verifier, forge(claims)) for claims in (CLAIMS, of_b)] == ["denied_token", "accepted"]
    verifier.required_scopes = ["read"]
    assert [judgement(verifier, forge(claims)) for claims in (CLAIMS, of_b)] == ["denied_token", "insufficient_scope"]
    verifier.required_scopes = None
    assert asyncio.run(verifier.explain(forge(CLAIMS))).code == "denied_token"
    assert judgement(verifier, "api-key") == "accepted"
    verifier.deny(client_id="robot")
    verifier.required_scopes = ["read"]
    assert judgement(verifier, "api-key") == "denied_token"


def test_introspection_responses_are_looked_up_in_the_list(new_endpoint, reply, judgement):
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps({"active": True, "sub": "alice", "client_id": "app"}))
    oauth = OAuthProvider(
        *("id", "a client's secret", f"{endpoint.base}/token"),
        issuer=endpoint.base,
        jwks_uri=f"{endpoint.base}/jwks",
        introspection_url=endpoint.url,
        allowed_client_id="app",
    )
    for provider in (oauth, RemoteAuthProvider(endpoint.url)):
        assert judgement(provider, "opaque") == "accepted"
        provider.deny(subject="alice", expires_at=NOW + 1000)
        assert judgement(provider, "opaque") == "denied_token"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"denylist": 7}, "denylist must be a function"),
        ({"denylist": list, "denylist_interval": 0}, "denylist_interval"),
        ({"denylist": list, "denylist_interval": 100_000}, "denylist_interval"),
        ({"denylist_interval": "often"}, "denylist_interval"),
    ],
)
def test_a_denylist_that_can_never_be_read_is_an_error(verifier_of, options, said):
    with pytest.raises(ValueError, match=said):
        verifier_of(**options)


def test_static_tokens_have_no_deny_list():
    with pytest.raises(AttributeError, match="deny"):
        StaticTokenVerifier(["a"]).deny(jti="a")
