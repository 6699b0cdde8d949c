"""The URL of a proof of possession over real HTTP: however a server is mounted, and however clients write the URL."""

import inspect

import pytest
from fastmcp import FastMCP
from fastmcp.server import auth as fastmcp_auth
from starlette.applications import Starlette
from starlette.routing import Mount

from fastmcp_rs.auth import JWTVerifier, protect
from fastmcp_rs.testing import KeyPair

CLIENT = KeyPair.generate("ES256")
PUBLIC = "https://public.example"
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
URL_PARAMETER = (
    "base_url" if "base_url" in inspect.signature(fastmcp_auth.TokenVerifier).parameters else "resource_server_url"
)
ANY_HOST = {"host_origin_protection": False}


@pytest.fixture
def token(issuer):
    return issuer.token(cnf={"jkt": CLIENT.thumbprint()})


@pytest.fixture
def verifier(issuer):
    def making(**options):
        return JWTVerifier(public_key=issuer.public_key, **issuer.expected, **{"dpop": "required", **options})

    return making


@pytest.fixture
def is_proven(token, reasons):
    """Whether a proof for a URL is good for a request: what comes of the request then is FastMCP's matter."""

    def asked(server, path, url, **headers):
        proof = CLIENT.create_dpop_proof("POST", url, token)
        headers = {**HEADERS, **headers, "Authorization": f"DPoP {token}", "DPoP": proof}
        before = len(reasons())
        server.request("POST", path, "{}", headers)
        refusals = reasons()[before:]
        assert set(refusals) <= {"dpop_url_mismatch"}
        return not refusals

    return asked


# A request's target and Host, and the URLs that its proof may have, and may not.
REQUESTS = [
    (
        "/mcp",
        "Server.EXAMPLE",
        ["http://server.example/mcp", "HTTP://SERVER.example:80/mcp"],
        ["http://server.example/"],
    ),
    (
        "/mcp",
        "server.example:80",
        ["http://server.example/mcp", "http://server.example:/mcp"],
        ["http://server.example:81/mcp"],
    ),
    ("/mcp", "server.example:8080", ["http://server.example:8080/mcp"], ["http://server.example/mcp"]),
    ("/mcp/", "server.example", ["http://server.example/mcp/"], ["http://server.example/mcp"]),
    ("//mcp", "server.example", ["http://server.example//mcp"], ["http://server.example/mcp"]),
    (
        "/%6Dcp",
        "server.example",
        ["http://server.example/mcp", "http://server.example/%6dcp"],
        ["http://server.example/mcp%2F"],
    ),
    ("/mcp%2Fa", "server.example", ["http://server.example/mcp%2fa"], ["http://server.example/mcp/a"]),
    ("/caf%C3%A9", "server.example", ["http://server.example/caf%c3%a9"], ["http://server.example/cafe"]),
    (
        "/mcp?a=b",
        "server.example",
        ["http://server.example/mcp", "http://server.example/mcp?c=d"],
        ["http://server.example/mcp%3Fa=b"],
    ),
    ("/mcp", "[::1]:8000", ["http://[::1]:8000/mcp", "http://[0:0:0:0:0:0:0:1]:8000/mcp"], ["http://[::1]/mcp"]),
    ("/mcp", "[2001:DB8::1]", ["http://[2001:db8:0::1]/mcp"], ["http://[2001:db8::2]/mcp"]),
]


@pytest.mark.parametrize(("path", "host", "good", "bad"), REQUESTS)
def test_without_a_url_of_the_server_that_of_the_request_counts(serve, verifier, is_proven, path, host, good, bad):
    with serve(verifier()) as server:
        assert [is_proven(server, path, url, Host=host) for url in good] == [True] * len(good)
        assert [is_proven(server, path, url, Host=host) for url in bad] == [False] * len(bad)


def test_a_request_that_names_two_hosts_or_none_that_is_one_has_no_url(serve, verifier, token):
    with serve(verifier()) as server:
        for host in ("a b", "a/b", "user@a.example", "a.example:x"):
            proof = CLIENT.create_dpop_proof("POST", f"http://{host}/mcp", token)
            headers = {**HEADERS, "Host": host, "Authorization": f"DPoP {token}", "DPoP": proof}
            # The HTTP server refuses some by itself.
            assert server.request("POST", "/mcp", "{}", headers).status in {400, 401}, host


# The URL of the server, the request's target, and its URL from outside.
KNOWN = [
    (PUBLIC, "/mcp", f"{PUBLIC}/mcp"),
    (f"{PUBLIC}/", "/mcp", f"{PUBLIC}:443/mcp"),
    ("https://PUBLIC.example:443/api", "/mcp", f"{PUBLIC}/api/mcp"),
    (f"{PUBLIC}/api/", "/mcp/", f"{PUBLIC}/api/mcp/"),
    (f"{PUBLIC}/api", "//mcp", f"{PUBLIC}/api//mcp"),
    (f"{PUBLIC}/api", "/mcp/a%2Fb", f"{PUBLIC}/api/mcp/a%2fb"),
    (f"{PUBLIC}/api", "/%6Dcp/%C3%A9", f"{PUBLIC}/api/mcp/%c3%a9"),
    (f"{PUBLIC}/api", "/elsewhere", f"{PUBLIC}/api/elsewhere"),
    ("https://[2001:DB8::1]:8443/api", "/mcp", "https://[2001:db8:0::1]:8443/api/mcp"),
]


def bare(issuer, url):
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected, dpop="required", **{URL_PARAMETER: url})


def described(issuer, url):
    named = {URL_PARAMETER: url, "authorization_servers": [issuer.name]}
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected, dpop="required", **named)


def protected(issuer, url):
    verifier = fastmcp_auth.JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    remote = fastmcp_auth.RemoteAuthProvider(verifier, [issuer.name], **{URL_PARAMETER: url})
    return protect(remote, dpop="required")


def ours_protected(issuer, url):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    remote = fastmcp_auth.RemoteAuthProvider(verifier, [issuer.name], **{URL_PARAMETER: url})
    return protect(remote, dpop="required")


@pytest.mark.parametrize("make", [bare, described, protected, ours_protected])
def test_a_url_of_the_server_takes_the_place_of_what_a_request_says(serve, issuer, is_proven, make):
    for known, path, url in KNOWN:
        with serve(make(issuer, known)) as server:
            assert is_proven(server, path, url), (known, path)
            assert not is_proven(server, path, f"{server.base_url}{path}"), (known, path)


@pytest.mark.parametrize("make", [bare, described, protected, ours_protected])
@pytest.mark.parametrize("known", ["", "/outer"])
def test_a_mounted_server_is_at_the_url_of_its_resource(serve_app, http_request, issuer, is_proven, make, known):
    """Its operator names either where the outer application is, or where this one is."""

    class Server:
        @staticmethod
        def request(*arguments):
            return http_request(base_url, *arguments)

    def app(_):
        inner = FastMCP("test", auth=make(issuer, f"{PUBLIC}{known}")).http_app(path="/mcp", stateless_http=True)
        return Starlette(routes=[Mount("/outer", app=inner)], lifespan=inner.lifespan)

    with serve_app(app) as base_url:
        assert is_proven(Server, "/outer/mcp", f"{PUBLIC}{known}/mcp")
        assert not is_proven(Server, "/outer/mcp", f"{base_url}/outer/mcp")
        assert is_proven(Server, "/outer/mcp/more", f"{PUBLIC}{known}/mcp/more")


def test_a_mounted_server_without_a_url_is_where_the_request_says(serve_app, http_request, verifier, is_proven):
    class Server:
        @staticmethod
        def request(*arguments):
            return http_request(base_url, *arguments)

    def app(_):
        inner = FastMCP("test", auth=verifier()).http_app(path="/mcp", stateless_http=True)
        return Starlette(routes=[Mount("/outer", app=inner)], lifespan=inner.lifespan)

    with serve_app(app) as base_url:
        assert is_proven(Server, "/outer/mcp", f"{base_url}/outer/mcp")
        assert not is_proven(Server, "/outer/mcp", f"{base_url}/mcp")


def test_a_root_path_of_the_http_server_is_part_of_the_url(serve, verifier, is_proven):
    def below(root):
        def around(app):
            async def called(scope, receive, send):
                await app({**scope, "root_path": root} if "path" in scope else scope, receive, send)

            return called

        return around

    with serve(verifier(), around=below("/api")) as server:
        # A proxy took it away, and the HTTP server is configured so.
        assert is_proven(server, "/mcp", f"{server.base_url}/api/mcp")
        assert not is_proven(server, "/mcp", server.url)


FORWARDED = [
    {"X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "PUBLIC.example:443", "X-Forwarded-Proto": "https"},
    {"Forwarded": "for=192.0.2.1;proto=https;host=public.example"},
    {"Forwarded": 'Host="public.example:443";Proto=https'},
]
UNCLEAR = [
    {"X-Forwarded-Host": "evil.example, public.example", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "https, https"},
    {"Forwarded": "proto=https;host=evil.example, proto=https;host=public.example"},
    {**FORWARDED[0], **FORWARDED[2]},
]


@pytest.mark.parametrize("headers", FORWARDED)
def test_forwarded_headers_count_only_with_dpop_trust_forwarded(serve, verifier, is_proven, headers):
    with serve(verifier(dpop_trust_forwarded=True)) as server:
        assert is_proven(server, "/mcp", f"{PUBLIC}/mcp", **headers)
        assert not is_proven(server, "/mcp", server.url, **headers)
        assert is_proven(server, "/mcp", server.url)
    with serve(verifier()) as server:
        assert not is_proven(server, "/mcp", f"{PUBLIC}/mcp", **headers)
        # uvicorn itself takes the scheme from a proxy on this machine.
        assert any(
            is_proven(server, "/mcp", url, **headers) for url in (server.url, server.url.replace("http", "https"))
        )
    # The configured URL takes precedence.
    with serve(verifier(dpop_trust_forwarded=True, **{URL_PARAMETER: "https://known.example"})) as server:
        assert not is_proven(server, "/mcp", f"{PUBLIC}/mcp", **headers)
        assert is_proven(server, "/mcp", "https://known.example/mcp", **headers)


@pytest.mark.parametrize("headers", UNCLEAR)
def test_ambiguous_forwarded_headers_prove_no_url(serve, verifier, is_proven, headers):
    with serve(verifier(dpop_trust_forwarded=True)) as server:
        for url in (f"{PUBLIC}/mcp", "https://evil.example/mcp", server.url):
            assert not is_proven(server, "/mcp", url, **headers)


def test_dpop_trust_forwarded_without_effect_is_an_error(verifier):
    with pytest.raises(ValueError, match="dpop_trust_forwarded"):
        verifier(dpop="off", dpop_trust_forwarded=True)
    with pytest.raises(ValueError, match="dpop_trust_forwarded"):
        verifier(dpop_trust_forwarded="yes")
