"""What the environment decides, as for httpx and httpx2: proxies, and which certificates to trust.

Each case is fetched in a process of its own by all of them. Keys tell by their id which way they came.
"""

import json
import ssl
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, importlib, importlib.util, json, os, ssl, sys
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import KeysUnavailableError

libraries = [importlib.import_module(name) for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]

async def ours(url):
    verifier = JWTVerifier(jwks_uri=url, algorithm="ES256", audience="https://server.example/mcp", allow_http=True)
    try:
        await verifier.warm_up()
    except KeysUnavailableError:
        return "nothing", verifier.keys()["last_error"]
    return verifier.keys()["keys"][0]["kid"], None

# To read the trusted certificates takes longest, and where there is no TLS none of them is looked at.
unread = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

async def theirs(library, url):
    try:
        async with library.AsyncClient(**({} if url.startswith("https:") else {"verify": unread})) as client:
            return (await client.get(url)).json()["keys"][0]["kid"]
    except Exception:
        return "nothing"

def answers(url):
    kid, error = asyncio.run(ours(url))
    return {"ours": kid, "error": error} | {lib.__name__: asyncio.run(theirs(lib, url)) for lib in libraries}

# What has been read of the environment is read anew after a fork. All at once, for unknown names take long.
for cases in sys.stdin:
    asked = []
    for environment, url in json.loads(cases):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.environ.update(environment)
            os.write(writing, json.dumps(answers(url)).encode())
            os._exit(0)
        os.close(writing)
        asked.append(reading)
    for reading in asked:
        with os.fdopen(reading) as answer:
            print(answer.read(), flush=True)
        os.wait()
"""


@pytest.fixture(scope="module")
def parent(clean_environment):
    """The parent of the processes that fetch: it has imported what they need, and asks nothing itself."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    with subprocess.Popen(command, env=clean_environment(), text=True, **pipes) as process:
        yield process
    assert process.returncode == 0


@pytest.fixture
def fetched(parent):
    """What each of them gets, for each pair of an environment and a URL."""

    def ask(*cases):
        parent.stdin.write(f"{json.dumps(cases)}\n")
        parent.stdin.flush()
        return [json.loads(parent.stdout.readline()) for _ in cases]

    return ask


@pytest.fixture
def proxy(new_endpoint, pair):
    proxy = new_endpoint()
    proxy.publish({"proxy": pair})
    return proxy


@pytest.fixture
def direct(new_endpoint, pair):
    direct = new_endpoint()
    direct.publish({"direct": pair})
    return direct


# {proxy} and {port} are the address of the proxy and the port of the endpoint. What is to come is written down, so that
# it also holds where neither library is installed; those that differ are named.
HERE = "http://127.0.0.1:{port}/jwks"
# Only a proxy answers there.
NAME = "http://keys.invalid/jwks"
BELOW = "http://a.keys.invalid/jwks"
WITH_PORT = "http://keys.invalid:81/jwks"
PROXIES = [
    ({}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}"}, HERE, "proxy", ()),
    ({"http_proxy": "http://{proxy}"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "{proxy}"}, NAME, "proxy", ()),
    ({"ALL_PROXY": "http://{proxy}"}, HERE, "proxy", ()),
    ({"all_proxy": "http://{proxy}"}, NAME, "proxy", ()),
    ({"HTTPS_PROXY": "http://{proxy}"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://{proxy}"}, HERE, "nothing", ()),
    ({"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://{proxy}"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "http_proxy": ""}, HERE, "direct", ()),
    ({"HTTP_PROXY": ""}, HERE, "direct", ()),
    ({"Http_Proxy": "http://{proxy}"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "REQUEST_METHOD": "GET"}, HERE, "direct", ()),
    ({"http_proxy": "http://{proxy}", "REQUEST_METHOD": "GET"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://127.0.0.1:9"}, HERE, "nothing", ()),
    ({"HTTP_PROXY": "ftp://{proxy}"}, HERE, "nothing", ()),
    ({"HTTP_PROXY": "socks4://{proxy}"}, HERE, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "*"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "a.invalid, *"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "socks4://{proxy}", "NO_PROXY": "*"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.1"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "no_proxy": "127.0.0.1"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.1", "no_proxy": ""}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.2"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.1:{port}"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.1:9"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": " a.invalid , 127.0.0.1:{port} "}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "http://127.0.0.1"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "https://127.0.0.1"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "all://127.0.0.1:{port}"}, HERE, "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.0.0.0/8"}, HERE, "direct", ("httpx",)),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "127.1.0.0/16"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "localhost"}, HERE, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "localhost"}, "http://localhost:{port}/jwks", "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "LOCALHOST"}, "http://localhost:{port}/jwks", "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "localhost:{port}"}, "http://localhost:{port}/jwks", "direct", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "::1"}, "http://[::1]:9/jwks", "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "::2"}, "http://[::1]:9/jwks", "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "::/64"}, "http://[::1]:9/jwks", "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "[::1]:9"}, "http://[::1]:9/jwks", "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid"}, NAME, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "KEYS.invalid"}, NAME, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid"}, BELOW, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "ys.invalid"}, NAME, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": ".keys.invalid"}, NAME, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": ".keys.invalid"}, BELOW, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "*.keys.invalid"}, NAME, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "*.keys.invalid"}, BELOW, "nothing", ("httpx",)),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid:81"}, NAME, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid:81"}, WITH_PORT, "nothing", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid:80"}, NAME, "proxy", ()),
    ({"HTTP_PROXY": "http://{proxy}", "NO_PROXY": "keys.invalid:x"}, NAME, "proxy", ("httpx",)),
    ({"NO_PROXY": "keys.invalid"}, HERE, "direct", ()),
]


def test_proxies_are_used_as_httpx_uses_them(fetched, proxy, direct):
    address = {"proxy": f"127.0.0.1:{proxy.port}", "port": direct.port}
    cases = [
        ({name: value.format(**address) for name, value in environment.items()}, url.format(**address))
        for environment, url, _, _ in PROXIES
    ]
    wrong = []
    for (environment, url, wanted, different), found in zip(PROXIES, fetched(*cases), strict=True):
        same = [found["ours"]] + [
            found[name] for name in ("httpx", "httpx2") if name in found and name not in different
        ]
        unlike = [found[name] for name in different if name in found]
        if set(same) != {wanted} or wanted in unlike:
            wrong.append((environment, url, wanted, found))
    assert wrong == []


def test_a_bad_proxy_url_is_an_error_and_no_direct_connection(fetched, direct):
    environments = [
        {"HTTP_PROXY": value} for value in ("socks4://127.0.0.1:9", "ftp://user:secret@127.0.0.1", "http://")
    ]
    for found in fetched(*((environment, direct.url) for environment in environments)):
        assert "HTTP_PROXY does not name a usable proxy" in found["error"]
        assert "http_client" in found["error"]
        assert "secret" not in found["error"]
    (found,) = fetched(({"ALL_PROXY": "http://user:secret@127.0.0.1:9"}, direct.url))
    assert "through the proxy that ALL_PROXY names" in found["error"]
    assert "secret" not in found["error"]
    assert direct.connections == 0


def test_the_user_of_a_proxy_is_sent_as_httpx_sends_it(fetched, proxy):
    for user in ("user:p%40ss", "user", "user:"):
        proxy.requests.clear()
        (found,) = fetched(({"HTTP_PROXY": f"http://{user}@127.0.0.1:{proxy.port}"}, NAME))
        assert found["ours"] == "proxy"
        sent = [request.headers["proxy-authorization"] for request in proxy.requests]
        assert len(set(sent)) == 1, (user, sent)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_resolves_the_host(scheme, fetched, new_endpoint, reply, pair):
    asked = []
    keys = reply(200, json.dumps({"keys": [pair.jwk("socks")]}))

    def serve(_endpoint, connection):
        """RFC 1928, with a user as RFC 1929 has it."""
        version, methods = connection.recv(1)[0], connection.recv(1)[0]
        assert (version, 2 in connection.recv(methods)) == (5, True)
        connection.sendall(b"\x05\x02")
        connection.recv(1)
        user = connection.recv(connection.recv(1)[0])
        password = connection.recv(connection.recv(1)[0])
        connection.sendall(b"\x01\x00")
        kind = connection.recv(4)[3]
        host = connection.recv(connection.recv(1)[0])
        asked.append((user, password, kind, host, int.from_bytes(connection.recv(2), "big")))
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        connection.recv(65_536)
        connection.sendall(keys)

    proxy = new_endpoint()
    proxy.serve = serve
    (found,) = fetched(({"ALL_PROXY": f"{scheme}://user:p%40ss@127.0.0.1:{proxy.port}"}, WITH_PORT))
    assert found["ours"] == "socks"
    assert asked[0] == (b"user", b"p@ss", 3, b"keys.invalid", 81)


def conf(*lines):
    """The extensions of a self-signed certificate of version 3."""
    return "\n".join(["[req]", "distinguished_name=dn", "x509_extensions=x", "[dn]", "[x]", *lines])


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
SELF_SIGNED = ["req", "-x509", *NEW_KEY, "-days", "2"]
NAMED = "subjectAltName=DNS:localhost"
# What a certificate is made of, and whether it is taken for localhost where it is itself what SSL_CERT_FILE names.
OWN = {
    "an authority's": (None, "localhost", (NAMED,), True),
    "no alternative name": (None, "localhost", (), True),
    "no alternative name, in capitals": (None, "LOCALHOST", (), True),
    "no alternative name, and another name": (None, "other", (), False),
    "another alternative name": (None, "localhost", ("subjectAltName=DNS:other",), False),
    "an address as alternative name": (None, "localhost", ("subjectAltName=IP:127.0.0.1",), True),
    "no authority's": (conf("basicConstraints=CA:FALSE", NAMED), "localhost", (), True),
    "no word of it": (conf(NAMED), "localhost", (), True),
    "to sign with": (conf("keyUsage=digitalSignature,keyEncipherment", NAMED), "localhost", (), True),
    "to issue with": (conf("basicConstraints=CA:TRUE", "keyUsage=keyCertSign,cRLSign", NAMED), "localhost", (), False),
    "for servers": (conf("extendedKeyUsage=serverAuth", NAMED), "localhost", (), True),
    "for clients": (conf("extendedKeyUsage=clientAuth", NAMED), "localhost", (), False),
    "for anything": (conf("extendedKeyUsage=anyExtendedKeyUsage", NAMED), "localhost", (), False),
    "for clients, by Netscape": (conf("nsCertType=client", NAMED), "localhost", (), False),
    "an unknown critical extension": (conf("1.2.3.4=critical,DER:0500", NAMED), "localhost", (), False),
    "critical policies": (conf("certificatePolicies=critical,1.2.3.4", NAMED), "localhost", (), True),
}


class Authority:
    """Makes certificates with OpenSSL, as operators do."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def own(self, name, settings, common_name, extensions):
        more = [argument for extension in extensions for argument in ("-addext", extension)]
        if settings is not None:
            (self.folder / "settings").write_text(settings)
            more += ["-config", "settings"]
        self.run(*SELF_SIGNED, "-subj", f"/CN={common_name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *more)

    def issued(self, name, common_name, *, issuer=None, extensions=None):
        """Of version 1 where there are no extensions; self-signed where there is no issuer."""
        key, request = f"{name}.key", f"{name}.request"
        self.run("req", *NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={common_name}")
        signing = ["-signkey", key] if issuer is None else ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"]
        if extensions is not None:
            (self.folder / "extensions").write_text(extensions)
            signing += ["-extfile", "extensions"]
        self.run("x509", "-req", "-in", request, "-set_serial", "7", "-days", "2", "-out", f"{name}.pem", *signing)

    def context(self, name, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        context.maximum_version = version or ssl.TLSVersion.MAXIMUM_SUPPORTED
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(new_endpoint, authority, pair):
    """Serve keys with one of the certificates, and trust another: a case for ``fetched``."""

    def serve(name, trusted=None, host="localhost", version=None):
        endpoint = new_endpoint(authority.context(name, version))
        endpoint.publish({"direct": pair})
        return (
            {"SSL_CERT_FILE": str(authority.folder / f"{trusted or name}.pem")},
            f"https://{host}:{endpoint.port}/jwks",
        )

    return serve


def differing(wanted, found, stricter=()):
    """The cases where an answer is another than wanted; ``stricter`` are those that Python 3.13 and later refuse."""
    strict = stricter if sys.version_info >= (3, 13) else ()
    return {
        name: answer
        for (name, is_taken), answer in zip(wanted.items(), found, strict=True)
        for who in {"ours", "httpx", "httpx2"} & answer.keys()
        if answer[who] != ("direct" if is_taken and (who == "ours" or name not in strict) else "nothing")
    }


def test_ssl_cert_file_is_read_as_openssl_reads_it(fetched, server, authority):
    for name, (settings, common_name, extensions, _) in OWN.items():
        authority.own(name, settings, common_name, extensions)
    wanted = {name: is_taken for name, (_, _, _, is_taken) in OWN.items()}
    assert differing(wanted, fetched(*map(server, OWN))) == {}
    # No address is looked for among common names.
    authority.own("address", None, "127.0.0.1", ())
    wanted = {"address": False, "an address as alternative name": True}
    assert differing(wanted, fetched(*(server(name, host="127.0.0.1") for name in wanted))) == {}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_version_1_in_ssl_cert_file_is_accepted(version, fetched, server, authority):
    authority.issued("v1", "localhost")
    authority.issued("v1 of another", "other")
    authority.issued("v1 again", "localhost")
    cases = [
        server("v1", version=version),
        server("v1 of another", version=version),
        server("v1", "v1 again", version=version),
    ]
    wanted = {"v1": True, "v1 of another": False, "not the one that was named": False}
    assert differing(wanted, fetched(*cases), stricter={"v1"}) == {}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_private_authority_may_issue_by_common_name(version, fetched, server, authority):
    authority.own("root", None, "authority", ())
    authority.own("namesake", None, "authority", ())
    authority.own("constrained", None, "authority", ("nameConstraints=critical,permitted;DNS:elsewhere.example",))
    authority.issued("plain", "localhost", issuer="root")
    authority.issued("extended", "localhost", issuer="root", extensions="basicConstraints=CA:FALSE")
    authority.issued("other", "elsewhere.example", issuer="root")
    authority.issued("clients", "localhost", issuer="root", extensions="extendedKeyUsage=clientAuth")
    authority.issued("outside", "localhost", issuer="constrained", extensions="basicConstraints=CA:FALSE")
    authority.issued("outside v1", "localhost", issuer="constrained")
    wanted = {"plain": True, "extended": True, "other": False, "clients": False}
    taken = {"plain", "extended"}
    assert differing(wanted, fetched(*(server(name, "root", version=version) for name in wanted)), stricter=taken) == {}
    # The same name, and another key.
    wanted = {"plain": False, "extended": False}
    assert differing(wanted, fetched(*(server(name, "namesake", version=version) for name in wanted))) == {}
    # OpenSSL holds no common name of one label against name constraints.
    found = fetched(*(server(name, "constrained", version=version) for name in ("outside", "outside v1")))
    assert [answer["ours"] for answer in found] == ["nothing", "nothing"]


def test_a_certificate_variable_without_certificates_is_an_error(tmp_path, fetched, direct):
    (tmp_path / "empty.pem").write_text("")
    url = direct.url.replace("http:", "https:")
    cases = {
        "the file that SSL_CERT_FILE names cannot be read": {"SSL_CERT_FILE": str(tmp_path / "absent.pem")},
        "the file that SSL_CERT_FILE names holds no PEM certificate": {"SSL_CERT_FILE": str(tmp_path / "empty.pem")},
        "the folder that SSL_CERT_DIR names cannot be read": {"SSL_CERT_DIR": str(tmp_path / "absent")},
    }
    for wanted, found in zip(cases, fetched(*((environment, url) for environment in cases.values())), strict=True):
        assert wanted in found["error"]


def test_an_empty_certificate_variable_is_ignored_and_ssl_cert_file_comes_first(tmp_path, fetched, server, authority):
    authority.own("mine", None, "localhost", (NAMED,))
    authority.own("theirs", None, "localhost", (NAMED,))
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "mine.pem").write_bytes((authority.folder / "mine.pem").read_bytes())
    authority.run("rehash", str(folder))
    _, url = server("mine")
    theirs = str(authority.folder / "theirs.pem")
    cases = [
        ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": str(folder)}, url),
        ({"SSL_CERT_DIR": str(folder)}, url),
        ({"SSL_CERT_FILE": theirs, "SSL_CERT_DIR": str(folder)}, url),
    ]
    wanted = {"an empty file": True, "a folder": True, "a file and a folder": False}
    assert differing(wanted, fetched(*cases)) == {}
