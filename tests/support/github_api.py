"""GitHub's API on this machine, over TLS, as far as FastMCP's verifier asks it."""

import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Handler(BaseHTTPRequestHandler):
    """GitHub's API as far as FastMCP asks it: a good token is the name of its user."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1
        self.server.open += 1

    def finish(self):
        self.server.open -= 1
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers))
        if server.hang_up is not None and server.hang_up(len(server.requests)):
            self.close_connection = True
            return
        time.sleep(server.delay)
        token = self.headers["authorization"].removeprefix("Bearer ")
        body = json.dumps({"id": token, "login": token}).encode()
        self.send_response(401 if token == "bad" else 200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-oauth-scopes", "user, repo")
        self.send_header("set-cookie", f"session-{len(server.requests)}={token}; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def certificate(folder, name):
    """Make a certificate of its own, and give its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths[1].write_bytes(private)
    return paths


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"https://127.0.0.1:{self.server_port}"
        self.requests, self.connections, self.open = [], 0, 0
        self.delay, self.hang_up = 0, None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_):
        """Say nothing of a client that goes away."""
