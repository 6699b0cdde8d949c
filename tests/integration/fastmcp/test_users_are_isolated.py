"""No user is served as another, and what a tool does to its token stays with the tool.

CVE-2026-48529 and CVE-2026-25536 were objects of one user that were served to all.
"""

import asyncio
import json

import pytest
from fastmcp.server.dependencies import get_access_token

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier


class Gathering:
    """Holds its callers until all of them are inside, so that their requests truly overlap."""

    def __init__(self, size: int) -> None:
        self.missing = size
        self.complete = asyncio.Event()

    async def join(self) -> None:
        self.missing -= 1
        if self.missing == 0:
            self.complete.set()
        await asyncio.wait_for(self.complete.wait(), timeout=60)


def seen() -> list:
    token = get_access_token()
    return [token.client_id, token.claims.get("n"), list(token.scopes), dict(token.claims.get("nested", {}))]


def report() -> str:
    return json.dumps(seen())


def deface(token) -> None:
    """Do to a token all that a careless tool might."""
    token.claims["n"] = "defaced"
    token.claims["nested"]["user"] = "defaced"
    token.claims["sub"] = "admin"
    token.claims["extra"] = True
    token.scopes.append("admin")


def vandalize() -> str:
    deface(get_access_token())
    return report()


def expected_of(user: int) -> list:
    return [f"user-{user}", user, [f"read:{user}"], {"user": user}]


def jwts(issuer, users: int):
    tokens = [
        issuer.token(sub=f"user-{user}", n=user, scope=f"read:{user}", nested={"user": user}) for user in range(users)
    ]
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected), tokens


def static_tokens(_issuer, users: int):
    metadata = {
        f"token-{user}": {"user_id": f"user-{user}", "scope": [f"read:{user}"], "n": user, "nested": {"user": user}}
        for user in range(users)
    }
    return StaticTokenVerifier(metadata), list(metadata)


@pytest.mark.parametrize(("make", "users"), [(jwts, 100), (static_tokens, 25)])
def test_f5_cve_2026_48529_users_at_once_are_each_served_as_themselves(make, users, issuer, serve):
    verifier, tokens = make(issuer, users)
    gathering = None

    async def overlap() -> str:
        nonlocal gathering
        if gathering is None:
            # Made here, on the server's own loop.
            gathering = Gathering(users)
        before = seen()
        await gathering.join()
        return json.dumps([before, seen()])

    async def all_users(server):
        return await asyncio.gather(*(server.calling(token, "overlap", "report") for token in tokens))

    with serve(verifier, overlap, report) as server:
        answers = asyncio.run(all_users(server))

    for user, (overlapping, afterwards) in enumerate(answers):
        assert overlapping == [expected_of(user)] * 2
        assert afterwards == expected_of(user)


@pytest.mark.parametrize("make", [jwts, static_tokens])
def test_what_a_tool_does_to_its_token_does_not_show_in_the_next_session(make, issuer, serve):
    verifier, tokens = make(issuer, 2)
    with serve(verifier, vandalize, report) as server:
        assert server.call(tokens[0], "vandalize")[1] == "defaced"
        assert [server.call(token, "report") for token in tokens] == [expected_of(0), expected_of(1)]


@pytest.mark.parametrize("make", [jwts, static_tokens])
def test_what_a_tool_does_to_its_token_does_not_show_in_the_same_session(make, issuer, serve, line):
    verifier, tokens = make(issuer, 1)
    with serve(verifier, vandalize, report) as server:
        answers = asyncio.run(server.calling(tokens[0], "report", "vandalize", "report"))
    # FastMCP 2.12 shows the tools of a session the token of its first request, which it verified only once.
    assert (answers[-1] == expected_of(0)) is (line >= (2, 13))


@pytest.mark.parametrize("make", [jwts, static_tokens])
def test_f5_cve_2026_25536_every_verification_answers_with_an_object_of_its_own(make, issuer):
    verifier, [token] = make(issuer, 1)
    first = asyncio.run(verifier.verify_token(token))
    deface(first)
    second = asyncio.run(verifier.verify_token(token))
    assert second.claims["n"] == 0
    assert second.claims["nested"] == {"user": 0}
    assert "extra" not in second.claims
    assert second.scopes == ["read:0"]
