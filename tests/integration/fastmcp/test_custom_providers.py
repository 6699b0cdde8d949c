"""A user's own provider, with one entry point and any scheme, protects a real server on every line."""

import hmac
import json
import logging

import jwt
import pytest
from fastmcp.server.auth.auth import AccessToken as FastMCPAccessToken
from fastmcp.server.auth.auth import TokenVerifier
from fastmcp.server.dependencies import get_access_token, get_http_request

from fastmcp_rs import _compat
from fastmcp_rs.auth import AccessToken, AuthProvider, JWTVerifier
from fastmcp_rs.errors import TokenVerificationError

KEY = "an-api-key-0123456789"
SECRET = "a-secret-of-more-than-thirty-two-bytes"
TOOL_CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "seen", "arguments": {}}}


class KeyOrToken(AuthProvider):
    """Reads an API key, or a JWT that another library verifies; runs no initializer of ours."""

    def __init__(self):
        self.asked = 0

    async def authenticate(self, request):
        self.asked += 1
        key = request.headers.get("x-api-key")
        if key is not None and hmac.compare_digest(key, KEY):
            return AccessToken(key, token_type="api_key", user_id="service", scope=["read"], metadata={"plan": "gold"})
        header = request.headers.get("authorization", "")
        if header.startswith("Bearer "):
            try:
                claims = jwt.decode(header[7:], SECRET, algorithms=["HS256"])
            except jwt.InvalidTokenError:
                return None
            return AccessToken(header[7:], user_id=claims["sub"], scope=["read"])
        return None


class BearerOnly(AuthProvider):
    async def verify_token(self, token):
        return FastMCPAccessToken(token=token, client_id="c", scopes=[]) if token == "good" else None


def seen() -> str:
    """Report what a tool can see of its caller."""
    token = get_access_token()
    native = _compat.from_fastmcp(token)
    authorization = get_http_request().headers.getlist("authorization")
    return json.dumps(
        [type(token) is FastMCPAccessToken, token.client_id, native.token_type, native.metadata, authorization]
    )


def what_a_tool_sees(server, **headers):
    # Stateless, so that a call needs no session before it.
    reply = server.post(headers.pop("authorization", None), TOOL_CALL, **headers)
    assert reply.status == 200, reply
    data = next(line[6:] for line in reply.body.decode().splitlines() if line.startswith("data: "))
    return json.loads(json.loads(data)["result"]["content"][0]["text"])


@pytest.fixture
def token():
    return jwt.encode({"sub": "alice"}, SECRET, "HS256")


@pytest.fixture
def provider():
    return KeyOrToken()


@pytest.fixture
def server(provider, serve):
    with serve(provider, seen, stateless_http=True) as server:
        yield server


def test_a_key_in_a_custom_header_is_accepted_and_the_tool_sees_its_user(server):
    mine, client_id, token_type, metadata, authorization = what_a_tool_sees(server, x_api_key=KEY)
    assert (mine, client_id, token_type, metadata) == (True, "service", "api_key", {"plan": "gold"})
    # RequireAuthMiddleware is given a Bearer header that holds nothing of the key.
    assert not any(KEY in value for value in authorization)


def test_a_bearer_token_is_accepted_too(server, token):
    mine, client_id, token_type, _, authorization = what_a_tool_sees(server, authorization=f"Bearer {token}")
    assert (mine, client_id, token_type, authorization) == (True, "alice", "bearer", [f"Bearer {token}"])


def test_fastmcps_client_reaches_the_tool_with_a_token(server, token):
    assert server.call(token)["client_id"] == "alice"


def test_a_key_counts_beside_other_credentials(server, token):
    for authorization in ("Basic dTpw", "Bearer bad", f"Bearer {token}"):
        _, client_id, *_, values = what_a_tool_sees(server, authorization=authorization, x_api_key=KEY)
        assert client_id == "service"
        assert values[0] == authorization, "the tool sees what the client sent"


def test_wrong_credentials_and_none_are_refused(server):
    assert server.post(None).status == 401
    for headers in ({"x_api_key": "wrong"}, {"x_api_key": ""}, {"x_other": KEY}):
        assert server.post(None, **headers).status == 401, headers
    for authorization in ("Bearer bad", f"Bearer {KEY}", f"ApiKey {KEY}", "Bearer authenticated-by-another-scheme"):
        assert server.post(authorization).status == 401, authorization


def test_the_provider_is_called_once_a_request(server, provider, line, token):
    for authorization, headers in (
        (None, {"x_api_key": KEY}),
        (None, {"x_api_key": "wrong"}),
        (None, {}),
        (f"Bearer {token}", {}),
        ("Bearer bad", {}),
    ):
        provider.asked = 0
        server.post(authorization, TOOL_CALL, **headers)
        # There, FastMCP has asked about the token alone, and the whole request may hold more.
        again = line == (2, 12, 0) and authorization is not None
        assert provider.asked == 1 + again, (authorization, headers)


def test_a_provider_that_verifies_tokens_alone_protects_a_server_too(serve):
    with serve(BearerOnly()) as server:
        assert server.call("good")["client_id"] == "c"
        assert [server.status(token) for token in ("bad", None)] == [401, 401]
        assert server.post("Basic good").status == 401


def test_required_scopes_of_a_custom_provider_are_fastmcps_to_enforce(serve, token):
    class Scoped(KeyOrToken):
        def __init__(self):
            super().__init__()
            AuthProvider.__init__(self, required_scopes=["write"])

    with serve(Scoped()) as server:
        assert server.status(token) == 403


@pytest.mark.parametrize("name", ["authenticate", "verify_token"])
@pytest.mark.parametrize("error", [RuntimeError("planted"), KeyError(), ValueError("x")])
def test_an_exception_out_of_an_entry_point_is_a_logged_401(serve, records, name, error):
    async def broken(_self, _asked):
        raise error

    with serve(type("Broken", (AuthProvider,), {name: broken})()) as server:
        assert server.post("Bearer x").status == 401
        assert server.post(None, x_api_key=KEY).status == 401
    logged = [record for record in records() if record.exc_info]
    assert logged
    assert all(record.exc_info[1] is error and record.reason == "custom_check_failed" for record in logged)


@pytest.mark.parametrize("answer", [True, "yes", {"user_id": "mallory"}, FastMCPAccessToken])
def test_a_result_that_is_no_access_token_refuses(serve, answer):
    class Odd(AuthProvider):
        async def authenticate(self, _request):
            return answer

    with serve(Odd()) as server:
        assert server.status("x") == 401
        assert server.post(None, x_api_key=KEY).status == 401


def test_an_expired_access_token_of_the_provider_is_refused(serve, reasons):
    class Lapsed(AuthProvider):
        async def verify_token(self, token):
            return FastMCPAccessToken(token=token, client_id="c", scopes=[], expires_at=int(token))

    times = ("1", "99999999999", "1" + "0" * 30, "-1" + "0" * 30)
    with serve(Lapsed()) as server:
        assert [server.status(token) for token in times] == [401, 200, 200, 401], "whatever 64 bits hold"
    assert set(reasons()) == {"expired"}


def _unavailable_errors():
    theirs = _compat.unavailable_error()
    return [TokenVerificationError] if theirs is None else [TokenVerificationError, theirs]


@pytest.mark.parametrize("error", _unavailable_errors(), ids=lambda error: error.__module__)
@pytest.mark.parametrize("name", ["authenticate", "verify_token"])
def test_an_unavailable_provider_is_a_503(serve, reasons, name, error):
    async def cannot_tell(_self, _asked):
        raise error("the directory is down")

    provider = type("CannotTell", (AuthProvider,), {name: cannot_tell})()
    with serve(provider) as server:
        reply = server.post("Bearer x")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert json.loads(reply.body)["error"] == "temporarily_unavailable"
    assert "www-authenticate" not in reply.headers
    assert b"directory" not in reply.body
    assert set(reasons()) == {"custom_check_unavailable"}


def test_a_provider_without_an_entry_point_cannot_be_made():
    class Nothing(AuthProvider):
        pass

    with pytest.raises(TypeError, match=r"Nothing implements neither authenticate\(\) nor verify_token\(\)"):
        Nothing()
    with pytest.raises(TypeError, match="neither"):
        AuthProvider()


@pytest.mark.parametrize("scopes", [1, [1], [None], ["read write"], [""], {"read": 1}, True])
def test_required_scopes_are_those_of_every_provider(scopes):
    custom = BearerOnly(required_scopes=("read",))
    for demand in (lambda: BearerOnly(required_scopes=scopes), lambda: setattr(custom, "required_scopes", scopes)):
        with pytest.raises(ValueError, match="required_scopes"):
            demand()
    assert custom.required_scopes == ["read"]
    assert BearerOnly(required_scopes="read write").required_scopes == ["read", "write"]


def test_a_custom_provider_is_a_token_verifier_of_fastmcps():
    assert isinstance(KeyOrToken(), TokenVerifier)
    assert not isinstance(KeyOrToken(), JWTVerifier)
    assert KeyOrToken().required_scopes == []


def test_nothing_of_a_key_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    what_a_tool_sees(server, x_api_key=KEY)
    server.post(None, x_api_key=KEY + "x")
    assert KEY not in caplog.text
