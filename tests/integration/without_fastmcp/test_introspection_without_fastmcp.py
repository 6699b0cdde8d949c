"""The providers that ask a server about tokens work without FastMCP, whether the MCP SDK is there or not."""

import asyncio
import json

import pytest

from fastmcp_rs.auth import AccessToken, OAuthProvider, RemoteAuthProvider

TOKEN, AUDIENCE = "an-opaque-token", "https://server.example/mcp"


def oauth(url):
    return OAuthProvider("id", "secret", "http://127.0.0.1:9/token", audience=AUDIENCE, introspection_url=url)


@pytest.mark.parametrize("made", [RemoteAuthProvider, oauth])
def test_authenticate_gives_the_documented_access_token_or_the_reason(made, new_endpoint, reply, records):
    endpoint = new_endpoint()
    provider = made(endpoint.url)

    def authenticate(answer):
        endpoint.answer = answer
        return asyncio.run(provider.authenticate({"headers": [("authorization", f"Bearer {TOKEN}")]}))

    known = {"active": True, "sub": "alice", "scope": "read", "aud": AUDIENCE}
    seen = authenticate(reply(200, json.dumps(known)))
    assert type(seen) is AccessToken
    assert (seen.token, seen.user_id, seen.scope, seen.metadata) == (TOKEN, "alice", ["read"], known)
    assert authenticate(reply(200, '{"active":false}')) is None
    assert authenticate(reply(503)) is None
    inactive, unavailable = (record.reason for record in records())
    assert (inactive, unavailable.endswith("_unavailable")) == ("inactive_token", True)
