"""OAuth gets tokens of a real OpenID Provider for a FastMCP server, with FastMCP's own client."""

import asyncio
from contextlib import contextmanager

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.dependencies import get_access_token

from fastmcp_rs.client.auth import OAuth
from fastmcp_rs.errors import OAuthError, TokenUnavailableError

ROBOT = ("robot", "what only the robot knows")
ODD = ("a:b", "p+ &%")
POSTER = ("poster", "p+ &%")


def oauth_of(provider, client=ROBOT, **options):
    # The provider issues JWTs for a resource alone.
    options = {"scope": ["read"], "resource": "https://server.example/mcp", **options}
    return OAuth(*client, f"{provider.issuer}/token", **options)


@pytest.fixture
def serve(serve_app):
    """Serve a tool that returns the caller's token: ``with serve(verifier) as url``. Tokens have to be for the URL."""

    @contextmanager
    def served(verifier, audience=None):
        def app(base_url):
            verifier.audience = audience or f"{base_url}/mcp"
            mcp = FastMCP("test", auth=verifier)

            @mcp.tool
            def whoami() -> str:
                return get_access_token().client_id

            return mcp.http_app(path="/mcp")

        with serve_app(app) as base_url:
            yield f"{base_url}/mcp"

    return served


async def whoami(url, auth):
    async with Client(url, auth=auth) as client:
        return (await client.call_tool("whoami", {})).data


def test_one_token_for_the_server_serves_all_calls(provider, verifier_of, serve):
    oauth = oauth_of(provider, resource=None)

    async def called(url):
        return await asyncio.gather(*[whoami(url, oauth) for _ in range(3)])

    asked = provider.requests("/token")
    with serve(verifier_of(provider)) as url:
        assert asyncio.run(called(url)) == ["robot"] * 3
    assert provider.requests("/token") == asked + 1


def test_a_token_whose_key_is_withdrawn_is_replaced(own_provider, verifier_of, serve):
    oauth = oauth_of(own_provider, resource=None)
    with serve(verifier_of(own_provider)) as url:
        assert asyncio.run(whoami(url, oauth)) == "robot"
        own_provider.rotate()
        own_provider.withdraw()
        # The server comes to know of it by a token under the new key.
        assert asyncio.run(whoami(url, own_provider.token(url))) == "robot"
        assert asyncio.run(whoami(url, oauth)) == "robot"
    assert own_provider.requests("/token") == 3, "the first, the one of the test, and the one that replaced the first"


def test_a_server_behind_another_url_is_named_by_its_public_one(provider, verifier_of, serve, resource):
    with serve(verifier_of(provider), audience=resource) as url:
        assert asyncio.run(whoami(url, oauth_of(provider, resource=resource, server_url=url))) == "robot"


@pytest.mark.parametrize(
    ("client", "method"), [(ROBOT, "client_secret_basic"), (ODD, "client_secret_basic"), (POSTER, "client_secret_post")]
)
def test_each_client_authentication_method_is_accepted(client, method, provider, verifier_of, verify):
    token = asyncio.run(oauth_of(provider, client, token_endpoint_auth_method=method).get_token())
    assert verify(verifier_of(provider), token).client_id == client[0]


@pytest.mark.parametrize("client", [("robot", "wrong"), ("unknown", "wrong")])
def test_a_refusal_carries_the_providers_code_and_description(client, provider):
    with pytest.raises(OAuthError) as caught:
        asyncio.run(oauth_of(provider, client).get_token())
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)
    assert caught.value.error_description == "client authentication failed"
    assert client[1] not in f"{caught.value!r}{vars(caught.value)}"


def test_a_provider_that_is_down_is_unavailable_and_its_token_stays_in_use(own_provider):
    oauth = oauth_of(own_provider)
    before = asyncio.run(oauth.get_token())
    own_provider.stop()
    assert asyncio.run(oauth.get_token()) == before
    with pytest.raises(TokenUnavailableError):
        asyncio.run(oauth_of(own_provider).get_token())
    own_provider.start()
    assert asyncio.run(oauth_of(own_provider).get_token())
