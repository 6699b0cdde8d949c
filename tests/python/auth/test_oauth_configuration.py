"""A wrong configuration of OAuthProvider is an error at construction, and no secret is in its text."""

import inspect
import traceback

import pytest

from fastmcp_rs.auth import FROM_RESOURCE, OAuthProvider

TOKEN_URL = "https://auth.example/oauth/token"
SECRET = "hush-hush-secret"
DOCUMENTED = {
    "client_id": "your-oauth-client-id",
    "client_secret": SECRET,
    "token_url": TOKEN_URL,
    "scope": ["mcp:access"],
    "audience": "mcp-server",
}


def provider(**changes):
    return OAuthProvider(**{**DOCUMENTED, **changes})


def test_the_documented_signature():
    parameters = list(inspect.signature(OAuthProvider.__init__).parameters.values())[1:6]
    assert [parameter.name for parameter in parameters] == list(DOCUMENTED)
    assert [parameter.default for parameter in parameters[3:]] == [None, FROM_RESOURCE]


def test_the_documented_example():
    oauth = provider()
    assert (oauth.client_id, oauth.token_url) == (DOCUMENTED["client_id"], TOKEN_URL)
    assert (oauth.scope, oauth.required_scopes, oauth.audience) == (["mcp:access"], ["mcp:access"], "mcp-server")
    assert SECRET not in f"{oauth!r} {vars(oauth)}"


def test_the_error_for_another_name_of_a_parameter_names_the_right_one():
    with pytest.raises(TypeError, match="no parameter 'required_scopes': here it is called scope; FastMCP's own"):
        provider(required_scopes=["read"])
    with pytest.raises(ValueError, match="scope names no scope"):
        provider(scope="")
    with pytest.raises(ValueError, match=r"algorithm.* a JWTVerifier the secret"):
        provider(algorithms=["HS256"])


def test_settings_are_copied_and_change_at_once():
    scope, audience = ["read"], ["a", "b"]
    oauth = provider(scope=scope, audience=audience)
    for given in (scope, audience):
        given.append("more")
    assert (oauth.scope, oauth.audience) == (["read"], ["a", "b"])
    oauth.audience.append("c")
    assert oauth.audience == ["a", "b", "c"]
    oauth.audience = "c"
    assert oauth.audience == "c"
    with pytest.raises(ValueError, match="audience"):
        oauth.audience = []
    assert oauth.audience == "c"


@pytest.mark.parametrize("name", ["token_url", "issuer", "jwks_uri", "introspection_url"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "auth.example/token",
        "/token",
        "ftp://auth.example/token",
        "file:///etc/passwd",
        "https://user:password@auth.example/token",
        "https://auth.example/token#x",
        "http://auth.example/token",
    ],
)
def test_h1_every_url_is_https_or_of_this_machine(name, url):
    with pytest.raises(ValueError, match=name):
        provider(**{name: url})


def test_http_to_another_machine_needs_allow_http():
    urls = {"token_url": "http://auth.example/token", "introspection_url": "http://auth.example/introspect"}
    with pytest.raises(ValueError, match="allow_http=True"):
        provider(**urls)
    assert provider(**urls, allow_http=True)
    assert provider(token_url="http://127.0.0.1:5000/token")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"client_secret": " "}, "client_secret"),
        ({"client_secret": f"{SECRET}\n"}, "client_secret"),
        ({"client_secret": SECRET.encode()}, "client_secret"),
        ({"client_secret": f"{SECRET}\ud800"}, "client_secret"),
        ({"client_secret": None}, "client_secret"),
        ({"token_url": None}, "token_url"),
        ({"audience": []}, "audience"),
        ({"audience": ""}, "audience"),
        ({"audience": 1}, "audience"),
        ({"scope": ["read write"]}, "^scope "),
        ({"scope": [""]}, "^scope "),
        ({"scope": 1}, "^scope "),
        ({"issuer": "https://issuer.example/?x"}, "issuer"),
        ({"algorithms": []}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithm"),
        ({"algorithms": ["HS256"]}, r"HS\*"),
        ({"algorithms": ["RS256", "HS256"]}, r"HS\*"),
        ({"leeway": -1}, "leeway"),
        ({"typ": "JWT"}, "typ"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": 301}, "timeout"),
        ({"timeout": "10"}, "timeout"),
        ({"jwks_refresh_interval": -1}, "jwks_refresh_interval"),
        ({"jwks_max_stale": float("inf")}, "jwks_max_stale"),
    ],
)
def test_the_error_of_a_configuration_that_cannot_work_names_the_parameter(changes, names):
    with pytest.raises(ValueError, match=names) as raised:
        provider(**changes)
    assert SECRET not in "".join(traceback.format_exception_only(raised.value))


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://server.example", "issuer_url": "https://server.example"},
        {**DOCUMENTED, "client_registration_options": None},
        {**DOCUMENTED, "revocation_options": None},
        {**DOCUMENTED, "required_scopes": ["read"]},
    ],
)
def test_the_error_for_a_parameter_of_fastmcps_class_names_that_class(options):
    with pytest.raises(TypeError, match=r"fastmcp\.server\.auth\.OAuthProvider"):
        OAuthProvider(**options)


def test_an_unknown_parameter_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        provider(secret="x")


def test_a_provider_cannot_be_pickled():
    with pytest.raises(TypeError, match="cannot be pickled"):
        provider().__reduce__()
