"""What is logged once when a server starts with an incomplete configuration."""

import asyncio

import pytest

from fastmcp_rs.auth import JWTVerifier, OAuthProvider, RemoteAuthProvider
from fastmcp_rs.auth.middleware import AuthenticationMiddleware
from fastmcp_rs.errors import MissingAudienceWarning
from fastmcp_rs.testing import KeyPair


async def start(provider):
    """Start a server of this provider, as far as its middleware sees that."""
    reached = []

    async def app(scope, _receive, _send):
        reached.append(scope["type"])

    await AuthenticationMiddleware(app, provider)({"type": "lifespan"}, None, None)
    assert reached == ["lifespan"]


@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_a_missing_audience_is_logged_when_the_server_starts(caplog):
    # A logger of its own: formatters of the log of tokens expect a reason in each record.
    def records():
        return [record for record in caplog.records if record.name == "fastmcp_rs.resource"]

    key = KeyPair.generate("ES256").public_key
    made = {
        "client_id": lambda **options: JWTVerifier(public_key=key, algorithm="ES256", **options),
        "allowed_client_id": lambda **options: OAuthProvider(
            "id", "hush-hush", introspection_url="https://a.example/introspect", **options
        ),
    }
    for parameter, make in made.items():
        before = len(records())
        for options in ({"audience": "server"}, {parameter: "client"}):
            asyncio.run(start(make(**options)))
        assert len(records()) == before
        asyncio.run(start(make()))
        [record] = records()[before:]
        assert (record.levelname, record.name) == ("WARNING", "fastmcp_rs.resource")
        assert f"Set audience, or {parameter} where" in record.getMessage()
    before = len(records())
    asyncio.run(start(RemoteAuthProvider("https://a.example/verify")))
    assert "without an audience" in records()[before].getMessage()


def test_unreachable_keys_are_logged_once_and_delay_no_token(endpoint, reply, pair, until, caplog):
    verifier = JWTVerifier(jwks_uri=endpoint.url, audience="server", algorithm=pair.algorithm)
    good = pair.create_token("alice", audience="server", kid="k")
    endpoint.answer = reply(503)

    def messages():
        return [record.getMessage() for record in caplog.records if record.name == "fastmcp_rs.keys"]

    async def served():
        await start(verifier)
        await until(messages)
        [text] = messages()
        assert "503" in text
        # The issuer comes up, and the first token finds that out by itself.
        endpoint.publish({"k": pair})
        assert await verifier.verify_token(good) is not None

    asyncio.run(served())
    assert len(endpoint.requests) == 2


def test_keys_are_fetched_once_at_the_start(endpoint, pair, until):
    endpoint.publish({"k": pair})
    verifier = JWTVerifier(jwks_uri=endpoint.url, audience="server", algorithm=pair.algorithm)

    async def served():
        for _ in range(3):
            await start(verifier)
            await until(lambda: verifier.keys()["fetches"])
        assert await verifier.verify_token(pair.create_token("alice", audience="server", kid="k")) is not None

    asyncio.run(served())
    assert len(endpoint.requests) == 1


def test_the_missing_audience_is_a_python_warning_too():
    with pytest.warns(MissingAudienceWarning):
        JWTVerifier(public_key=KeyPair.generate("ES256").public_key, algorithm="ES256")
