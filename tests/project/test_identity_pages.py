"""The server of each page in docs/identity runs against tokens and endpoints that are shaped as the page says."""

import asyncio
import base64
import http.server
import json
import re
import shutil
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from http_endpoints import reply

import fastmcp_rs
from fastmcp_rs.cli.demo.server import initialize
from fastmcp_rs.cli.doctor.http import ask
from fastmcp_rs.cli.serving import serving
from fastmcp_rs.testing import KeyPair

ROOT = Path(__file__).parents[2]
FOLDER, KEYS = ROOT / "docs/identity", ROOT / "tests/vectors/keys"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_TOKENS = ["auth0", "cognito", "entra", "keycloak", "keys", "oidc", "okta"]
PROXIES = ["github", "google"]
_LATER = {"exp": 3600, "iat": 0, "nbf": 0}


def page(name):
    return (FOLDER / f"{name}.md").read_text()


def blocks(name, language):
    return [text for kind, text in FENCE.findall(page(name)) if kind == language]


def mistakes(name):
    """The reasons in the table of mistakes, in order."""
    table = page(name).partition("usual mistakes\n")[2]
    return re.findall(r"(?m)^\| [^|]* \| `(\w+)` \|", table)


class Vendor:
    """Publishes a key where the issuer of a page publishes its own: on this machine, at the same path."""

    def __init__(self, name, endpoint):
        self.name, self.key = name, KeyPair.generate("RS256")
        (text,) = blocks(name, "json")
        self.claims = json.loads(text)
        self.original = self.claims["iss"]
        parts = urlsplit(self.original)
        self.issuer = self.original.replace(f"{parts.scheme}://{parts.netloc}", endpoint.base)
        keys = reply(200, json.dumps({"keys": [self.key.jwk("key")]}))
        metadata = f"{parts.path.rstrip('/')}/.well-known/openid-configuration"
        endpoint.routes = {metadata: self._publish_metadata, "/jwks": keys, "/jwks.json": keys}

    def _publish_metadata(self, endpoint, connection, _request):
        connection.sendall(reply(200, json.dumps({"issuer": self.issuer, "jwks_uri": endpoint.url})))

    def made(self, *changes):
        """The server of the page, with the issuer at its place here."""
        text, *_ = blocks(self.name, "python")
        assert self.original in text, "the page's token is of the issuer of its server"
        text = text.replace(self.original, self.issuer)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        namespace = {"__name__": "a_page"}
        exec(compile(text, self.name, "exec"), namespace)  # noqa: S102 - the pages are ours
        return namespace["mcp"]

    def token(self, *, algorithm="RS256", key=None, kid="key", without=(), **changed):
        claims = {**self.claims, "iss": self.issuer}
        now = int(time.time())
        claims.update({name: now + later for name, later in _LATER.items() if name in claims})
        claims.update(changed)
        for name in without:
            del claims[name]
        return (key or self.key).sign({"alg": algorithm, "kid": kid}, claims)


@pytest.fixture
def vendor(request, new_endpoint):
    return Vendor(request.param, new_endpoint())


@pytest.mark.parametrize("vendor", WITH_TOKENS, indirect=True)
def test_a_token_as_the_page_shows_it_is_accepted(vendor):
    with serving(vendor.made().http_app(path="/mcp")) as port:
        assert initialize(port, vendor.token()) == 200
        assert initialize(port, vendor.token(exp=int(time.time()) - 60)) == 401
        assert initialize(port, None) == 401


HS256, RS256, ES256 = map(KeyPair.generate, ("HS256", "RS256", "ES256"))
OPAQUE = "opaque-token"
SECRET = "a secret that is long enough for its algorithm"
# What provokes the reason of each row: a change of the server, of the token's claims, or another token.
PROVOKED = {
    "auth0": [
        {"without_slash": True},
        {"token": OPAQUE},
        {"signed": {"algorithm": "HS256", "key": HS256}},
    ],
    "keycloak": [
        {"signed": {"aud": "account"}},
        {"signed": {"iss": "https://another-name.example/realms/my-realm"}},
        {"server": [('["notes"]', '["editor"]')]},
    ],
    "entra": [
        {"signed": {"iss": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"}},
        {"server": [('audience="66666666-7777-8888-9999-000000000000"', 'audience="https://my-server.example/mcp"')]},
        {"signed": {"without": ["scp"], "roles": ["Notes.Read"]}},
    ],
    "okta": [
        {"signed": {"iss": "https://my-org.okta.com"}},
        {"signed": {"aud": "api://default"}},
        {"signed": {"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng", "aud": "the-client-id"}},
    ],
    "cognito": [
        {"server": [("audience=None", 'audience="https://my-server.example/mcp"')]},
        {"signed": {"token_use": "id", "aud": "1example23456789"}},
        {"signed": {"client_id": "2example23456789"}},
    ],
    "keys": [
        {"server": [("jwks.json", ".well-known/openid-configuration")]},
        {"signed": {"algorithm": "ES256", "key": ES256}},
        {"signed": {"key": RS256, "kid": "new"}},
    ],
    "oidc": [
        {"issuer": "https://issuer.example/another"},
        {"signed": {"aud": "https://another.example"}},
        {"token": OPAQUE},
    ],
}


@pytest.mark.parametrize(
    ("vendor", "number"), [(name, number) for name in WITH_TOKENS for number in range(3)], indirect=["vendor"]
)
def test_each_mistake_has_the_reason_that_the_page_says(vendor, number):
    provoked = PROVOKED[vendor.name][number]
    changes = provoked.get("server", [])
    if provoked.get("without_slash"):
        changes = [(f'"{vendor.issuer}"', f'"{vendor.issuer.rstrip("/")}"')]
    auth = vendor.made(*changes).auth
    vendor.issuer = provoked.get("issuer", vendor.issuer)
    token = provoked.get("token") or vendor.token(**provoked.get("signed", {}))
    explanation = asyncio.run(auth.explain(token))
    assert explanation.code == mistakes(vendor.name)[number], explanation


def test_what_a_page_advises_about_other_claims_works(new_endpoint):
    for name, old, new, granted in (
        ("auth0", '["read:notes"]', '["edit"], scope_claims=["scope", "permissions"]', {"permissions": ["edit"]}),
        ("keycloak", '["notes"]', '["editor"], scope_claims=["scope", "/realm_access/roles"]', {}),
        ("cognito", '["notes/read"]', '["editors"], scope_claims=["scope", "cognito:groups"]', {}),
        (
            "entra",
            '["Notes.Read"],\n    client',
            '["Job"], scope_claims=["scp", "roles"],\n    client',
            {"roles": ["Job"]},
        ),
    ):
        vendor = Vendor(name, new_endpoint())
        assert asyncio.run(vendor.made((old, new)).auth.verify_token(vendor.token(**granted))), name


@pytest.fixture
def installed_for_a_while():
    yield
    fastmcp_rs.uninstall()


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.usefixtures("installed_for_a_while")
def test_the_server_of_a_proxy_is_native_and_names_its_metadata(name):
    (text,) = blocks(name, "python")
    namespace = {"__name__": "a_page"}
    exec(compile(text, name, "exec"), namespace)  # noqa: S102 - the pages are ours
    assert fastmcp_rs.installed().state == "active"
    with serving(namespace["mcp"].http_app(path="/mcp")) as port:
        assert initialize(port, None) == 401
        assert initialize(port, OPAQUE) == 401
    assert mistakes(name) == ["malformed_token"]


@pytest.mark.usefixtures("installed_for_a_while")
def test_the_challenge_of_a_proxy_is_the_one_that_is_printed():
    (text,) = blocks("github", "python")
    namespace = {"__name__": "a_page"}
    local = text.replace("https://my-server.example", "http://localhost:8000")
    exec(compile(local, "github", "exec"), namespace)  # noqa: S102 - the pages are ours
    with serving(namespace["mcp"].http_app(path="/mcp")) as port:
        answer = ask(f"http://127.0.0.1:{port}/mcp", "POST", {}, b"{}")
    (printed,) = blocks("github", "text")
    assert printed.splitlines()[1] == f"www-authenticate: {answer.headers['WWW-Authenticate']}"


class AuthorizationServer(http.server.ThreadingHTTPServer):
    """Publishes its metadata, and answers about one token to one client."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), AuthorizationServerHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        (text,) = blocks("introspection", "json")
        self.answer = {**json.loads(text), "iss": self.url, "exp": int(time.time()) + 60}
        self.secret = "the secret that the authorization server gave to this server"


class AuthorizationServerHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = self.server.url
        metadata = {
            "issuer": url,
            "token_endpoint": f"{url}/oauth/token",
            "introspection_endpoint": f"{url}/oauth/introspect",
            "jwks_uri": f"{url}/jwks",
        }
        documents = {"/.well-known/oauth-authorization-server": metadata, "/jwks": {"keys": [RS256.jwk("key")]}}
        self.answer(200 if self.path in documents else 404, documents.get(self.path, {}))

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        credentials = base64.b64encode(f"my-server:{quote_plus(self.server.secret)}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {credentials}":
            self.answer(401, {"error": "invalid_client"})
        else:
            self.answer(200, self.server.answer if form["token"] == [OPAQUE] else {"active": False})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep requests off the terminal."""


@pytest.fixture
def authorization_server():
    server = AuthorizationServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def introspecting(server):
    (text,) = blocks("introspection", "python")
    namespace = {"__name__": "a_page"}
    exec(compile(text.replace("https://auth.example", server.url), "page", "exec"), namespace)  # noqa: S102 - ours
    return namespace["mcp"]


def test_an_opaque_token_is_asked_about(authorization_server):
    with serving(introspecting(authorization_server).http_app(path="/mcp")) as port:
        assert initialize(port, OPAQUE) == 200
        assert initialize(port, "another-token") == 401
        assert initialize(port, None) == 401


def test_each_mistake_with_introspection_has_its_reason(authorization_server, reasons):
    app = introspecting(authorization_server).http_app(path="/mcp")
    right, authorization_server.secret = authorization_server.secret, "another"
    with serving(app) as port:
        assert initialize(port, OPAQUE) == 503
        authorization_server.secret = right
        assert initialize(port, "revoked-token") == 401
        authorization_server.answer["aud"] = "https://another.example"
        assert initialize(port, OPAQUE) == 401
    assert reasons() == mistakes("introspection")


def test_a_shared_secret_works_on_both_sides(monkeypatch):
    monkeypatch.setenv("JWT_SECRET", SECRET)
    server, client = ({"__name__": "a_page"} for _ in range(2))
    here, there = blocks("secret", "python")
    exec(compile(here, "here", "exec"), server)  # noqa: S102 - the pages are ours
    exec(compile(there, "there", "exec"), client)  # noqa: S102 - likewise
    auth, jwt, claims = server["mcp"].auth, client["jwt"], client["claims"]
    assert asyncio.run(auth.verify_token(client["token"])).subject == "the-nightly-job"
    unnamed = {name: value for name, value in claims.items() if name != "aud"}
    wrong = [
        jwt.encode(claims, "another secret that is as long as it has to be for this", algorithm="HS256"),
        KeyPair.generate("RS256").sign({"alg": "RS256"}, claims),
        jwt.encode(unnamed, SECRET, algorithm="HS256"),
    ]
    reasons = [asyncio.run(auth.explain(token)).code for token in wrong]
    assert reasons == mistakes("secret")


def test_a_token_that_is_signed_with_a_file_is_accepted(tmp_path, monkeypatch):
    shutil.copy(KEYS / "rsa.private.pem", tmp_path / "private.pem")
    monkeypatch.chdir(tmp_path)
    server, client = ({"__name__": "a_page"} for _ in range(2))
    here, there = blocks("keys", "python")
    public_key = (KEYS / "rsa.spki.pem").read_text()
    by_file = re.sub(r"jwks_uri=.*", lambda _: f"public_key={public_key!r},", here)
    exec(compile(by_file, "here", "exec"), server)  # noqa: S102 - the pages are ours
    exec(compile(there, "there", "exec"), client)  # noqa: S102 - likewise
    assert asyncio.run(server["mcp"].auth.verify_token(client["token"])).subject == "alice"
    (shown,) = blocks("keys", "json")
    assert client["claims"].keys() == json.loads(shown).keys()


def test_each_page_names_its_source_and_has_its_mistakes():
    for path in FOLDER.glob("*.md"):
        text = path.read_text()
        (number, table) = re.findall(r"(?m)^## (\w+) usual mistakes\n\n((?:\|.*\n)+)", text)[0]
        assert len(table.splitlines()) - 2 == {"Three": 3, "Four": 4}[number], path.name
        if path.stem not in {"introspection", "keys", "oidc", "secret"}:
            (source,) = re.findall(r"(?ms)^Source: (.*?)\n\n", text)
            assert re.search(r"read on \d+ \w+ 20\d\d", source), path.name
            assert re.search(r"\[[^]]+\]\(https://", source), path.name
