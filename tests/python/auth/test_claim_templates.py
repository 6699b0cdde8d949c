"""Claims are made from what the tokens before had in common: only the time that it takes differs."""

import copy
import json
import random
import sys

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

ISSUER = "https://issuer.example"
KEYS = KeyPair.generate("HS256")
# More than a verifier has room for.
SHAPES = [
    ("aud", "iss", "sub", "exp"),
    ("aud", "iss", "sub", "exp", "jti"),
    ("aud", "exp", "iss", "sub"),
    ("aud", "iss", "sub", "exp", "roles"),
    ("aud", "iss", "sub", "exp", "roles", "org", "jti"),
    ("aud", "iss", "exp", "org", "sub", "email_verified", "note"),
    ("aud", "iss", "exp", "number", "note"),
]


RANDOM = random.Random(20)  # noqa: S311 - the same in every run


def a_value(name):
    """A value of a claim, which other tokens often have as well."""
    return {
        "iss": lambda: ISSUER,
        "aud": lambda: "server",
        "sub": lambda: RANDOM.choice(["alice", "bob", 'a "quoted" name', "back\\slash", "\U0001f600", "é\n"]),
        "exp": lambda: 4_000_000_000 + RANDOM.randrange(3),
        "jti": lambda: str(RANDOM.getrandbits(64)),
        "roles": lambda: RANDOM.choice([["a", "b"], ["a"], [], [{"of": ["a"]}, None, 1]]),
        "org": lambda: RANDOM.choice([{"id": 1, "tags": ["x"]}, {"id": 1, "tags": []}, {}]),
        "email_verified": lambda: RANDOM.choice([True, False, None, 1, 0]),
        "note": lambda: RANDOM.choice(["", "x", 7, 70, -1, 1.5, 10**30, "7"]),
        "number": lambda: RANDOM.choice([0, 1, 10, 100]),
    }[name]()


@pytest.fixture
def verifier():
    """A verifier that saw no token yet."""
    return JWTVerifier(KEYS.public_key, algorithm="HS256", audience="server")


def claims_from(verifier, claims):
    decision = verifier._native.decide(KEYS.sign({"alg": "HS256"}, claims))  # noqa: SLF001 - the native part
    assert decision.outcome == "accepted", decision.message
    return decision.claims()


def claims(number=0, **more):
    return {"iss": ISSUER, "sub": f"user-{number}", "aud": "server", "exp": 4_000_000_000, **more}


def share_objects(verifier, **more):
    """Whether two tokens of one shape, with nothing in common with others, get the same text object as their issuer."""
    one, other = (claims_from(verifier, claims(RANDOM.getrandbits(64), **more)) for _ in range(2))
    return one["iss"] is other["iss"]


def test_whatever_came_before_each_token_has_its_own_claims_in_their_order(verifier):
    for number in range(1500):
        given = {name: a_value(name) for name in RANDOM.choice(SHAPES)}
        # Neither 1 == True nor another order may pass for the same.
        assert repr(claims_from(verifier, given)) == repr(json.loads(json.dumps(given))), number


@pytest.mark.parametrize("differing", [False, True])
def test_what_one_caller_changes_no_other_sees(verifier, differing):
    for number in range(6):
        nested = {"roles": ["a", {"b": [number if differing else 0]}], "org": {"tags": ["x"]}}
        given = claims(number, **nested)
        mine = claims_from(verifier, given)
        assert mine == given
        before = copy.deepcopy(mine)
        mine["roles"][1]["b"].append("admin")
        mine["roles"].append("admin")
        mine["org"]["tags"].clear()
        mine["iss"] = "https://other.example"
        mine["more"] = 1
        assert claims_from(verifier, given) == before


def test_what_tokens_have_in_common_is_made_once(verifier):
    for number in range(3):
        claims_from(verifier, claims(number))
    assert share_objects(verifier)


def test_a_verifier_of_many_issuers_knows_it_too():
    issuer = {"issuer": ISSUER, "public_key": KEYS.public_key, "algorithm": "HS256", "audience": "server"}
    many = JWTVerifier.from_issuers([issuer])
    for number in range(3):
        claims_from(many, claims(number))
    assert share_objects(many)


def test_without_a_cache_nothing_of_a_token_is_kept():
    verifier = JWTVerifier(KEYS.public_key, algorithm="HS256", audience="server", cache_size=0)
    for number in range(3):
        claims_from(verifier, claims(number))
    assert not share_objects(verifier)


def test_what_is_kept_goes_with_the_verifier():
    verifier = JWTVerifier(KEYS.public_key, algorithm="HS256", audience="server")
    for number in range(3):
        claims_from(verifier, claims(number))
    issuer = claims_from(verifier, claims(4))["iss"]
    kept = sys.getrefcount(issuer)
    del verifier
    assert sys.getrefcount(issuer) == kept - 1


def test_where_there_is_no_room_a_new_shape_waits_and_then_has_that_of_one_without_use(verifier):
    for number in range(100):
        claims_from(verifier, claims(number, **{f"only-{number}": 1}))
    assert not share_objects(verifier, late=1)
    waited = 0
    while not share_objects(verifier, late=1):
        waited += 1
        assert waited < 1000
    # What is in use keeps its room, whatever else comes.
    for number in range(1000):
        claims_from(verifier, claims(number, **{f"other-{number}": 1}))
        claims_from(verifier, claims(number, late=1))
    assert share_objects(verifier, late=1)
