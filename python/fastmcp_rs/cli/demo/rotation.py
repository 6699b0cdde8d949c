"""The second half of the demo: a JWK Set endpoint that rotates its keys and then stops."""

import http.server
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastmcp_rs.auth.jwt import JWTVerifier
from fastmcp_rs.cli.demo.server import initialize, protected
from fastmcp_rs.cli.demo.tokens import AUDIENCE, ISSUER, SCOPE
from fastmcp_rs.cli.serving import serving
from fastmcp_rs.testing import KeyPair

__all__ = ["rotate_and_die"]

_KEYS_LOGGER = logging.getLogger("fastmcp_rs.keys")


def rotate_and_die() -> Iterator[tuple[str, int]]:
    """Send valid tokens while keys rotate and their endpoint stops; yield what was sent, and the status."""
    old, new = KeyPair.generate("RS256"), KeyPair.generate("ES256")

    def token(keys: KeyPair, kid: str) -> str:
        return keys.create_token("alice", ISSUER, AUDIENCE, [SCOPE], kid=kid)

    # The outage is part of the demo, so its warnings are not shown.
    _KEYS_LOGGER.setLevel(logging.CRITICAL)
    published = [old.jwk("old")]
    with _publishing(published) as (url, endpoint):
        verifier = JWTVerifier(
            jwks_uri=url, algorithms=["RS256", "ES256"], issuer=ISSUER, audience=AUDIENCE, required_scopes=[SCOPE]
        )
        with serving(protected(verifier)) as port:
            yield "the first token, which makes the keys be fetched", initialize(port, token(old, "old"))
            published.append(new.jwk("new"))
            yield "a token of a key that was published this moment", initialize(port, token(new, "new"))
            endpoint.shutdown()
            endpoint.server_close()
            yield "the endpoint is gone: a token of the old key", initialize(port, token(old, "old"))
            yield "the endpoint is gone: a token of the new key", initialize(port, token(new, "new"))


@contextmanager
def _publishing(keys: list[dict[str, str]]) -> Iterator[tuple[str, http.server.ThreadingHTTPServer]]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep requests off the terminal."""

    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{endpoint.server_port}/jwks", endpoint
    finally:
        endpoint.shutdown()
        endpoint.server_close()
