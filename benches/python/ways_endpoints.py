"""The servers that the ways of `ways.py` ask: an introspection endpoint, and GitHub's API as far as FastMCP asks it.

They run in a process of their own, so that their time is not counted. GitHub's answers over TLS, at once or later.
"""

import asyncio
import datetime as dt
import ipaddress
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["GOOD"]

# What ASGI gives an application.
Scope = Receive = Send = App = Any

GOOD = "gho_a-token-that-the-servers-know"


async def answer(send: Send, status: int, document: dict[str, Any], *headers: tuple[bytes, bytes]) -> None:
    """Send a document."""
    body = json.dumps(document).encode()
    length = (b"content-length", str(len(body)).encode())
    kind = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": status, "headers": [length, kind, *headers]})
    await send({"type": "http.response.body", "body": body})


async def introspection(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as RFC 7662 has it."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    active = parse_qs(body.decode()).get("token") == [GOOD]
    known = {"active": True, "client_id": "app", "sub": "alice", "scope": "read", "exp": 4_000_000_000}
    await answer(send, 200, known if active else {"active": False})


def github(delay: float) -> App:
    """Make GitHub's API, which answers so many seconds later."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(delay)
        if dict(scope["headers"]).get(b"authorization") != b"Bearer " + GOOD.encode():
            await answer(send, 401, {"message": "Bad credentials"})
        elif scope["path"] == "/user":
            await answer(send, 200, {"id": 1, "login": "alice", "name": "Alice", "email": "alice@example.com"})
        else:
            await answer(send, 200, {}, (b"x-oauth-scopes", b"read, user"))

    return app


def certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for this machine, and give its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmark")])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files[1].write_bytes(private)
    return str(files[0]), str(files[1])


async def serve(folder: Path) -> None:
    """Serve all three until the standard input ends, and print their ports and the certificate."""
    public, private = certificate(folder)
    tls = {"ssl_certfile": public, "ssl_keyfile": private}
    apps = [(introspection, {}), (github(0), tls), (github(0.05), tls)]
    servers = [
        uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_keep_alive=75, **more))
        for app, more in apps
    ]
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    ports = [server.servers[0].sockets[0].getsockname()[1] for server in servers]
    print(json.dumps({"ports": ports, "certificate": public}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
