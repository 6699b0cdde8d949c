"""How keys are fetched: certificates, proxies, user agent, and what ssrf_safe refuses."""

import asyncio
import ssl
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROGRAM = """
import asyncio, sys
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.errors import KeysUnavailableError
options = {"ssrf_safe": True} if "ssrf_safe" in sys.argv else {"allow_http": True}
verifier = JWTVerifier(jwks_uri=sys.argv[1], algorithm="ES256", audience="https://server.example/mcp", **options)
try:
    asyncio.run(verifier.warm_up())
except KeysUnavailableError:
    print(verifier.keys()["last_error"])
else:
    print("fetched")
"""


def certificate(folder, names=(), days=1, address="127.0.0.1"):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "endpoint of a test")])
    start = datetime.now(timezone.utc) - timedelta(days=2)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=2 + days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address)), *map(x509.DNSName, names)]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path = folder / "key.pem"
    plain = serialization.NoEncryption()
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, str(path)


@pytest.fixture
def fetched(run_program, clean_environment):
    """Fetch in a process of its own, in this environment; ``"fetched"`` or the last error."""
    return lambda url, *options, **environment: run_program(
        PROGRAM, url, *options, env=clean_environment(**environment)
    )


def test_an_untrusted_certificate_is_refused(tmp_path, new_endpoint, pair, fetched):
    endpoint = new_endpoint(certificate(tmp_path)[0])
    endpoint.publish({"a": pair})
    error = fetched(endpoint.url)
    assert "no connection to the endpoint" in error
    assert "certificate" in error
    assert endpoint.requests == []


def test_ssl_cert_file_names_the_trusted_certificates(tmp_path, new_endpoint, pair, fetched):
    context, path = certificate(tmp_path)
    endpoint = new_endpoint(context)
    endpoint.publish({"a": pair})
    assert fetched(endpoint.url, SSL_CERT_FILE=path) == "fetched"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("fault", [{"address": "127.0.0.2"}, {"days": -1}])
def test_a_trusted_certificate_must_name_the_host(fault, tmp_path, new_endpoint, pair, fetched):
    names = [f"name-{number}.example" for number in range(200)]
    context, path = certificate(tmp_path, names, **fault)
    endpoint = new_endpoint(context)
    endpoint.publish({"a": pair})
    error = fetched(endpoint.url, SSL_CERT_FILE=path)
    assert "certificate" in error
    assert len(error) < 500, "the endpoint chose these names, and an operator reads them"
    assert endpoint.requests == []


def test_a_missing_trust_store_is_named(tmp_path, endpoint, fetched):
    error = fetched(endpoint.url.replace("http:", "https:"), SSL_CERT_FILE=str(tmp_path / "absent.pem"))
    assert "the file that SSL_CERT_FILE names cannot be read" in error


def test_known_keys_pass_when_the_certificate_becomes_invalid(
    clean_environment, tmp_path, new_endpoint, pair, good, unknown
):
    context, path = certificate(tmp_path)
    endpoint = new_endpoint(context)
    endpoint.publish({"a": pair})
    program = """
import asyncio, sys
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs import _compat
url, good, unknown = sys.argv[1:]
verifier = JWTVerifier(
    jwks_uri=url, algorithm="ES256", audience="https://server.example/mcp", jwks_refresh_interval=0
)
request = lambda token: {"type": "http", "headers": [(b"authorization", b"Bearer " + token.encode())]}
async def main():
    await verifier.warm_up()
    print("warm", flush=True)
    sys.stdin.readline()
    assert await verifier.authenticate(request(unknown)) is None
    print(verifier.keys()["last_error"])
    assert await verifier.authenticate(request(good)) is not None
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, endpoint.url, good, unknown],
        env=clean_environment(SSL_CERT_FILE=path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "warm\n"
        # The endpoint continues with a certificate of another authority.
        other_folder = tmp_path / "other"
        other_folder.mkdir()
        endpoint._context = certificate(other_folder)[0]  # noqa: SLF001 - a server has no other way to change it
        error, _ = process.communicate("go\n", timeout=10)
    assert process.returncode == 0
    assert "certificate" in error


class TestProxy:
    @pytest.fixture
    def proxy(self, new_endpoint, pair):
        """Answers absolute-form requests itself, and refuses to tunnel."""
        proxy = new_endpoint()
        proxy.publish({"a": pair})
        return proxy

    def test_the_plain_fetcher_asks_the_proxy_of_the_environment(self, proxy, fetched):
        url = "http://keys.example/jwks"
        assert fetched(url, HTTP_PROXY=proxy.base, http_proxy=proxy.base) == "fetched"
        assert [(request.method, request.target) for request in proxy.requests] == [("GET", url)]

    def test_https_goes_through_a_tunnel(self, proxy, reply, fetched):
        proxy.answer = reply(403)
        error = fetched("https://keys.example/jwks", HTTPS_PROXY=proxy.base)
        assert error.startswith("no connection to the endpoint")
        assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", "keys.example:443")]

    def test_no_proxy_names_exceptions(self, proxy, endpoint, fetched):
        assert fetched(endpoint.url, http_proxy=proxy.base, NO_PROXY="127.0.0.1") == "fetched"
        assert (len(proxy.requests), len(endpoint.requests)) == (0, 1)

    def test_ssrf_safe_ignores_proxies(self, proxy, fetched):
        environment = {"HTTPS_PROXY": proxy.base, "ALL_PROXY": proxy.base, "HTTP_PROXY": proxy.base}
        error = fetched("https://localhost:1/jwks", "ssrf_safe", **environment)
        assert "not a public one" in error
        assert proxy.connections == 0


def test_the_user_agent_names_the_project_and_a_plain_answer_is_preferred(endpoint, verifier_of):
    asyncio.run(verifier_of(endpoint).warm_up())
    [request] = endpoint.requests
    assert request.method == "GET"
    assert request.headers["user-agent"].startswith("fastmcp-rs/")
    assert request.headers["accept"] == "application/jwk-set+json, application/json, */*;q=0.1"
    assert request.headers["accept-encoding"] == "identity, gzip;q=0.5, deflate;q=0.5"
    assert not {"authorization", "cookie"} & request.headers.keys()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "keys.example", "8.8.8.8"])
def test_h6_ssrf_safe_refuses_http(host, verifier_of):
    with pytest.raises(ValueError, match="https"):
        verifier_of(f"http://{host}/jwks", ssrf_safe=True, allow_http=True)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "[::]", "[::1]", "[fe80::1]", "[fd00::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost"),
    ],
)
def test_h6_cve_2026_73497_cve_2026_77242_ssrf_safe_contacts_no_private_address(
    host, endpoint, verifier_of, verdict, good
):
    verifier = verifier_of(f"https://{host}:{endpoint.port}/jwks", ssrf_safe=True)
    assert asyncio.run(verdict(verifier, good)) is None
    assert verifier.keys()["last_error"] == "the endpoint's address is not a public one (ssrf_safe)"
    assert endpoint.connections == 0


def test_ssrf_safe_shares_nothing_with_the_plain_fetcher(tmp_path, new_endpoint, verifier_of, verdict, good):
    endpoint = new_endpoint(certificate(tmp_path)[0])
    plain, safe = verifier_of(endpoint), verifier_of(endpoint, ssrf_safe=True)
    assert asyncio.run(verdict(plain, good)) is None
    assert (plain.keys()["fetches"], safe.keys()["fetches"]) == (1, 0)
    assert asyncio.run(verdict(safe, good)) is None
    assert "certificate" in plain.keys()["last_error"]
    assert "ssrf_safe" in safe.keys()["last_error"]
