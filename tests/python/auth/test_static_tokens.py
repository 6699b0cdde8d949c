"""Listed tokens, with the documented parameters and with FastMCP's."""

import inspect
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from fastmcp.server.auth import AccessToken as FastMCPAccessToken
from fastmcp.server.auth import TokenVerifier
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier as FastMCPStaticTokenVerifier

from fastmcp_rs.auth import AccessToken, StaticTokenVerifier

UTC = timezone.utc
# Whole seconds, so that FastMCP's expires_at says the same.
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
EARLIER = LATER - timedelta(hours=2)
DOCUMENTED = {
    "admin-token-123": {"user_id": "admin", "scope": ["read", "write", "admin"], "role": "administrator"},
    "readonly-token-789": {"user_id": "readonly", "scope": ["read"], "role": "readonly"},
}
FASTMCP = {
    "dev-token": {"client_id": "client", "scopes": ["read", "write"], "expires_at": int(LATER.timestamp())},
    "sub-token": {"client_id": "client", "sub": "alice", "scopes": []},
}


def test_the_documented_parameters_come_first_with_their_defaults():
    parameters = list(inspect.signature(StaticTokenVerifier).parameters.values())
    assert [(parameter.name, parameter.default) for parameter in parameters[:2]] == [
        ("valid_tokens", None),
        ("token_type", "bearer"),
    ]
    assert {parameter.name: parameter.default for parameter in parameters[2:]} == {
        "tokens": None,
        "required_scopes": None,
        "detailed_errors": False,
        "step_up": True,
    }
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters[2:])


def test_the_documented_example_works(ask):
    verifier = StaticTokenVerifier(DOCUMENTED)
    assert isinstance(verifier, TokenVerifier)
    documented, fastmcp = ask(verifier, "admin-token-123")
    metadata = DOCUMENTED["admin-token-123"]
    scopes = ["read", "write", "admin"]
    assert documented == AccessToken("admin-token-123", "bearer", None, scopes, "admin", metadata)
    assert type(fastmcp) is FastMCPAccessToken
    assert fastmcp == FastMCPAccessToken(
        token="admin-token-123", client_id="admin", scopes=scopes, subject="admin", claims=metadata
    )


@pytest.mark.parametrize("token", FASTMCP)
def test_fastmcps_parameters_give_what_fastmcps_own_verifier_gives(ask, token):
    theirs = FastMCPStaticTokenVerifier(FASTMCP)
    for ours in (StaticTokenVerifier(FASTMCP), StaticTokenVerifier(tokens=FASTMCP)):
        documented, fastmcp = ask(ours, token)
        assert fastmcp == theirs_of(theirs, token)
        assert documented.metadata == FASTMCP[token]
        assert documented.scope == FASTMCP[token]["scopes"]


def theirs_of(verifier, token: str):
    # FastMCP's verifier awaits nothing, so that it is done at its first step.
    with pytest.raises(StopIteration) as done:
        verifier.verify_token(token).send(None)
    return done.value.value


@pytest.mark.parametrize("tokens", [["one", "two"], ("one", "two"), {"one": {}, "two": {}}])
def test_a_list_of_tokens_or_empty_metadata_is_enough(ask, tokens):
    verifier = StaticTokenVerifier(tokens)
    for token in ("one", "two"):
        documented, fastmcp = ask(verifier, token)
        assert documented == AccessToken(token, scope=[], metadata={})
        assert fastmcp == FastMCPAccessToken(token=token, client_id="unknown", scopes=[])


def test_an_unknown_token_is_refused(ask):
    verifier = StaticTokenVerifier(["token-of-alice"])
    for unknown in ("token-of-alic", "token-of-alicee", "Token-of-alice", "token-of-alice\0", "", "token-of-bob"):
        assert ask(verifier, unknown) == (None, None), unknown
    assert None not in ask(verifier, "token-of-alice")


@pytest.mark.parametrize(
    ("metadata", "user_id", "client_id", "subject"),
    [
        ({"user_id": "u", "client_id": "c", "sub": "s"}, "u", "c", "s"),
        ({"user_id": "u"}, "u", "u", "u"),
        ({"client_id": "c"}, "c", "c", None),
        ({"sub": "s"}, "s", "s", "s"),
        ({"client_id": "c", "sub": "s"}, "s", "c", "s"),
        ({"user_id": "", "client_id": "", "sub": ""}, None, "unknown", None),
        ({"user_id": None}, None, "unknown", None),
    ],
)
def test_the_client_is_named_as_documented_or_as_fastmcp_names_it(ask, metadata, user_id, client_id, subject):
    documented, fastmcp = ask(StaticTokenVerifier({"t": metadata}), "t")
    assert (documented.user_id, fastmcp.client_id, fastmcp.subject) == (user_id, client_id, subject)


@pytest.mark.parametrize(
    ("metadata", "scopes"),
    [
        ({"scope": ["read", "write"]}, ["read", "write"]),
        ({"scopes": ["read", "write"]}, ["read", "write"]),
        ({"scope": "read write"}, ["read", "write"]),
        ({"scopes": "read write"}, ["read", "write"]),
        ({"scope": ("read",)}, ["read"]),
        ({"scope": []}, []),
        ({"scope": ""}, []),
        ({"scope": None}, []),
        ({}, []),
    ],
)
def test_the_scopes_are_named_as_documented_or_as_fastmcp_names_them(ask, metadata, scopes):
    documented, fastmcp = ask(StaticTokenVerifier({"t": metadata}), "t")
    assert documented.scope == fastmcp.scopes == scopes
    needing = StaticTokenVerifier({"t": metadata}, required_scopes=["read"])
    assert (None not in ask(needing, "t")) is ("read" in scopes)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda moment: moment,
        lambda moment: moment.replace(tzinfo=None),
        lambda moment: moment.astimezone(timezone(timedelta(hours=-8))),
        lambda moment: int(moment.timestamp()),
        lambda moment: moment.timestamp(),
    ],
    ids=["aware", "naive, which is UTC", "another zone", "seconds", "seconds with a fraction"],
)
def test_the_expiry_is_a_datetime_or_seconds(ask, spelled):
    documented, fastmcp = ask(StaticTokenVerifier({"t": {"expires_at": spelled(LATER)}}), "t")
    assert documented.expires_at == LATER
    assert fastmcp.expires_at == int(LATER.timestamp())
    assert type(fastmcp.expires_at) is int
    assert ask(StaticTokenVerifier({"t": {"expires_at": spelled(EARLIER)}}), "t") == (None, None)


def test_a_token_is_refused_from_its_expiry_on(ask):
    for expires_at, good in [(0, False), (-1, False), (time.time(), False), (time.time() + 60, True), (None, True)]:
        assert (None not in ask(StaticTokenVerifier({"t": {"expires_at": expires_at}}), "t")) is good, expires_at


def test_token_type_is_a_label_and_the_scheme_stays_bearer(ask):
    documented, _ = ask(StaticTokenVerifier(["t"], "api_key"), "t")
    assert documented.token_type == "api_key"
    documented, _ = ask(StaticTokenVerifier(["t"]), "t")
    assert documented.token_type == "bearer"


@pytest.mark.parametrize(
    "make",
    [
        lambda: StaticTokenVerifier(tokens=DOCUMENTED, required_scopes=["write"]),
        lambda: StaticTokenVerifier(DOCUMENTED, required_scopes=["write"]),
        lambda: StaticTokenVerifier(DOCUMENTED, required_scopes="write"),
        lambda: StaticTokenVerifier(DOCUMENTED, ["write"]),
        lambda: StaticTokenVerifier(DOCUMENTED, "bearer", required_scopes=("write",)),
    ],
)
def test_required_scopes_are_required(ask, make):
    verifier = make()
    assert verifier.required_scopes == ["write"]
    assert None not in ask(verifier, "admin-token-123")
    assert ask(verifier, "readonly-token-789") == (None, None)
    documented, _ = ask(verifier, "admin-token-123")
    assert documented.token_type == "bearer"


def test_required_scopes_that_are_set_later_take_effect_at_once(ask):
    verifier = StaticTokenVerifier(DOCUMENTED)
    assert verifier.required_scopes == []
    verifier.required_scopes = ["write"]
    assert ask(verifier, "readonly-token-789") == (None, None)
    verifier.required_scopes = None
    assert None not in ask(verifier, "readonly-token-789")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "give the tokens once"),
        ({"valid_tokens": ["a"], "tokens": {"a": {}}}, "give the tokens once"),
        ({"valid_tokens": {}}, "no tokens"),
        ({"valid_tokens": []}, "no tokens"),
        ({"tokens": {}}, "no tokens"),
        ({"valid_tokens": ["a", ""]}, "blank"),
        ({"valid_tokens": [" "]}, "blank"),
        ({"valid_tokens": ["Bearer alice"]}, "without the word Bearer"),
        ({"valid_tokens": ["x" * 65_537]}, "64 KiB"),
        ({"valid_tokens": "token"}, "dict of token to metadata or a list"),
        ({"valid_tokens": b"token"}, "dict of token to metadata or a list"),
        ({"valid_tokens": 1}, "dict of token to metadata or a list"),
        ({"valid_tokens": [1]}, "each token must be a str"),
        ({"valid_tokens": {b"t": {}}}, "each token must be a str"),
        ({"valid_tokens": ["\ud800"]}, "no Unicode text"),
        ({"valid_tokens": {"t": None}}, "metadata of a token must be a dict"),
        ({"valid_tokens": {"t": "alice"}}, "metadata of a token must be a dict"),
        ({"valid_tokens": {"t": {"user_id": 1}}}, "user_id must be a str"),
        ({"valid_tokens": {"t": {"client_id": b"c"}}}, "client_id must be a str"),
        ({"valid_tokens": {"t": {"sub": []}}}, "sub must be a str"),
        ({"valid_tokens": {"t": {"scope": 1}}}, "scope must be a str or a list"),
        ({"valid_tokens": {"t": {"scopes": [1]}}}, "scopes must hold only str"),
        ({"valid_tokens": {"t": {"expires_at": "2030-01-02"}}}, "expires_at must be a datetime or a number"),
        ({"valid_tokens": {"t": {"expires_at": True}}}, "expires_at must be a datetime or a number"),
        ({"valid_tokens": {"t": {"expires_at": float("nan")}}}, "expires_at must be a datetime or a number"),
        ({"valid_tokens": {"t": {"expires_at": 1e15}}}, "expires_at must be a datetime or a number"),
        ({"valid_tokens": ["t"], "token_type": ["a"], "required_scopes": ["b"]}, "token_type must be a str"),
        ({"valid_tokens": ["t"], "required_scopes": ["a b"]}, "required_scopes"),
        ({"valid_tokens": ["t"], "required_scopes": 1}, "required_scopes"),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, dict) else "",
)
def test_the_error_of_a_wrong_configuration_shows_no_token(arguments, says):
    with pytest.raises(ValueError, match=says) as error:
        StaticTokenVerifier(**arguments)
    assert "alice" not in str(error.value)
    assert len(str(error.value)) < 300
    assert StaticTokenVerifier(["t"])


def test_a_change_of_a_returned_value_changes_no_other(ask):
    verifier = StaticTokenVerifier({"t": {"scope": ["read"], "groups": [{"name": "user"}]}})
    documented, fastmcp = ask(verifier, "t")
    for metadata in (documented.metadata, fastmcp.claims):
        metadata["groups"][0]["name"] = "root"
        metadata["scope"].append("admin")
    documented.scope.append("admin")
    fastmcp.scopes.append("admin")
    again, fastmcp_again = ask(verifier, "t")
    assert again.metadata == fastmcp_again.claims == {"scope": ["read"], "groups": [{"name": "user"}]}
    assert again.scope == fastmcp_again.scopes == ["read"]


def test_the_tokens_argument_is_copied(ask):
    tokens = {"t": {"scope": ["read"], "groups": [{"name": "user"}]}}
    before = json.loads(json.dumps(tokens["t"]))
    verifier = StaticTokenVerifier(tokens)
    tokens["t"]["groups"][0]["name"] = "root"
    tokens["t"]["scope"].append("admin")
    tokens["evil"] = {}
    documented, fastmcp = ask(verifier, "t")
    assert documented.metadata == fastmcp.claims == before
    assert documented.scope == ["read"]
    del tokens["t"]
    assert None not in ask(verifier, "t")
    assert ask(verifier, "evil") == (None, None)


def test_a_token_can_be_found_nowhere_on_the_verifier():
    verifier = StaticTokenVerifier({"raw-token-text": {"user_id": "alice"}})
    native = verifier._native  # noqa: SLF001 - looked into
    shown = [repr(verifier), str(verifier), repr(vars(verifier)), repr(native)]
    shown += [repr(getattr(one, name, None)) for one in (verifier, native) for name in dir(one)]
    assert not any("raw-token-text" in text for text in shown)
    # Nor in an answer's repr, though it is in the answer.
    assert "raw-token-text" not in repr(AccessToken("raw-token-text"))


def test_a_token_is_read_up_to_the_bound_of_its_size(ask):
    longest = "x" * 65_536
    verifier = StaticTokenVerifier([longest])
    assert None not in ask(verifier, longest)
    assert ask(verifier, longest + "x") == (None, None)
