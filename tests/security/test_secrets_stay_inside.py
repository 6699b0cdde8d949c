"""No public class shows a secret: not in a repr, not in an error about it, not in the traceback of that error."""

import asyncio
import pickle
import traceback
import warnings

import pytest
from fastmcp.server.auth.auth import AccessToken as FastMCPAccessToken

import fastmcp_rs
from fastmcp_rs import auth
from fastmcp_rs.client.auth import BearerAuth, OAuth
from fastmcp_rs.testing import KeyPair

SECRET = "a planted secret"
TOKEN = SECRET.replace(" ", "-")
URL = "http://127.0.0.1:9"


class Custom(auth.AuthProvider):
    """Keeps its secret where no repr looks."""

    def __init__(self):
        self.secret = SECRET

    async def authenticate(self, _):
        raise ValueError(self.secret)


def oauth(**changes):
    return OAuth(**{"client_id": "id", "client_secret": SECRET, "token_url": f"{URL}/token", **changes})


def oauth_provider(**changes):
    given = {"client_id": "id", "client_secret": SECRET, "token_url": f"{URL}/token", "audience": "server"}
    return auth.OAuthProvider(**{**given, **changes})


def remote(url=URL, **changes):
    return auth.RemoteAuthProvider(url, **{"headers": {"X-Service-Key": SECRET}, **changes})


OBJECTS = {
    "AccessToken": lambda: auth.AccessToken(SECRET, metadata={"key": SECRET}),
    "AuthProvider": Custom,
    "BearerAuth": lambda: BearerAuth(TOKEN),
    "Client": lambda: fastmcp_rs.Client(f"{URL}/mcp", auth=BearerAuth(TOKEN)),
    "Explanation": lambda: asyncio.run(auth.JWTVerifier(SECRET, audience="server").explain(TOKEN)),
    "FastMCP": lambda: fastmcp_rs.FastMCP("test", auth_provider=auth.StaticTokenVerifier([TOKEN])),
    "JWTVerifier": lambda: auth.JWTVerifier(SECRET, audience="server"),
    "KeyPair": lambda: KeyPair.generate("HS256"),
    "OAuth": oauth,
    "OAuthProvider": oauth_provider,
    "RemoteAuthProvider": remote,
    "StaticTokenVerifier": lambda: auth.StaticTokenVerifier({TOKEN: {"user_id": "alice", "key": SECRET}}),
}


def secrets_in(text, made=None):
    """The secrets of these tests in a text, and that of a generated key."""
    generated = [made.public_key] if isinstance(made, KeyPair) else []
    return [secret for secret in (SECRET, TOKEN, *generated) if secret in text]


@pytest.fixture(autouse=True)
def _short_secrets_are_meant():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastmcp_rs.errors.ShortSecretWarning)
        yield


def test_every_public_class_is_tested():
    modules = (fastmcp_rs, auth, fastmcp_rs.server.auth, fastmcp_rs.client.auth, fastmcp_rs.testing)
    names = {name for module in modules for name in module.__all__ if isinstance(getattr(module, name), type)}
    assert names - {"Context"} <= set(OBJECTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_no_repr_shows_a_secret(name):
    made = OBJECTS[name]()
    # A subclass's own attributes are its own affair; that of the example is one.
    attributes = {} if name == "AuthProvider" else vars(made) if hasattr(made, "__dict__") else {}
    shown = [repr(made), str(made), f"{made}", repr([made]), repr(attributes)]
    assert secrets_in(" ".join(shown), made) == []


USES = {
    "pickle": pickle.dumps,
    "an attribute": lambda made: made.no_such_attribute,
    "addition": lambda made: made + 1,
    "iteration": iter,
    "its class": lambda made: made.__class__(made),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", OBJECTS)
def test_no_error_about_a_secret_shows_it(name, use):
    made = OBJECTS[name]()
    text = ""
    try:
        USES[use](made)
    except Exception:  # noqa: BLE001 - whichever it is, if any
        text = traceback.format_exc()
    assert secrets_in(text, made) == []


WRONG = {
    "algorithm of another kind": lambda: auth.JWTVerifier(SECRET, algorithms=["RS256"], audience="server"),
    "unknown algorithm": lambda: auth.JWTVerifier(SECRET, algorithms=["HS1"], audience="server"),
    "two keys": lambda: auth.JWTVerifier(SECRET, public_key=SECRET, audience="server"),
    "no public key": lambda: auth.JWTVerifier(public_key=SECRET, audience="server"),
    "a secret in the place of the URL": lambda: auth.JWTVerifier(jwks_uri=SECRET, audience="server"),
    "password in the URL of keys": lambda: auth.JWTVerifier(jwks_uri=f"ftp://u:{TOKEN}@x.example", audience="server"),
    "metadata of a token": lambda: auth.StaticTokenVerifier({TOKEN: {"scope": 1}}),
    "metadata that is none": lambda: auth.StaticTokenVerifier({TOKEN: SECRET}),
    "a token that is no text": lambda: auth.StaticTokenVerifier([TOKEN, {SECRET: 1}]),
    "one token alone": lambda: auth.StaticTokenVerifier(TOKEN),
    "token URL": lambda: oauth_provider(token_url=f"ftp://user:{TOKEN}@x.example"),
    "secret of another type": lambda: oauth_provider(client_secret=[SECRET]),
    "client id": lambda: oauth_provider(client_id=None),
    "URL of the service": lambda: remote(f"ftp://user:{TOKEN}@x.example"),
    "header of the service": lambda: remote(headers={"X-Service-Key": f"{SECRET}\r\nX: y"}),
    "name of a header": lambda: remote(headers={f"{SECRET}": "x"}),
    "header of another type": lambda: remote(headers={"X-Service-Key": [SECRET]}),
    "time-out": lambda: remote(timeout=-1),
    "token with a line end": lambda: BearerAuth(f"{SECRET}\n"),
    "token of another type": lambda: BearerAuth([SECRET]),
    "client's token URL": lambda: oauth(token_url=f"ftp://user:{TOKEN}@x.example"),
    "client's secret of another type": lambda: oauth(client_secret=[SECRET]),
    "both providers": lambda: fastmcp_rs.FastMCP(auth=SECRET, auth_provider=auth.StaticTokenVerifier([TOKEN])),
    "expiry of a token": lambda: auth.AccessToken(SECRET, expires_at=SECRET),
    "scope of a token": lambda: auth.AccessToken(SECRET, scope=1),
    "key of a signature": lambda: fastmcp_rs.jws.verify(TOKEN, SECRET),
    "token of a signature": lambda: fastmcp_rs.jws.verify(TOKEN, SECRET, algorithms=["HS256"]),
    "no server for tokens": lambda: asyncio.run(oauth().get_token()),
}


@pytest.mark.parametrize("case", WRONG)
def test_no_error_of_a_wrong_configuration_shows_a_secret(case):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is tested elsewhere
        WRONG[case]()
    assert secrets_in("".join(traceback.format_exception(raised.value))) == []
    assert secrets_in(repr(raised.value)) == []
    assert not any(isinstance(argument, FastMCPAccessToken | auth.AccessToken) for argument in raised.value.args)


@pytest.mark.parametrize("made", [Custom, oauth_provider, remote])
def test_faults_of_a_request_are_logged_without_a_secret(made, records):
    provider = made()
    request = {"type": "http", "headers": [(b"authorization", b"Bearer " + TOKEN.encode())]}
    try:
        assert asyncio.run(provider.authenticate(request)) is None
    except ValueError:
        assert made is Custom, "which fastmcp_rs makes sure of"
    assert secrets_in(" ".join(repr(vars(record)) for record in records())) == []
