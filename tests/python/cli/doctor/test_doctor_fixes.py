"""What the doctor advises, followed to the letter."""

import ssl
import subprocess

import pytest
from ports import refusing_port

from fastmcp_rs.cli.doctor.keys import key_set

SELF_SIGNED = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
LOOK = """
import sys
from fastmcp_rs.cli.doctor.findings import lines
from fastmcp_rs.cli.doctor.keys import key_set
from fastmcp_rs.cli.terminal import Style
print("\\n".join(lines(next(iter(key_set(sys.argv[1], allow_http=False))), Style(sys.stdout))))
"""


@pytest.fixture
def shown(run_program, clean_environment):
    """What people see of the keys at a URL, with these variables."""
    return lambda url, **environment: run_program(LOOK, url, env=clean_environment(**environment))


@pytest.mark.parametrize("is_authority", ["TRUE", "FALSE"])
def test_the_advised_certificate_file_fixes_the_fault(tmp_path, new_endpoint, pair, shown, is_authority):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    extensions = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", f"basicConstraints=critical,CA:{is_authority}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*SELF_SIGNED, *extensions, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    endpoint = new_endpoint(context)
    endpoint.publish({"a": pair})
    before = shown(endpoint.url)
    assert "fix: SSL_CERT_FILE= a PEM file" in before
    assert "characters more" not in before
    assert "fix:" not in shown(endpoint.url, SSL_CERT_FILE=str(certificate))


def test_a_404_and_no_connection_have_different_fixes(issuer):
    nothing_there, *_ = key_set(f"{issuer.url}/nothing", allow_http=False)
    with refusing_port() as port:
        no_connection, *_ = key_set(f"http://127.0.0.1:{port}/", allow_http=False)
    assert (nothing_there.result, no_connection.result) == ("unavailable", "unavailable")
    assert nothing_there.fix.startswith("give another URL")
    assert no_connection.fix.startswith("open the URL from this machine")
