"""A client of this project for the conformance suite to test: ``python conformance_client.py SERVER_URL``.

The suite names the scenario, and what the client knows for it, in the environment.
"""

import asyncio
import json
import os
import sys
import tempfile
import urllib.parse
import urllib.request

from agreeing_user import AgreeingUser

from fastmcp_rs import Client
from fastmcp_rs.client.auth import OAuth


def a_user(url):
    """Sign a user in."""
    return AgreeingUser(url)


def the_client_itself(url):
    """Sign the client in with its secret, at the token endpoint that an operator finds in the metadata."""
    known = json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])
    return OAuth(known["client_id"], known["client_secret"], _authorization_server(url)["token_endpoint"])


def the_client_by_its_key(url):
    """Sign the client in with its private key, whose assertions are for the issuer."""
    known, server = json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"]), _authorization_server(url)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as key:
        key.write(known["private_key_pem"])
        key.flush()
        # The key that was read last stays in use when its file is gone.
        return OAuth(
            known["client_id"],
            None,
            server["token_endpoint"],
            private_key_file=key.name,
            assertion_audience=server["issuer"],
        )


def _authorization_server(url):
    """The metadata of the authorization server that the metadata of the resource names."""
    path = urllib.parse.urlsplit(url).path
    resource = _read(urllib.parse.urljoin(url, f"/.well-known/oauth-protected-resource{path}"))
    return _read(urllib.parse.urljoin(resource["authorization_servers"][0], "/.well-known/oauth-authorization-server"))


def _read(url):
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of the suite, on this machine
        return json.load(answer)


SCENARIOS = {
    "auth/scope-step-up": a_user,
    "auth/client-credentials-basic": the_client_itself,
    "auth/client-credentials-jwt": the_client_by_its_key,
}


async def use(url):
    """Call every tool of the server."""
    async with Client(url, auth=SCENARIOS[os.environ["MCP_CONFORMANCE_SCENARIO"]](url)) as client:
        for tool in await client.list_tools():
            await client.call_tool(tool.name, {})


asyncio.run(use(sys.argv[1]))
