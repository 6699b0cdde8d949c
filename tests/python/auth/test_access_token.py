"""The documented access token: immutable, comparable, and sharing nothing that can be changed."""

import copy
import inspect
import pickle
from datetime import datetime, timedelta, timezone

import pytest

from fastmcp_rs.auth import AccessToken

UTC = timezone.utc
NOON = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)


def full(**changes) -> AccessToken:
    fields = {
        "token": "the-token-itself",
        "token_type": "api_key",
        "expires_at": NOON,
        "scope": ["read", "write"],
        "user_id": "alice",
        "metadata": {"role": "admin", "groups": [{"name": "a"}]},
    }
    return AccessToken(**{**fields, **changes})


def test_the_parameters_are_the_documented_ones_in_their_order_with_their_defaults():
    parameters = inspect.signature(AccessToken).parameters.values()
    assert [(parameter.name, parameter.default) for parameter in parameters] == [
        ("token", inspect.Parameter.empty),
        ("token_type", "bearer"),
        ("expires_at", None),
        ("scope", None),
        ("user_id", None),
        ("metadata", None),
    ]


def test_the_arguments_are_taken_by_position_and_read_back_as_attributes():
    token = AccessToken("t", "api_key", NOON, ["read"], "alice", {"a": 1})
    attributes = (token.token, token.token_type, token.expires_at, token.scope, token.user_id, token.metadata)
    assert attributes == ("t", "api_key", NOON, ["read"], "alice", {"a": 1})


def test_a_token_alone_is_enough():
    token = AccessToken("t")
    attributes = (token.token, token.token_type, token.expires_at, token.scope, token.user_id, token.metadata)
    assert attributes == ("t", "bearer", None, None, None, None)
    assert not token.is_expired()
    assert not token.has_scope("read")


def test_empty_is_not_absent():
    token = AccessToken("t", scope=[], user_id="", metadata={})
    assert (token.scope, token.user_id, token.metadata) == ([], "", {})
    assert token != AccessToken("t")


def test_it_is_expired_from_the_very_moment_on():
    now = datetime.now(UTC)
    assert AccessToken("t", expires_at=now).is_expired()
    assert AccessToken("t", expires_at=now - timedelta(microseconds=1)).is_expired()
    assert AccessToken("t", expires_at=datetime.min.replace(tzinfo=UTC)).is_expired()
    assert not AccessToken("t", expires_at=now + timedelta(minutes=1)).is_expired()
    assert not AccessToken("t", expires_at=datetime.max.replace(tzinfo=UTC)).is_expired()
    assert not AccessToken("t", expires_at=None).is_expired()


def test_has_scope_compares_the_whole_scope_case_sensitively():
    token = full()
    assert token.has_scope("read")
    assert token.has_scope("write")
    for other in ("", "READ", "rea", "read ", "read write", "admin"):
        assert not token.has_scope(other), other


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["read", "write"], ["read", "write"]),
        (("write", "read"), ["write", "read"]),
        ({"read"}, ["read"]),
        ("read write", ["read", "write"]),
        (" read   write ", ["read", "write"]),
        ("read", ["read"]),
        ("", []),
        ([], []),
        (None, None),
    ],
)
def test_the_scope_is_given_as_a_list_or_as_text(given, kept):
    assert AccessToken("t", scope=given).scope == kept


def test_a_naive_datetime_is_utc():
    naive = datetime(2030, 1, 2, 12, 0, 0, 123456)  # noqa: DTZ001 - naive is the point
    token = AccessToken("t", expires_at=naive)
    assert token.expires_at == naive.replace(tzinfo=UTC)
    assert token.expires_at.tzinfo is UTC


def test_a_time_in_another_zone_is_the_same_moment_in_utc():
    local = datetime(2030, 1, 2, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    token = AccessToken("t", expires_at=local)
    assert token.expires_at == local == NOON
    assert token.expires_at.utcoffset() == timedelta(0)
    assert token == AccessToken("t", expires_at=NOON)


@pytest.mark.parametrize("name", ["token", "token_type", "expires_at", "scope", "user_id", "metadata", "other"])
def test_no_attribute_can_be_set_or_deleted(name):
    token = full()
    with pytest.raises(AttributeError):
        setattr(token, name, "x")
    with pytest.raises(AttributeError):
        delattr(token, name)
    assert token == full()


@pytest.mark.parametrize(
    "change",
    [
        {"token": "other"},
        {"token_type": "bearer"},
        {"expires_at": NOON + timedelta(microseconds=1)},
        {"expires_at": None},
        {"scope": ["write", "read"]},
        {"scope": None},
        {"user_id": "bob"},
        {"user_id": None},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"role": "admin", "groups": [{"name": "b"}]}},
    ],
)
def test_tokens_are_equal_if_and_only_if_all_their_fields_are(change):
    assert full() == full()
    assert hash(full()) == hash(full())
    assert full() != full(**change)
    assert len({full(), full(), full(**change)}) == 2


def test_a_token_equals_nothing_else():
    for other in (None, "the-token-itself", 1, object(), {"token": "the-token-itself"}):
        assert full() != other


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("token", [full(), AccessToken("t"), AccessToken("t", scope=[], metadata={})], ids=range(3))
def test_a_pickle_is_the_same_token(protocol, token):
    again = pickle.loads(pickle.dumps(token, protocol))  # noqa: S301 - made a moment ago
    assert type(again) is AccessToken
    assert again == token
    assert hash(again) == hash(token)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_token(make):
    assert make(full()) == full()
    assert make([full()]) == [full()]


def test_the_repr_shows_everything_but_the_token_and_its_metadata():
    shown = repr(full())
    assert "the-token-itself" not in shown
    assert "admin" not in shown
    for part in ("AccessToken", "api_key", "2030", "read", "write", "alice"):
        assert part in shown
    assert "the-token-itself" not in f"{full()}{full()!s}{[full()]}"


def test_a_repr_stays_on_one_line():
    shown = repr(full(user_id="a\nb\x1b[0m", scope=["\r\n"], token_type="\n"))
    assert shown.isprintable()


def test_a_change_of_a_returned_value_changes_no_other():
    token = full()
    token.scope.append("admin")
    metadata = token.metadata
    metadata["role"] = "root"
    metadata["groups"][0]["name"] = "root"
    metadata["groups"].append({})
    assert token == full()
    assert not token.has_scope("admin")


def test_the_arguments_are_copied():
    scope, metadata = ["read", "write"], {"role": "admin", "groups": [{"name": "a"}]}
    token = full(scope=scope, metadata=metadata)
    before = hash(token)
    scope.clear()
    metadata["groups"][0]["name"] = "root"
    metadata.clear()
    assert token == full()
    assert hash(token) == before


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("token", None),
        ("token", b"t"),
        ("token", 1),
        ("token_type", None),
        ("token_type", b"bearer"),
        ("expires_at", 1_900_000_000),
        ("expires_at", "2030-01-02"),
        ("expires_at", NOON.date()),
        ("expires_at", timedelta(1)),
        ("scope", 1),
        ("scope", b"read"),
        ("scope", ["read", 1]),
        ("scope", [None]),
        ("scope", {"read": True}),
        ("user_id", 1),
        ("user_id", b"alice"),
        ("metadata", []),
        ("metadata", "role"),
        ("metadata", [("role", "admin")]),
    ],
)
def test_an_argument_of_a_wrong_type_is_an_error(argument, wrong):
    with pytest.raises((TypeError, ValueError)):
        full(**{argument: wrong})


def test_a_missing_or_unknown_argument_is_a_type_error():
    for arguments in ({}, {"scope": []}, {"token": "t", "scopes": []}):
        with pytest.raises(TypeError):
            AccessToken(**arguments)
