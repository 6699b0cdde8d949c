"""Observations for docs/compatibility.md: answers, and metadata."""

import json

import fastmcp
import fastmcp.client.auth
import fastmcp.server.auth
import fastmcp.server.dependencies

import fastmcp_rs
import fastmcp_rs.client.auth
import fastmcp_rs.server.auth
import fastmcp_rs.server.dependencies
from compatibility_rows.sides import FASTMCPS, GOOD, OURS, attempt, row, verdict, verifier
from fastmcp_rs import _compat


@row
def scope_missing(side, at):
    with at.serve(verifier(side, required_scopes=["write"])) as server:
        return str(server.status(at.forge(GOOD)))


def called(side, at, *tools, **options):
    """The status of a call of a tool, made with these options, by a token with the scope `read` alone."""

    def adding(mcp):
        for tool in tools:
            mcp.tool(tool, **options)

    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "save", "arguments": {}}}
    with at.serve(verifier(side), routes=adding, stateless_http=True) as server:
        return str(server.post(f"Bearer {at.forge(GOOD)}", call).status)


@row
def step_up(side, at):
    def save() -> str:
        return "saved"

    demand = getattr(fastmcp.server.auth, "require_scopes", None)
    return "no such check" if demand is None else called(side, at, save, auth=demand("write"))


@row
def step_up_require_scope(side, at):
    @fastmcp_rs.server.dependencies.require_scope("write")
    def save() -> str:
        return "saved"

    return called(side, at, save)


@row
def token_twice(side, at):
    token = at.forge(GOOD)
    with at.serve(verifier(side)) as server:
        return str(server.post(f"Bearer {token}, Bearer {token}").status)


@row
def refusal_text(side, at):
    expired = at.forge({**GOOD, "exp": 1})
    with at.serve(verifier(side)) as server:
        bodies = [server.post(f"Bearer {token}").body for token in (expired, "garbage")]
    assert all(json.loads(body)["error"] == "invalid_token" for body in bodies)
    return "one text" if bodies[0] == bodies[1] else "a text for each"


@row
def bad_signature(side, at):
    endpoint = at.new_endpoint()
    endpoint.publish([at.issuer.jwk])
    remote = verifier(side, public_key=None, jwks_uri=endpoint.url, algorithm="RS256", **at.issuer.expected)
    token = at.issuer.token()
    assert verdict(remote, token) == "accepted"
    assert verdict(remote, f"{token[:-8]}AAAAAAAA") == "refused"
    return {1: "no fetch", 2: "a fetch"}[len(endpoint.requests)]


@row
def keys_unavailable(side, at):
    with at.serve(without_keys(side)) as server:
        return str(server.status(at.issuer.token()))


def without_keys(side):
    # Nothing listens on port 9.
    return verifier(side, public_key=None, jwks_uri="http://127.0.0.1:9/jwks", algorithm="RS256")


@row
def keys_unavailable_inside(side, at):
    def provider(url):
        named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): url}
        return FASTMCPS.auth.RemoteAuthProvider(without_keys(side), **named)

    with at.serve(provider) as server:
        return str(server.status(at.issuer.token()))


@row
def keys_unavailable_asked(side, at):
    return verdict(without_keys(side), at.issuer.token())


ISSUER = "https://issuer.example"


def metadata(side, at, **options):
    """The metadata that a server publishes: of FastMCP's, its provider for it around its verifier."""

    def provider(url):
        named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): url}
        if side is OURS:
            return verifier(side, **named, **options)
        return side.auth.RemoteAuthProvider(verifier(side, **options), **named)

    with at.serve(provider) as server:
        places = [f"/.well-known/oauth-protected-resource{path}" for path in ("/mcp", "")]
        replies = [server.request("GET", place) for place in places]
    return next(json.loads(reply.body) for reply in replies if reply.status == 200)


@row
def metadata_of_a_verifier(side, _):
    named = {"authorization_servers": [ISSUER], _compat.server_url_parameter(): "https://server.example"}
    return attempt(lambda: verifier(side, **named))


@row
def authorization_server(side, at):
    return f"`{metadata(side, at)['authorization_servers'][0]}`"


@row
def offline_access(side, at):
    found = metadata(side, at, required_scopes=["read", "offline_access"])["scopes_supported"]
    return "named" if "offline_access" in found else "left out"
