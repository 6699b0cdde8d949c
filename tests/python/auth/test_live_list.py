"""Lists of a provider take effect when they are changed in place, and are lists in all else."""

import copy
import json
import pickle
import random

import pytest

from fastmcp_rs.auth import AuthProvider, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.auth.live_list import LiveList

CHANGES = {
    "append": lambda one: one.append("x"),
    "extend": lambda one: one.extend(["x", "y"]),
    "insert": lambda one: one.insert(0, "x"),
    "remove": lambda one: one.remove("b"),
    "pop": lambda one: one.pop(),
    "pop first": lambda one: one.pop(0),
    "clear": lambda one: one.clear(),
    "sort": lambda one: one.sort(key=str, reverse=True),
    "reverse": lambda one: one.reverse(),
    "set item": lambda one: one.__setitem__(0, "x"),
    "set slice": lambda one: one.__setitem__(slice(0, 2), ["x"]),
    "delete": lambda one: one.__delitem__(0),
    "+=": lambda one: one.__iadd__(["x"]),
    "*=": lambda one: one.__imul__(2),
    "shuffle": lambda one: random.Random(1).shuffle(one),  # noqa: S311 - the same in every run
}


def test_every_mutating_method_of_list_is_tested():
    unlike = {name for name in dir(list) if getattr(LiveList, name) is getattr(list, name)}
    changing = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}
    assert not unlike & (changing | {"__setitem__", "__delitem__", "__iadd__", "__imul__"})


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_does_what_it_does_to_a_list_and_is_validated_first(change):
    validated = []
    live, plain = LiveList(["a", "b", "c"], lambda changed: validated.append([*changed])), ["a", "b", "c"]
    answer, expected = change(live), change(plain)
    assert live == plain
    assert validated[-1] == plain
    assert (answer is live) if expected is plain else (answer == expected)


def refuse(_):
    raise ValueError("no")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_is_refused_changes_nothing(change):
    live = LiveList(["a", "b", "c"], refuse)
    with pytest.raises(ValueError, match="no"):
        change(live)
    assert live == ["a", "b", "c"]


def test_it_is_a_list_and_its_copies_are_plain_ones():
    live = LiveList(["a"], refuse)
    assert isinstance(live, list)
    assert (repr(live), json.dumps(live), live == ["a"]) == ("['a']", '["a"]', True)
    for made in (
        copy.copy(live),
        copy.deepcopy(live),
        pickle.loads(pickle.dumps(live)),  # noqa: S301 - of this very test
        live[:],
        [*live],
        live.copy(),
    ):
        assert type(made) is list
        assert made == ["a"]


@pytest.mark.parametrize("name", ["issuer", "audience", "required_scopes"])
def test_invalid_content_is_refused_when_it_is_added(secret, name):
    verifier = JWTVerifier(secret, issuer=["a"], audience=["a"], required_scopes=["a"])
    live = getattr(verifier, name)
    assert getattr(verifier, name) is live
    for wrong in (1, None, b"a", "" if name == "required_scopes" else 0.5):
        with pytest.raises(ValueError, match=name):
            live.append(wrong)
    assert live == ["a"]


@pytest.mark.parametrize("name", ["issuer", "audience"])
def test_an_expectation_cannot_be_emptied(secret, name):
    verifier = JWTVerifier(secret, issuer=["a"], audience=["a"])
    live = getattr(verifier, name)
    for empty in (live.clear, live.pop):
        with pytest.raises(ValueError, match=name):
            empty()
    assert live == ["a"]


def test_a_list_that_was_replaced_is_like_any_other(secret):
    verifier = JWTVerifier(secret, audience=["a"], required_scopes=["a"])
    for name in ("audience", "required_scopes"):
        before = getattr(verifier, name)
        setattr(verifier, name, ["b"])
        before.append("c")
        before.clear()
        assert getattr(verifier, name) == ["b"]


class Custom(AuthProvider):
    def __init__(self):
        """Leave out the initializer of the base class."""

    async def verify_token(self, token):
        """Refuse every token."""


@pytest.mark.parametrize("make", [Custom, lambda: StaticTokenVerifier(["token"])], ids=["own", "static"])
def test_the_scopes_of_every_provider_can_be_changed_in_place(make):
    provider, other = make(), make()
    provider.required_scopes.append("read")
    assert (provider.required_scopes, other.required_scopes) == (["read"], [])
    with pytest.raises(ValueError, match="required_scopes"):
        provider.required_scopes.append("no scope")


@pytest.mark.parametrize("name", ["issuer", "audience", "required_scopes"])
def test_a_list_that_is_added_to_stays_the_same_list(name):
    verifier = JWTVerifier(
        **{"secret": "a shared secret of the tests that is long enough", "audience": "x", name: ["a"]}
    )
    held = getattr(verifier, name)
    setattr(verifier, name, held.__iadd__(["b"]))
    assert getattr(verifier, name) is held
    held.remove("a")
    assert getattr(verifier, name) == ["b"]
    with pytest.raises(ValueError, match=name):
        held.append(3)


def test_lists_of_a_custom_provider_can_be_changed_in_place_too():
    class Own(AuthProvider):
        async def verify_token(self, _token):
            return None

    provider = Own(required_scopes=["a"])
    held = provider.required_scopes
    provider.required_scopes += ["b"]
    assert provider.required_scopes is held
    with pytest.raises(ValueError, match="required_scopes"):
        held.append(3)
