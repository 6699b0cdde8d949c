"""On the same token, ``verify_token`` answers as the verifier of the installed FastMCP line does, field by field."""

import asyncio
import time

import pytest
from fastmcp.server.auth.auth import AccessToken
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastmcpJWTVerifier
from fastmcp.server.auth.providers.jwt import RSAKeyPair
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier as FastmcpStaticTokenVerifier

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

GOOD = {
    "plain": {},
    "client_id": {"client_id": "app-7"},
    "client_id before azp": {"client_id": "app-7", "azp": "app-8"},
    "empty client_id": {"client_id": ""},
    "no subject": {"sub": None, "client_id": "app-7"},
    "no client and no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "no scope": {"scope": None},
    "empty scope": {"scope": ""},
    "empty scope before scp": {"scope": "", "scp": ["admin"]},
    "scope list": {"scope": ["read", "admin"]},
    "scp text": {"scope": None, "scp": "read admin"},
    "scp list": {"scope": None, "scp": ["read", "admin"]},
    "scope before scp": {"scope": "read", "scp": ["admin"]},
    "several spaces": {"scope": "  read   write "},
    "repeated scopes": {"scope": "read read"},
    "no expiry": {"exp": None},
    "fractional expiry": {"exp": 4_000_000_000.75},
    "past nbf": {"nbf": 1},
    "several audiences": {"aud": ["https://other.example", "https://server.example/mcp"]},
    "further claims": {
        "email": "zoë@example.org",
        "roles": ["a", {"b": [None, True, 1.5, -0.0]}],
        "big": 2**80,
        "empty": {},
        "text": "\u0000\U0001f600\u2028",
    },
}
# Refused by every line. What only the newer lines refuse, such as a token from the future, is not among them.
BAD = {
    "expired": {"exp": int(time.time()) - 60},
    "wrong issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "wrong audience": {"aud": "https://other.example"},
    "wrong audiences": {"aud": ["https://other.example"]},
    "no audience": {"aud": None},
}
ALGORITHMS = ["RS256", "ES256", "HS256"]


def answers(ours, fastmcps, token: str) -> tuple:
    """What both say, ours asked several times: a token that was seen before is answered in another way."""

    async def both():
        mine = [await ours.verify_token(token) for _ in range(4)]
        for again in mine[1:]:
            assert again == mine[0]
            if again is not None:
                assert_alike(again, mine[0])
        return mine[-1], await fastmcps.verify_token(token)

    return asyncio.run(both())


def assert_alike(one, other) -> None:
    """Whether two tokens are alike in all that can be seen of them, and share nothing that can be changed."""
    assert type(one) is type(other)
    assert one.model_fields_set == other.model_fields_set
    assert repr(one) == repr(other)
    assert list(vars(one)) == list(vars(other))
    assert (one.model_extra, one.__pydantic_private__) == (other.model_extra, other.__pydantic_private__)
    assert one.model_fields_set is not other.model_fields_set
    assert not containers(vars(one)) & containers(vars(other))


def containers(value: object) -> set[int]:
    """The ids of the dicts and lists in a value, and its own."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return set() if inside is None else {id(value)}.union(*map(containers, inside))


def assert_equal_as_far_as_fastmcp_goes(ours, fastmcps) -> None:
    assert type(ours) is type(fastmcps) is AccessToken
    for name in fastmcps.model_fields_set:
        mine, theirs = getattr(ours, name), getattr(fastmcps, name)
        assert mine == theirs, name
        assert type(mine) is type(theirs) or isinstance(theirs, type(mine)), name


@pytest.fixture(params=ALGORITHMS)
def verifiers(request, issuers):
    issuer = issuers("PyJWT", request.param)
    options = {"public_key": issuer.public_key, "algorithm": issuer.algorithm, **issuer.expected}
    return issuer, JWTVerifier(**options), FastmcpJWTVerifier(**options)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_tokens_fields_are_fastmcps(name, verifiers):
    issuer, ours, fastmcps = verifiers
    mine, theirs = answers(ours, fastmcps, issuer.token(**GOOD[name]))
    assert_equal_as_far_as_fastmcp_goes(mine, theirs)


def test_the_authorized_party_is_the_client_where_nothing_else_names_one(verifiers, line):
    issuer, ours, fastmcps = verifiers
    mine, theirs = answers(ours, fastmcps, issuer.token(azp="app-8"))
    assert mine.client_id == "app-8"
    # 2.12 does not look at it yet.
    assert theirs.client_id == ("alice" if line < (2, 13) else "app-8")
    others = theirs.model_fields_set - {"client_id"}
    assert mine.model_dump(include=others) == theirs.model_dump(include=others)


def test_the_subject_is_filled_wherever_the_class_has_it(verifiers, line):
    issuer, ours, fastmcps = verifiers
    mine, theirs = answers(ours, fastmcps, issuer.token(client_id="app-7"))
    if "subject" in AccessToken.model_fields:
        assert mine.subject == "alice"
        assert theirs.subject == ("alice" if line >= (4,) else None)


def test_ghsa_5h2m_4q8j_pqpj_the_resource_is_filled_where_fastmcp_leaves_it_out(verifiers):
    # The MCP library can be configured to compare it.
    issuer, ours, fastmcps = verifiers
    mine, theirs = answers(ours, fastmcps, issuer.token())
    assert (mine.resource, theirs.resource) == (issuer.audience, None)


def test_only_spaces_separate_scopes(verifiers):
    issuer, ours, fastmcps = verifiers
    mine, theirs = answers(ours, fastmcps, issuer.token(scope="read\twrite admin"))
    assert mine.scopes == ["read\twrite", "admin"]
    assert theirs.scopes == ["read", "write", "admin"]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_by_both(name, verifiers):
    issuer, ours, fastmcps = verifiers
    assert answers(ours, fastmcps, issuer.token(**BAD[name])) == (None, None)


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "..", "e30.e30.", "x" * 10_000], ids=lambda text: text[:8])
def test_what_is_no_token_is_refused_by_both(token, verifiers):
    _, ours, fastmcps = verifiers
    assert answers(ours, fastmcps, token) == (None, None)


@pytest.mark.parametrize("scope", [None, "", "read", "write", "write read admin", ["write", "read"]], ids=repr)
def test_required_scopes_accept_the_same_tokens(scope, issuer):
    options = {"public_key": issuer.public_key, "required_scopes": ["read", "write"], **issuer.expected}
    mine, theirs = answers(JWTVerifier(**options), FastmcpJWTVerifier(**options), issuer.token(scope=scope))
    assert (mine is None) == (theirs is None)
    if mine is not None:
        assert_equal_as_far_as_fastmcp_goes(mine, theirs)


@pytest.mark.parametrize("scopes", [None, ["read"], ["read", "write"]])
@pytest.mark.parametrize("kid", [None, "key-1"])
def test_tokens_of_fastmcps_own_test_key_pair_are_accepted(scopes, kid):
    pair = RSAKeyPair.generate()
    options = {"public_key": pair.public_key, "issuer": "https://issuer.example", "audience": "server"}
    token = pair.create_token(
        subject="carol", issuer="https://issuer.example", audience=["server", "other"], scopes=scopes, kid=kid
    )
    mine, theirs = answers(JWTVerifier(**options), FastmcpJWTVerifier(**options), token)
    assert mine.client_id == "carol"
    assert_equal_as_far_as_fastmcp_goes(mine, theirs)


STATIC = {
    "full": {"client_id": "app", "scopes": ["read", "write"], "sub": "alice", "expires_at": 4_000_000_000, "team": "x"},
    "least": {"client_id": "app"},
    "expired": {"client_id": "app", "scopes": ["read", "write"], "expires_at": 1},
    "one scope": {"client_id": "app", "scopes": ["read"]},
}


@pytest.mark.parametrize("required", [None, [], ["read"], ["read", "write"]], ids=repr)
@pytest.mark.parametrize("token", [*STATIC, "unknown", ""])
def test_static_tokens_have_the_answers_of_fastmcps_verifier(token, required):
    ours = StaticTokenVerifier(tokens=STATIC, required_scopes=required)
    mine, theirs = answers(ours, FastmcpStaticTokenVerifier(STATIC, required_scopes=required), token)
    assert (mine is None) == (theirs is None)
    if mine is not None:
        assert_equal_as_far_as_fastmcp_goes(mine, theirs)
