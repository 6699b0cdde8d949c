"""The user that a request gets is the one that the MCP SDK's own middleware makes of the same token."""

from __future__ import annotations

import pytest
from mcp.server.auth.middleware import bearer_auth
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials

from fastmcp_rs._compat import installed, users


def state_of(made):
    return [(type(each), [*vars(each).items()]) for each in made]


def token(scopes):
    return AccessToken(token="a-token", client_id="alice", scopes=scopes)


@pytest.mark.parametrize("scopes", [[], ["read"], ["write", "read"]])
def test_the_signed_in_user_equals_the_sdks(scopes):
    known = token(scopes)
    made = users.make_signed_in()(known)
    assert state_of(made) == state_of((bearer_auth.AuthenticatedUser(known), AuthCredentials(known.scopes)))
    assert made[0].access_token is known
    assert made[0].is_authenticated
    assert made[0].display_name == "alice"
    # A change of the request's scopes does not change the token.
    assert made[1].scopes is not known.scopes


class WithMore(bearer_auth.AuthenticatedUser):
    """A user of a later SDK, which keeps more."""

    def __init__(self, auth_info):
        super().__init__(auth_info)
        self.more = True


class OfAnotherShape:
    """A user whose attributes are not kept in a dict."""

    __slots__ = ("access_token", "scopes", "username")

    def __init__(self, auth_info):
        self.username, self.access_token, self.scopes = auth_info.client_id, auth_info, auth_info.scopes


class WithAListOfItsOwn(bearer_auth.AuthenticatedUser):
    """A user that copies the scopes."""

    def __init__(self, auth_info):
        super().__init__(auth_info)
        self.scopes = [*auth_info.scopes]


class WithFewer:
    """A user that does not know a name."""

    def __init__(self, auth_info):
        self.access_token, self.scopes = auth_info, auth_info.scopes


@pytest.mark.parametrize("cls", [WithMore, OfAnotherShape, WithAListOfItsOwn, WithFewer])
def test_the_initializer_of_an_unknown_sdk_class_runs(cls, monkeypatch):
    monkeypatch.setattr(users, "role", lambda name: cls if name == "AuthenticatedUser" else installed.role(name))
    known = token(["read"])
    user, _ = users.make_signed_in()(known)
    made = cls(known)
    assert type(user) is cls
    for name in ("access_token", "scopes", "more", "username"):
        assert getattr(user, name, None) == getattr(made, name, None)
    assert (user.scopes is known.scopes) == (made.scopes is known.scopes)
