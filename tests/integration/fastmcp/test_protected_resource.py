"""A provider that names its authorization servers publishes the metadata of a protected resource (RFC 9728)."""

import asyncio
import inspect
import json
import re
import warnings

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider as FastMCPsRemoteAuthProvider
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.routing import Mount

from fastmcp_rs import _compat
from fastmcp_rs.auth import FROM_RESOURCE, JWTVerifier, OAuthProvider, RemoteAuthProvider
from fastmcp_rs.errors import MissingAudienceWarning

ISSUER = "https://issuer.example"
URL_PARAMETER = _compat.server_url_parameter()
TELLS_PATHS = URL_PARAMETER == "base_url"
URL = "https://server.example"


def server_url(base, path="/mcp"):
    """What is configured: 2.12.0 takes the URL of the resource, the later lines that of the server."""
    return {URL_PARAMETER: base if TELLS_PATHS else f"{base.rstrip('/')}{path}"}


def verifier_of(issuer, base=URL, path="/mcp", **options):
    options = {"authorization_servers": [ISSUER], "required_scopes": ["read"], **options}
    return JWTVerifier(public_key=issuer.public_key, issuer=issuer.name, **server_url(base, path), **options)


@pytest.fixture(scope="module")
def server(issuer, serve):
    options = {"resource_name": "Notes", "resource_documentation": "https://docs.example/notes"}
    with serve(lambda url: verifier_of(issuer, url, **options)) as server:
        yield server


def metadata_of(challenge):
    return re.search(r'resource_metadata="([^"]+)"', challenge)[1]


@pytest.mark.parametrize(
    ("claims", "status"),
    [({}, None), ({"exp": 1}, 401), ({"aud": "https://other.example"}, 401), ({"scope": "write"}, 403)],
    ids=["no token", "expired", "wrong audience", "missing scope"],
)
def test_each_challenge_names_the_metadata(issuer, server, claims, status):
    claims = {"aud": server.url, **claims}
    reply = server.post(None if status is None else f"Bearer {issuer.token(**claims)}")
    assert reply.status == (status or 401)
    expected = f"{server.base_url}/.well-known/oauth-protected-resource/mcp"
    assert metadata_of(reply.headers["www-authenticate"]) == expected


def test_the_metadata_is_that_of_the_resource(server):
    url = metadata_of(server.post(None).headers["www-authenticate"])
    reply = server.request("GET", url.removeprefix(server.base_url))
    assert json.loads(reply.body) == {
        "resource": server.url,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Notes",
        "resource_documentation": "https://docs.example/notes",
    }
    assert reply.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_fastmcps_own_provider_serves_it_at_the_same_place_for_the_same_browsers(issuer, serve, server, method):
    def fastmcps(url):
        verifier = JWTVerifier(public_key=issuer.public_key, audience="x")
        return FastMCPsRemoteAuthProvider(verifier, [AnyHttpUrl(ISSUER)], **server_url(url))

    headers = {"Origin": "https://browser.example", "Access-Control-Request-Method": "GET"}
    with serve(fastmcps) as theirs:
        paths = [f"/.well-known/oauth-protected-resource{path}" for path in ("", "/mcp")]
        served = {path: theirs.request(method, path, headers=headers) for path in paths}
    at = [path for path, reply in served.items() if reply.status == 200]
    assert at
    for path in at:
        ours = server.request(method, path, headers=headers)
        assert ours.status == 200
        differing = {"content-length", "date"}
        for name in served[path].headers.keys() - differing:
            assert ours.headers.get(name) == served[path].headers[name], name


@pytest.mark.parametrize("given", ["https://issuer.example", "https://issuer.example/", "https://issuer.example/t/x"])
@pytest.mark.parametrize("kind", [str, AnyHttpUrl])
def test_an_authorization_server_is_named_byte_for_byte(issuer, given, kind):
    """Newer clients refuse an issuer that differs from its metadata's by a slash. pydantic's URLs may add that one."""
    verifier = JWTVerifier(
        public_key=issuer.public_key, authorization_servers=[kind(given)], audience="x", **server_url(URL)
    )
    assert verifier.authorization_servers == [given if kind is str else str(AnyHttpUrl(given))]


def test_an_issuer_that_pydantic_wrote_a_slash_behind_is_named_as_itself():
    verifier = JWTVerifier.from_issuer(ISSUER, authorization_servers=[AnyHttpUrl(ISSUER)], **server_url(URL))
    assert verifier.authorization_servers == [ISSUER]


def test_from_issuer_with_a_url_of_the_server_is_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingAudienceWarning)
        verifier = JWTVerifier.from_issuer(ISSUER, **server_url(URL))
    assert (verifier.authorization_servers, verifier.audience) == ([ISSUER], FROM_RESOURCE)


def test_only_the_resource_that_is_served_is_the_audience(issuer, server, reasons):
    accepted = [server.url, ["https://other.example", server.url]]
    refused = [server.base_url, f"{server.url}/", f"{server.base_url}/sse", None, "https://server.example/mcp"]
    assert [server.status(issuer.token(aud=aud)) for aud in accepted] == [200] * len(accepted)
    assert [server.status(issuer.token(aud=aud)) for aud in refused] == [401] * len(refused)
    assert reasons() == ["audience_mismatch"] * len(refused)


@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
@pytest.mark.parametrize("given", [None, "https://api.example"])
def test_an_audience_that_is_given_is_the_one(issuer, serve, given):
    with serve(lambda url: verifier_of(issuer, url, audience=given)) as server:
        assert server.status(issuer.token(aud="https://api.example")) == 200
        assert server.status(issuer.token(aud=server.url)) == (200 if given is None else 401)


def status_at(ask, app, token, path, method="POST"):
    """Whether a request gets through: what then comes of it is the endpoint's."""
    try:
        sent, _ = ask(app, f"Bearer {token}", path=path, method=method)
    except RuntimeError:
        # Its sessions are not started here.
        return "through"
    return "through" if sent[0]["status"] not in {401, 403, 503} else sent[0]["status"]


def test_each_path_of_one_provider_is_a_resource_of_its_own(issuer, ask):
    provider = verifier_of(issuer)
    apps = {path: FastMCP("test", auth=provider).http_app(path=path) for path in ("/mcp", "/other")}
    got = {
        (path, of): status_at(ask, app, issuer.token(aud=f"{URL}{of}"), path)
        for path, app in apps.items()
        for of in apps
    }
    # 2.12.0 tells a provider no path: its one URL is that of the resource.
    at_other = ("through", 401) if not TELLS_PATHS else (401, "through")
    assert got == {
        ("/mcp", "/mcp"): "through",
        ("/mcp", "/other"): 401,
        ("/other", "/mcp"): at_other[0],
        ("/other", "/other"): at_other[1],
    }


@pytest.mark.parametrize("of", ["/mcp", "/other"])
def test_two_paths_in_one_application_stay_apart(issuer, ask, of):
    provider = verifier_of(issuer)
    apps = [FastMCP("test", auth=provider).http_app(path=path) for path in ("/mcp", "/other")]
    merged = Starlette(routes=[*apps[0].routes, *apps[1].routes], middleware=apps[0].user_middleware)
    token = issuer.token(aud=f"{URL}{of}")
    got = {path: status_at(ask, merged, token, path) for path in ("/mcp", "/other")}
    resources = {path: path if TELLS_PATHS else "/mcp" for path in got}
    assert got == {path: "through" if resource == of else 401 for path, resource in resources.items()}


def test_at_an_empty_path_both_forms_of_the_last_slash_pass(issuer, ask):
    app = FastMCP("test", auth=verifier_of(issuer, URL, "/")).http_app(path="/")
    got = {aud: status_at(ask, app, issuer.token(aud=aud), "/") for aud in (URL, f"{URL}/", f"{URL}/mcp", f"{URL}//")}
    assert got == {URL: "through", f"{URL}/": "through", f"{URL}/mcp": 401, f"{URL}//": 401}


def test_before_a_resource_is_known_the_reason_names_the_parameter(issuer, records):
    verifier = verifier_of(issuer)
    assert asyncio.run(verifier.verify_token(issuer.token(aud=f"{URL}/mcp"))) is None
    assert records()[-1].reason == "audience_mismatch"
    assert "audience=" in records()[-1].getMessage()
    assert "audience=" in asyncio.run(verifier.explain(issuer.token())).fix


def test_what_is_known_outside_of_a_request_are_all_resources(issuer):
    verifier = verifier_of(issuer)
    for path in ("/mcp", "/other"):
        verifier.get_well_known_routes(path)
    tokens = [issuer.token(aud=f"{URL}{path}") for path in ("/mcp", "/other", "/third")]
    got = [asyncio.run(verifier.verify_token(token)) is not None for token in tokens]
    assert got == [True, TELLS_PATHS, False]


def test_an_explanation_says_what_is_expected_and_what_helps_without_rfc_8707(issuer):
    verifier = verifier_of(issuer)
    verifier.get_well_known_routes("/mcp")
    fix = asyncio.run(verifier.explain(issuer.token(aud="https://api.example"))).fix
    assert f"{URL}/mcp" in fix
    assert "RFC 8707" in fix
    assert "audience=" in fix


def test_offline_access_is_named_nowhere(issuer, serve):
    options = {"required_scopes": ["read", "offline_access"]}
    with serve(lambda url: verifier_of(issuer, url, **options)) as server:
        metadata = server.request("GET", "/.well-known/oauth-protected-resource/mcp").body
        refused = server.post(f"Bearer {issuer.token(aud=server.url, scope='read')}")
        without = server.post(None)
    assert json.loads(metadata)["scopes_supported"] == ["read"]
    assert (refused.status, 'scope="read"' in refused.headers["www-authenticate"]) == (403, True)
    for text in (metadata.decode(), refused.headers["www-authenticate"], without.headers["www-authenticate"]):
        assert "offline_access" not in text


def test_mounted_the_outer_application_serves_the_well_known_route(issuer, serve_app, http_request):
    def make_app(base_url):
        nonlocal provider
        provider = verifier_of(issuer, f"{base_url}/api")
        inner = FastMCP("test", auth=provider).http_app(path="/mcp")
        return Starlette(
            routes=[*provider.get_well_known_routes("/mcp"), Mount("/api", app=inner)],
            lifespan=inner.lifespan,
        )

    provider = None
    with serve_app(make_app) as base_url:
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        refused = http_request(base_url, "POST", "/api/mcp", "{}", headers)
        url = metadata_of(refused.headers["www-authenticate"])
        metadata = json.loads(http_request(base_url, "GET", url.removeprefix(base_url)).body)
        assert metadata["resource"] == f"{base_url}/api/mcp"
        token = issuer.token(aud=metadata["resource"])
        let_in = http_request(base_url, "POST", "/api/mcp", "{}", {**headers, "Authorization": f"Bearer {token}"})
    assert (refused.status, let_in.status) == (401, 400)


def test_two_servers_of_one_process_have_each_their_own(issuer, serve):
    with serve(lambda url: verifier_of(issuer, url)) as one, serve(lambda url: verifier_of(issuer, url)) as other:
        token = issuer.token(aud=one.url)
        assert (one.status(token), other.status(token)) == (200, 401)


@pytest.mark.parametrize("kind", ["OAuthProvider", "RemoteAuthProvider"])
def test_the_documented_providers_publish_it_too(issuer, serve, new_endpoint, reply, kind):
    endpoint = new_endpoint()
    endpoint.publish([issuer.jwk])

    def provider(url):
        options = {"authorization_servers": [ISSUER], **server_url(url)}
        if kind == "OAuthProvider":
            return OAuthProvider(
                "id", "a secret", f"{endpoint.base}/token", issuer=issuer.name, jwks_uri=endpoint.url, **options
            )
        answer = {"active": True, "sub": "alice", "aud": f"{url}/mcp"}
        endpoint.routes["/verify"] = reply(200, json.dumps(answer))
        return RemoteAuthProvider(f"{endpoint.base}/verify", **options)

    with serve(provider) as server:
        metadata = json.loads(server.request("GET", "/.well-known/oauth-protected-resource/mcp").body)
        assert (metadata["resource"], metadata["authorization_servers"]) == (server.url, [ISSUER])
        assert metadata_of(server.post(None).headers["www-authenticate"]).startswith(server.base_url)
        assert server.status(issuer.token(aud=server.url)) == 200
        endpoint.routes["/verify"] = reply(
            200, json.dumps({"active": True, "sub": "a", "aud": "https://other.example"})
        )
        assert server.status(issuer.token(aud="https://other.example")) == 401


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"authorization_servers": [ISSUER]}, URL_PARAMETER),
        ({"authorization_servers": [], **server_url(URL)}, "authorization_servers"),
        ({"authorization_servers": ["issuer.example"], **server_url(URL)}, "authorization_servers"),
        ({"authorization_servers": 5, **server_url(URL)}, "authorization_servers"),
        ({"resource_name": "Notes", **server_url(URL)}, "authorization_servers"),
        ({"scopes_supported": ["read"]}, "authorization_servers"),
        ({"audience": FROM_RESOURCE}, None),
    ],
)
def test_what_describes_no_resource_is_an_error(issuer, options, message):
    if message is None:
        with pytest.warns(MissingAudienceWarning):
            assert JWTVerifier(public_key=issuer.public_key, **options).audience is None
        return
    with pytest.raises(ValueError, match=message):
        JWTVerifier(public_key=issuer.public_key, **{"audience": "x", **options})


@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_the_audience_can_become_that_of_the_resource_later(issuer):
    verifier = verifier_of(issuer, audience="https://api.example")
    verifier.get_well_known_routes("/mcp")
    token = issuer.token(aud=f"{URL}/mcp")
    seen = [asyncio.run(verifier.verify_token(token)) is not None]
    for audience in (FROM_RESOURCE, "https://api.example", None):
        verifier.audience = audience
        seen.append(asyncio.run(verifier.verify_token(token)) is not None)
    assert seen == [False, True, False, True]
    without = JWTVerifier(public_key=issuer.public_key, audience="x")
    with pytest.raises(ValueError, match="authorization_servers"):
        without.audience = FROM_RESOURCE
    assert without.audience == "x"


def test_fastmcps_parameters_are_there():
    ours = inspect.signature(JWTVerifier).parameters
    metadata = {"authorization_servers", "scopes_supported", "resource_name", "resource_documentation"}
    theirs = inspect.signature(FastMCPsRemoteAuthProvider).parameters
    assert metadata - {"scopes_supported"} <= theirs.keys()
    assert metadata <= ours.keys()


def hints_of(caplog, provider, path="/mcp"):
    FastMCP("hinted", auth=provider).http_app(path=path)
    return [(it.levelname, it.getMessage()) for it in caplog.records if it.name == "fastmcp_rs.resource"]


def test_the_path_of_the_endpoint_in_base_url_is_warned_of_once(issuer, caplog):
    """2.12.0 is given the URL of the resource itself, and no path that could be compared."""
    provider = verifier_of(issuer, f"{URL}/mcp")
    hints = hints_of(caplog, provider)
    assert [level for level, _ in hints] == ["WARNING"] * TELLS_PATHS
    assert all("the resource is called https://server.example/mcp/mcp" in text for _, text in hints)
    assert hints_of(caplog, provider) == hints


@pytest.mark.parametrize(("more", "path"), [("", "/mcp"), ("/api", "/mcp"), ("/notmcp", "/mcp"), ("", "/")])
def test_another_path_in_base_url_is_not_warned_of(issuer, caplog, more, path):
    assert hints_of(caplog, verifier_of(issuer, f"{URL}{more}", path), path) == []


def test_a_url_without_authorization_servers_is_told(issuer, caplog):
    with caplog.at_level("INFO", logger="fastmcp_rs.resource"):
        ((level, text),) = hints_of(caplog, verifier_of(issuer, authorization_servers=None, audience="x"))
    assert level == "INFO"
    assert f"{URL_PARAMETER} is given and authorization_servers is not" in text


def test_a_url_that_proofs_of_possession_are_for_is_not_told(issuer, caplog):
    bound = verifier_of(issuer, authorization_servers=None, audience="x", dpop="allowed")
    with caplog.at_level("INFO", logger="fastmcp_rs.resource"):
        assert hints_of(caplog, bound) == []
