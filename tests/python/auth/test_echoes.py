"""A server that repeats what it was sent puts neither a secret nor the token into a record, an answer or an error."""

import asyncio
import base64
import json
import logging
from urllib.parse import parse_qs, quote, quote_plus

import pytest

from fastmcp_rs.auth import OAuthProvider, RemoteAuthProvider
from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError

TOKEN = "opaque-TOKEN/of+a-user=="
KEY = "SERVICE-KEY of+the/operator"
SECRET = "what only/the robot+knows"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

ECHOES = {
    "as it is": str,
    "inside a text": lambda text: f"you sent {text}, thanks",
    "a part": lambda text: text[2:14],
    "in capitals": str.upper,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 behind something": lambda text: base64.urlsafe_b64encode(f"x:{text}".encode()).decode().rstrip("="),
    "in hexadecimal": lambda text: text.encode().hex(),
    "percent-encoded": quote_plus,
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in every character escaped": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "as JSON writes it": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
}
# What a mismatch tells of an answer, and what every record has.
MEMBERS = ("aud", "client_id", "sub", "iss", "scope")


def shown(text: str, secret: str) -> bool:
    """Whether eight characters of a secret in a row, or an encoding of it, can be read in a text."""
    low = text.lower()
    spelled = {echo(secret).lower() for name, echo in ECHOES.items() if name != "inside a text"}
    return any(form[at : at + 8] in low for form in spelled for at in range(len(form) - 7))


@pytest.fixture
def echoing(new_endpoint, reply):
    """Make an endpoint that answers with what ``repeated`` makes of a request: ``echoing(repeated)``."""

    def made(repeated, status=200, **members):
        endpoint = new_endpoint()

        def answer(_endpoint, connection, request):
            echoed = repeated(request)
            body = members or {"active": True, **dict.fromkeys(MEMBERS, echoed)}
            body = {name: value.format(echoed) if isinstance(value, str) else value for name, value in body.items()}
            connection.sendall(reply(status, json.dumps(body)))

        endpoint.answer = answer
        return endpoint

    return made


def sent_token(request):
    body = request.body.decode()
    return json.loads(body)["token"] if body.startswith("{") else parse_qs(body)["token"][0]


def logged(provider, caplog):
    """All that is said about the token, to the log and with ``detailed_errors`` to a client."""
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    request = {"headers": [(b"authorization", f"Bearer {TOKEN}".encode())]}
    assert asyncio.run(provider.verify_token(TOKEN)) is None
    assert asyncio.run(provider.authenticate(request)) is None
    records = [record for record in caplog.records if record.name == "fastmcp_rs.auth"]
    assert len(records) == 2
    return " ".join(f"{record.getMessage()} {vars(record)}" for record in records)


@pytest.mark.parametrize(
    "demand", [{"audience": "me"}, {"client_id": "me"}, {"issuer": "me"}, {"required_scopes": ["me"]}]
)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
@pytest.mark.parametrize("headers", [{}, FORM], ids=["JSON", "form"])
def test_no_record_holds_the_token_or_a_header(headers, echo, demand, echoing, caplog):
    repeats = {
        TOKEN: lambda request: echo(sent_token(request)),
        KEY: lambda request: echo(request.headers["x-service-key"]),
    }
    for secret, repeated in repeats.items():
        url = echoing(repeated).url
        provider = RemoteAuthProvider(url, {**headers, "X-Service-Key": KEY}, **demand, detailed_errors=True)
        assert not shown(logged(provider, caplog), secret)


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_no_record_holds_the_secret_of_a_client(echo, echoing, caplog):
    basic = []

    def header(request):
        basic.append(request.headers["authorization"].removeprefix("Basic "))
        return echo(basic[-1])

    for repeated in (lambda _: echo(SECRET), header):
        url = echoing(repeated).url
        provider = OAuthProvider(
            "robot", SECRET, url, audience="me", issuer=url, introspection_url=url, jwks_uri=url, detailed_errors=True
        )
        text = logged(provider, caplog)
        assert not any(shown(text, secret) for secret in (SECRET, *basic))


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer a-service-token", "a-service-token"),
        ("Basic " + base64.b64encode(b"user:hush-hush").decode(), "hush-hush"),
        ("sid=0123456789; theme=dark", "0123456789"),
        ("key7", "key7"),
    ],
)
def test_the_credentials_of_a_header_are_not_logged(header, secret, echoing, caplog):
    url = echoing(lambda _: secret).url
    assert secret not in logged(RemoteAuthProvider(url, {"X-Key": header}, audience="me"), caplog)


def test_what_is_no_secret_is_shown(echoing, caplog):
    url = echoing(lambda _: "https://other.example/mcp").url
    assert "https://other.example/mcp" in logged(RemoteAuthProvider(url, {"X-Key": KEY}, audience="me"), caplog)


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_no_error_of_a_client_holds_its_secret(method, echo, echoing):
    url = echoing(lambda _: echo(SECRET), 400, error="invalid_client {}", error_description="{} is wrong").url
    auth = OAuth("robot", SECRET, url, token_endpoint_auth_method=method)
    with pytest.raises(OAuthError) as raised:
        asyncio.run(auth.get_token())
    assert not shown(f"{raised.value} {vars(raised.value)}", SECRET)
