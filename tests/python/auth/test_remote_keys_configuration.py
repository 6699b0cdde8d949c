"""A wrong configuration of fetched keys is an error, before anything is fetched."""

import math

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

URL = "https://issuer.example/jwks"


@pytest.mark.parametrize(
    "url",
    [
        *("", "jwks", "/jwks", "//issuer.example/jwks", "issuer.example/jwks", "https://"),
        *("file:///etc/passwd", "ftp://issuer.example/jwks", "data:,{}", "javascript:1", "HTTPX://a.example/"),
        *("https://user@issuer.example/", "https://u:p@issuer.example/", "https://issuer.example/#key"),
        *(" https://issuer.example/", "https://issuer.example/\n", "https://issuer.example/\tjwks", "https://a b/"),
        *("http://issuer.example/jwks", "http://10.0.0.1/jwks", "http://localhost.evil.example/", "http://0.0.0.0/"),
        *(5, b"https://issuer.example/jwks", ["https://issuer.example/jwks"]),
    ],
)
def test_h1_cve_2026_48522_a_url_that_keys_cannot_be_fetched_from_is_refused(url):
    with pytest.raises(ValueError, match="jwks_uri"):
        JWTVerifier(jwks_uri=url, algorithm="ES256", audience="server")


def test_http_is_for_this_machine_or_by_option():
    for url in ("http://127.0.0.1:1/", "http://[::1]/jwks", "http://localhost:8/jwks", URL, URL + "?a=b"):
        assert JWTVerifier(jwks_uri=url, algorithm="ES256", audience="server").keys()["keys"] == []
    with pytest.raises(ValueError, match="allow_http=True"):
        JWTVerifier(jwks_uri="http://issuer.example/jwks", audience="server")
    assert JWTVerifier(jwks_uri="http://issuer.example/jwks", allow_http=True, audience="server").keys()["keys"] == []
    with pytest.raises(ValueError, match="https"):
        JWTVerifier(jwks_uri="ftp://issuer.example/jwks", allow_http=True, audience="server")


@pytest.mark.parametrize("name", ["jwks_refresh_interval", "jwks_max_stale"])
@pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf, "30", True, [], 1e300, 10**400])
def test_a_span_is_a_finite_number_of_seconds(name, value):
    with pytest.raises(ValueError, match=name):
        JWTVerifier(jwks_uri=URL, audience="server", **{name: value})


@pytest.mark.parametrize("name", ["jwks_refresh_interval", "jwks_max_stale"])
@pytest.mark.parametrize("value", [0, 0.0, 1, 30.5, 1e15])
def test_any_finite_number_of_seconds_is_accepted(name, value):
    JWTVerifier(jwks_uri=URL, audience="server", **{name: value})


@pytest.mark.parametrize("names", [["HS256"], ["HS512"], ["HS256", "HS384"], ["RS256", "HS256"], [], ["none"]])
def test_a_shared_secret_cannot_come_from_a_jwks_uri(names):
    with pytest.raises(ValueError, match=r"HS|algorithm"):
        JWTVerifier(jwks_uri=URL, algorithms=names, audience="server")


def test_hs256_under_fastmcps_name_is_refused_too():
    with pytest.raises(ValueError, match="HS"):
        JWTVerifier(jwks_uri=URL, algorithm="HS256", audience="server")
    assert JWTVerifier(jwks_uri=URL, audience="server").algorithms == ["RS256"]


def test_exactly_one_source_of_keys_is_configured():
    for keys in ({"secret": "s" * 64}, {"public_key": KeyPair.generate("ES256").public_key}):
        with pytest.raises(ValueError, match="two kinds of keys"):
            JWTVerifier(jwks_uri=URL, audience="server", **keys)
    with pytest.raises(ValueError, match="jwks_uri"):
        JWTVerifier(audience="server")


def test_http_client_and_ssrf_safe_exclude_each_other():
    with pytest.raises(ValueError, match=r"http_client.*ssrf_safe"):
        JWTVerifier(jwks_uri=URL, audience="server", http_client=object(), ssrf_safe=True)


@pytest.mark.parametrize("name", ["secret", "public_key", "jwks_uri"])
def test_from_issuer_takes_no_keys(name):
    with pytest.raises(ValueError, match=name):
        JWTVerifier.from_issuer("https://issuer.example", audience="server", **{name: "x"})


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "issuer.example",
        "http://issuer.example",
        "file:///x",
        "https://u@i.example",
        "https://i.example/#x",
        "https://i.example/?x",
    ],
)
def test_an_issuer_is_an_http_url_that_can_be_fetched(issuer):
    with pytest.raises(ValueError, match="issuer"):
        JWTVerifier.from_issuer(issuer, audience="server")


def test_a_configured_key_is_not_fetched():
    secret = "s" * 64
    assert JWTVerifier(secret, audience="server").keys() == {}
