"""JWTVerifier has the class and the attributes that FastMCP's own code reads, on every line."""

import inspect

import pytest
from fastmcp.server import auth as fastmcp_auth
from fastmcp.server.auth.auth import AuthProvider, TokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier as FastmcpJWTVerifier
from pydantic import AnyHttpUrl

import fastmcp_rs
from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier

ATTRIBUTES = [
    "algorithm",
    "issuer",
    "audience",
    "public_key",
    "jwks_uri",
    "required_scopes",
    "base_url",
    "resource_base_url",
    "resource_server_url",
]
URL = "https://server.example/app"
MISSING = object()


@pytest.fixture(scope="session")
def urls_of_the_line(line) -> list[str]:
    """The URL parameters of the installed line, as its own documentation has them."""
    if line < (2, 12, 1):
        return ["resource_server_url"]
    if line < (3,):
        return ["base_url"]
    return ["base_url", "resource_base_url"]


def test_our_jwt_verifier_is_an_instance_of_fastmcps(issuer):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    for fastmcps in (FastmcpJWTVerifier, TokenVerifier, AuthProvider):
        assert isinstance(verifier, fastmcps)
        assert issubclass(JWTVerifier, fastmcps)


def test_our_static_token_verifier_is_a_token_verifier_of_fastmcps():
    verifier = StaticTokenVerifier(["token"])
    assert isinstance(verifier, TokenVerifier)
    assert isinstance(verifier, AuthProvider)


def test_the_documented_names_are_one_class_wherever_they_are_imported_from():
    assert fastmcp_rs.JWTVerifier is fastmcp_rs.auth.JWTVerifier is JWTVerifier
    assert fastmcp_rs.StaticTokenVerifier is StaticTokenVerifier


@pytest.mark.parametrize("name", ["base_url", "resource_base_url", "resource_server_url"])
@pytest.mark.parametrize("url", [URL, AnyHttpUrl(URL)], ids=["text", "AnyHttpUrl"])
def test_the_server_url_has_the_parameter_names_of_the_line(name, url, issuer, urls_of_the_line):
    given = {"public_key": issuer.public_key, **issuer.expected, name: url}
    if name in urls_of_the_line:
        assert getattr(JWTVerifier(**given), name) == AnyHttpUrl(URL)
    else:
        with pytest.raises(ValueError, match=f"no {name}: use {' or '.join(urls_of_the_line)}$"):
            JWTVerifier(**given)


def test_the_line_has_the_url_parameters_that_these_tests_know(urls_of_the_line):
    parameters = inspect.signature(TokenVerifier).parameters
    assert [name for name in parameters if name.endswith("_url")] == urls_of_the_line


def test_multi_auth_is_tested_wherever_there_is_one(line):
    assert hasattr(fastmcp_auth, "MultiAuth") is (line >= (3,))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"issuer": "https://issuer.example", "audience": "https://server.example/mcp"},
        {"audience": ["one", "two"], "required_scopes": ["read", "write"]},
        {"url": URL, "audience": "one"},
    ],
    ids=lambda options: ", ".join(options) or "none",
)
@pytest.mark.filterwarnings("ignore::fastmcp_rs.errors.MissingAudienceWarning")
def test_attributes_read_as_those_of_fastmcps_own_verifier(algorithm, options, issuers, urls_of_the_line):
    options = dict(options)
    if "url" in options:
        options[urls_of_the_line[0]] = options.pop("url")
    options |= {"public_key": issuers("KeyPair", algorithm).public_key, "algorithm": algorithm}

    fastmcps, ours = FastmcpJWTVerifier(**options), JWTVerifier(**options)

    for name in ATTRIBUTES:
        assert getattr(ours, name, MISSING) == getattr(fastmcps, name, MISSING), name


def test_a_list_of_issuers_reads_back_as_given(issuer):
    # 2.12 takes a single issuer only; ours takes several on every line.
    verifier = JWTVerifier(public_key=issuer.public_key, audience="one", issuer=["https://a", "https://b"])
    assert verifier.issuer == ["https://a", "https://b"]


def test_a_shared_secret_does_not_read_back(issuers):
    issuer = issuers("KeyPair", "HS256")
    verifier = JWTVerifier(public_key=issuer.public_key, algorithm="HS256", **issuer.expected)
    assert verifier.public_key is None
    assert issuer.public_key not in repr(verifier) + repr(vars(verifier))


def test_keys_from_a_url_are_named_as_fastmcp_names_them(issuer):
    verifier = JWTVerifier(jwks_uri="https://issuer.example/jwks.json", **issuer.expected)
    assert verifier.jwks_uri == "https://issuer.example/jwks.json"
    assert verifier.public_key is None
    assert verifier.keys()["fetches"] == 0


def test_without_an_audience_there_is_one_warning(issuer):
    with pytest.warns(fastmcp_rs.errors.MissingAudienceWarning) as caught:
        JWTVerifier(public_key=issuer.public_key, issuer=issuer.name)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_short_secret_causes_a_warning(issuer):
    with pytest.warns(fastmcp_rs.errors.ShortSecretWarning, match="32"):
        JWTVerifier("your-jwt-secret-key", audience=issuer.audience)
