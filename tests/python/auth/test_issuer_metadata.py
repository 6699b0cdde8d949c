"""from_issuer finds keys where the issuer's metadata says, and accepts no metadata of another issuer."""

import asyncio
import json

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import KeysUnavailableError

AUDIENCE = "https://server.example/mcp"


@pytest.fixture
def issuer(endpoint, reply):
    """An endpoint that has nothing but keys; ``describe`` adds metadata."""
    endpoint.routes = {"/keys": endpoint.answer}
    endpoint.answer = reply(404)

    def describe(path, **members):
        metadata = {"issuer": endpoint.base, "jwks_uri": f"{endpoint.base}/keys", **members}
        present = {name: value for name, value in metadata.items() if value is not None}
        endpoint.routes[path] = reply(200, json.dumps(present))

    endpoint.describe = describe
    endpoint.asked = lambda: [request.target for request in endpoint.requests]
    return endpoint


def of_issuer(issuer, **options):
    return JWTVerifier.from_issuer(issuer, **{"algorithm": "ES256", "audience": AUDIENCE, **options})


def warm_up_fails(verifier):
    with pytest.raises(KeysUnavailableError) as failed:
        asyncio.run(verifier.warm_up())
    assert str(verifier.keys()["last_error"]) in str(failed.value)
    return str(failed.value)


def test_openid_connect_discovery(issuer, pair, verdict):
    issuer.describe("/.well-known/openid-configuration")
    verifier = of_issuer(issuer.base)
    assert verifier.issuer == issuer.base

    async def checks():
        token = pair.create_token(issuer=issuer.base, audience=AUDIENCE, kid="a")
        assert await verdict(verifier, token) is True
        assert await verdict(verifier, token) is True
        other = pair.create_token(issuer=f"{issuer.base}/", audience=AUDIENCE, kid="a")
        assert await verdict(verifier, other) is False

    asyncio.run(checks())
    assert issuer.asked() == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    ("path", "well_known"),
    [
        ("", "/.well-known/oauth-authorization-server"),
        ("/", "/.well-known/openid-configuration"),
        ("/a/b", "/a/b/.well-known/openid-configuration"),
        ("/a/b", "/.well-known/oauth-authorization-server/a/b"),
        ("/a/b", "/.well-known/openid-configuration/a/b"),
        ("/a/", "/.well-known/oauth-authorization-server/a"),
    ],
)
def test_each_well_known_form(path, well_known, issuer):
    issuer.describe(well_known, issuer=issuer.base + path)
    verifier = of_issuer(issuer.base + path)
    asyncio.run(verifier.warm_up())
    assert [key["kid"] for key in verifier.keys()["keys"]] == ["a"]
    assert issuer.asked()[-2:] == [well_known, "/keys"]


@pytest.mark.parametrize("more", ["/", "x", "/a", "?", " "])
def test_the_issuer_is_compared_character_by_character(more, issuer):
    issuer.describe("/.well-known/openid-configuration", issuer=issuer.base + more)
    # Another document would fit: the first that answers decides.
    issuer.describe("/.well-known/oauth-authorization-server")
    assert '"issuer"' in warm_up_fails(of_issuer(issuer.base))
    assert issuer.asked() == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("claimed", [None, 1, [], "", "HTTP://127.0.0.1"])
def test_metadata_without_an_issuer_is_refused(claimed, issuer):
    issuer.describe("/.well-known/openid-configuration", issuer=claimed)
    assert '"issuer"' in warm_up_fails(of_issuer(issuer.base))


@pytest.mark.parametrize(
    "uri",
    [None, 1, "", "/keys", "keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "http://keys.example/", "data:,{}"],
)
def test_a_jwks_uri_of_another_scheme_is_not_asked(uri, issuer):
    issuer.describe("/.well-known/openid-configuration", jwks_uri=uri)
    assert '"jwks_uri"' in warm_up_fails(of_issuer(issuer.base))
    assert issuer.asked() == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"issuer":', "{}{}"])
def test_metadata_is_a_json_object(body, issuer, reply):
    issuer.routes["/.well-known/openid-configuration"] = reply(200, body)
    assert "metadata" in warm_up_fails(of_issuer(issuer.base))


def test_an_issuer_without_metadata_is_unavailable(issuer):
    assert "status 404" in warm_up_fails(of_issuer(f"{issuer.base}/a"))
    assert issuer.asked() == [
        "/a/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/a",
        "/.well-known/openid-configuration/a",
        "/a/.well-known/oauth-authorization-server",
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_metadata_is_not_followed(status, issuer, reply):
    issuer.describe("/elsewhere")
    issuer.routes["/.well-known/openid-configuration"] = reply(status, location="/elsewhere")
    assert f"redirect ({status})" in warm_up_fails(of_issuer(issuer.base)), "it tells more than the 404 after it"
    assert issuer.asked() == ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


@pytest.mark.parametrize("status", [204, 302, 304, 401, 403, 500, 503])
def test_a_document_that_is_no_metadata_leads_to_the_next_url(status, issuer, reply):
    issuer.routes["/.well-known/openid-configuration"] = reply(status)
    issuer.describe("/.well-known/oauth-authorization-server")
    asyncio.run(of_issuer(issuer.base).warm_up())
    assert issuer.asked()[-2:] == ["/.well-known/oauth-authorization-server", "/keys"]


def test_a_broken_connection_ends_the_search(issuer):
    issuer.routes["/.well-known/openid-configuration"] = lambda *_: None
    issuer.describe("/.well-known/oauth-authorization-server")
    assert "broke" in warm_up_fails(of_issuer(issuer.base))
    assert issuer.asked() == ["/.well-known/openid-configuration"]


def test_an_issuer_has_no_query():
    with pytest.raises(ValueError, match="query"):
        of_issuer("https://issuer.example/?tenant=1")


def test_an_entity_tag_is_not_sent_to_another_jwks_uri(issuer, pair, verdict, reply):
    tagged = {"etag": '"v1"', "body": json.dumps({"keys": [pair.jwk("a")]})}
    issuer.routes["/keys"] = issuer.routes["/moved"] = reply(200, **tagged)
    issuer.describe("/.well-known/openid-configuration")
    verifier = of_issuer(issuer.base, jwks_refresh_interval=0)
    unknown = pair.create_token(issuer=issuer.base, audience=AUDIENCE, kid="b")

    async def checks():
        await verifier.warm_up()
        for _ in range(2):
            assert await verdict(verifier, unknown) is False
            issuer.describe("/.well-known/openid-configuration", jwks_uri=f"{issuer.base}/moved")

    asyncio.run(checks())
    sent = [(request.target, request.headers.get("if-none-match")) for request in issuer.requests]
    assert [pair for pair in sent if "well-known" not in pair[0]] == [
        ("/keys", None),
        ("/keys", '"v1"'),
        ("/moved", None),
    ]


def test_a_new_jwks_uri_in_the_metadata_is_followed_and_known_keys_outlive_the_metadata(
    issuer, pair, other, verdict, reply
):
    issuer.describe("/.well-known/openid-configuration")
    verifier = of_issuer(issuer.base, jwks_refresh_interval=0)
    old = pair.create_token(issuer=issuer.base, audience=AUDIENCE, kid="a")
    new = other.create_token(issuer=issuer.base, audience=AUDIENCE, kid="b")

    async def checks():
        assert await verdict(verifier, old) is True
        issuer.routes["/moved"] = reply(200, json.dumps({"keys": [other.jwk("b")]}))
        issuer.describe("/.well-known/openid-configuration", jwks_uri=f"{issuer.base}/moved")
        assert await verdict(verifier, new) is True
        assert await verdict(verifier, new) is True
        issuer.describe("/.well-known/openid-configuration", issuer="https://evil.example")
        assert await verdict(verifier, old) is None
        assert '"issuer"' in verifier.keys()["last_error"]
        assert await verdict(verifier, new) is True

    asyncio.run(checks())


def test_verifiers_of_one_issuer_share_a_fetch_and_a_jwks_uri_has_its_own(issuer, verifier_of):
    issuer.describe("/.well-known/openid-configuration")
    for verifier in (*(of_issuer(issuer.base) for _ in range(2)), verifier_of(f"{issuer.base}/keys")):
        asyncio.run(verifier.warm_up())
    kept = [of_issuer(issuer.base), of_issuer(issuer.base)]
    before = len(issuer.requests)
    for verifier in kept:
        asyncio.run(verifier.warm_up())
    assert len(issuer.requests) == before + 2
