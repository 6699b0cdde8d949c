"""A server that runs: what it answers to a client without a token, and to a browser."""

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from fastmcp_rs.cli.doctor import keys
from fastmcp_rs.cli.doctor.findings import Finding, advise, fail, pass_, unavailable
from fastmcp_rs.cli.doctor.http import Answer, UnreachableError, ask
from fastmcp_rs.cli.terminal import waiting

__all__ = ["WITHOUT_METADATA", "Endpoint", "endpoint"]

_OK, _UNAUTHORIZED, _NOT_FOUND, _REDIRECTS = 200, 401, 404, range(300, 400)
_MOST_ISSUERS = 3
_EXPOSED = ("www-authenticate", "mcp-session-id")
_ANY_ORIGIN = "https://client.example"
_PAGE = (
    "if browser clients are to call it: deployment.html#browser-clients of the documentation, or the doctor again with "
    "--origin, which prints the code"
)
_CORS = """\
if browser clients are to call it, in the server's file:
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

cors = Middleware(
    CORSMiddleware,
    allow_origins=["{origin}"],
    allow_methods=["*"],
    allow_headers=["*"],
    expose_headers=["WWW-Authenticate", "Mcp-Session-Id"],
)
mcp.run(transport="http", middleware=[cors])  # or mcp.http_app(middleware=[cors])"""
# Clients that are given their tokens need none of it.
WITHOUT_METADATA = advise(
    "resource metadata",
    "the challenge names none (RFC 9728), so MCP clients cannot find where to get a token",
    "authorization_servers=[the issuer] and base_url=the public URL; nothing, if clients are given their tokens",
)
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "doctor", "version": "1"}},
}
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
_METADATA = re.compile(r'\bresource_metadata="([^"\\]*)"')


@dataclass(frozen=True)
class Endpoint:
    """What is asked.

    Attributes:
        url: The URL of the MCP endpoint.
        origin: The origin of the browser that is asked for; ``None`` for any.
        allow_http: Whether keys may be fetched over http from other machines.
        is_here: Whether the server was started by the doctor: its metadata names the public address then.
        with_issuers: Whether the issuers that the metadata names are looked at as well.
        without_metadata: What it means if the challenge names no metadata.
    """

    url: str
    origin: str | None
    allow_http: bool = False
    is_here: bool = False
    with_issuers: bool = True
    without_metadata: Finding = WITHOUT_METADATA


def endpoint(asked: Endpoint) -> Iterator[Finding]:
    """Look at what an MCP endpoint answers."""
    try:
        answer = _initialize(asked.url)
    except UnreachableError as error:
        yield unavailable("server", f"no answer of {asked.url}: {error}", "start the server, or give its right URL")
        return
    yield from _challenge(asked, answer)
    if answer.status == _UNAUTHORIZED:
        yield from _metadata(asked, answer.headers.get("WWW-Authenticate") or "")
        yield from _browser(asked)


def _initialize(url: str, headers: dict[str, str] | None = None) -> Answer:
    with waiting("doctor", f"waiting for {url}"):
        return ask(url, "POST", {**_HEADERS, **(headers or {})}, json.dumps(_INITIALIZE).encode())


def _challenge(asked: Endpoint, answer: Answer) -> Iterator[Finding]:
    challenges = answer.headers.get_all("WWW-Authenticate") or []
    if answer.status == _OK:
        yield fail("challenge", "the server answers without a token", "give the server auth=, such as a JWTVerifier")
    elif answer.status in _REDIRECTS:
        where = answer.headers.get("Location") or "nowhere"
        yield fail("challenge", f"a redirect ({answer.status}) to {where}", "give the URL that the redirect leads to")
    elif answer.status == _NOT_FOUND:
        path = urllib.parse.urlsplit(asked.url).path or "/"
        yield fail("challenge", f"there is nothing at {path} (404)", "give the URL of the MCP endpoint: .../mcp")
    elif answer.status != _UNAUTHORIZED:
        yield fail(
            "challenge",
            f"{answer.status} for a request without a token, where 401 is due",
            "see the server's log, and what a proxy in front of it answers",
        )
    elif not any(challenge.lower().startswith("bearer") for challenge in challenges):
        yield fail(
            "challenge",
            "401 without WWW-Authenticate: Bearer (RFC 6750 section 3), so clients do not know what to do",
            "let a proxy in front of the server pass the header",
        )
    else:
        yield pass_("challenge", f"401, {challenges[0]}")


def _metadata(asked: Endpoint, challenge: str) -> Iterator[Finding]:
    """The protected resource metadata (RFC 9728), which MCP demands."""
    named = _METADATA.search(challenge)
    if named is None:
        yield asked.without_metadata
        return
    url = _here(named[1], asked.url) if asked.is_here else named[1]
    try:
        with waiting("doctor", f"waiting for {url}"):
            answer = ask(url)
    except (UnreachableError, ValueError) as error:
        yield fail("resource metadata", f"{url} cannot be read: {error}", "base_url must be the server's public URL")
        return
    document = _document(answer)
    if document is None:
        fix = "let a proxy in front of the server pass /.well-known/, and mount the routes where the URL says"
        yield fail("resource metadata", f"{url} answers {answer.status}, and not with a JSON object", fix)
        return
    yield pass_("resource metadata", named[1])
    yield _resource(asked, document.get("resource"))
    servers = document.get("authorization_servers")
    if not isinstance(servers, list) or not servers:
        yield fail("authorization servers", "the metadata names none", "authorization_servers=[the URL of the issuer]")
        return
    yield pass_("authorization servers", ", ".join(map(str, servers)))
    for server in servers[:_MOST_ISSUERS] if asked.with_issuers else ():
        yield from _issuer(str(server), asked)


def _resource(asked: Endpoint, resource: object) -> Finding:
    """Whether the metadata is of this resource: clients compare it (RFC 9728 section 3.3)."""
    mine, theirs = (_comparable(one, path_alone=asked.is_here) for one in (asked.url, resource))
    if mine == theirs:
        return pass_("resource", str(resource))
    path = urllib.parse.urlsplit(asked.url).path
    if mine is not None and theirs == f"{mine}{path}":
        fix = f"base_url without {path} at its end: FastMCP adds it"
        return fail("resource", f"the metadata says {resource}, which has {path} twice", fix)
    if asked.is_here and mine is not None and theirs is not None and theirs.endswith(mine):
        # The application in the file may be mounted below a path, which the file does not show.
        return pass_("resource", str(resource))
    fix = "base_url must be the URL that clients use for this server, without the path of the endpoint"
    return fail("resource", f"the metadata says {resource}, and this is {asked.url}", fix)


def _issuer(server: str, asked: Endpoint) -> Iterator[Finding]:
    # A proxy such as FastMCP's OAuthProxy names its own server, and publishes no keys for the tokens that it makes.
    is_same_server = _origin(server) == _origin(asked.url)
    try:
        role = keys.Role(is_same_server=is_same_server, is_for_clients=True)
        yield from keys.issuer(server, allow_http=asked.allow_http, role=role)
    except ValueError as error:
        yield fail("keys", f"{server}: {error}", "authorization_servers=[the https URL of the issuer]")


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _here(url: str, endpoint_url: str) -> str:
    """The same path at the server that the doctor started."""
    here = urllib.parse.urlsplit(endpoint_url)
    return urllib.parse.urlunsplit((here.scheme, here.netloc, urllib.parse.urlsplit(url).path, "", ""))


def _comparable(url: object, *, path_alone: bool) -> str | None:
    if not isinstance(url, str):
        return None
    parts = urllib.parse.urlsplit(url)
    # A slash as the whole path names the same resource as no path.
    path = "" if parts.path == "/" else parts.path
    return path if path_alone else f"{parts.scheme}://{parts.netloc.lower()}{path}"


def _document(answer: Answer) -> dict[str, object] | None:
    if answer.status != _OK:
        return None
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _browser(asked: Endpoint) -> Iterator[Finding]:
    """Whether a page of the origin may call the server, and read its challenge."""
    origin = asked.origin or _ANY_ORIGIN
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version",
    }
    fix = _PAGE if asked.origin is None else _CORS.format(origin=origin)
    try:
        with waiting("doctor", f"waiting for {asked.url}"):
            preflight = ask(asked.url, "OPTIONS", wanted)
        refused = _initialize(asked.url, {"Origin": origin})
    except UnreachableError as error:
        yield unavailable("preflight", f"no answer: {error}", fix)
        return
    if preflight.headers.get("Access-Control-Allow-Origin") not in ("*", origin):
        yield advise("preflight", f"{preflight.status}: pages of {origin} may not call this server", fix)
        return
    yield pass_("preflight", f"pages of {origin} may call this server")
    exposed = {name.strip().lower() for name in (refused.headers.get("Access-Control-Expose-Headers") or "").split(",")}
    missing = [name for name in _EXPOSED if name not in exposed and "*" not in exposed]
    if missing:
        yield advise("exposed headers", f"pages cannot read {', '.join(missing)}, so they cannot sign in", fix)
    else:
        yield pass_("exposed headers", ", ".join(_EXPOSED))
