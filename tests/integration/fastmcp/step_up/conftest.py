"""A server that steps up, and requests to it."""

from __future__ import annotations

import contextlib

import pytest
from fastmcp import FastMCP
from step_up_servers import HAS_CHECKS, TOKENS, asked_for, message

from fastmcp_rs.auth import StaticTokenVerifier

# Not a skip, which in CI is a failure: lines before 3.0 have nothing to step up for. Which lines have it is itself
# tested, so that these tests cannot silently go missing.
_NEED_CHECKS = ["test_operations_are_found.py", "test_requests_are_read.py", "test_step_up.py"]
collect_ignore = [] if HAS_CHECKS else [*_NEED_CHECKS, "test_step_up_of_other_providers.py"]


class Asked:
    """A running server, and what it answers."""

    def __init__(self, base_url, post_mcp, http_request):
        self.base_url, self._post, self._request = base_url, post_mcp, http_request

    def post(self, token, method, target, params=None, **headers):
        return self._post(self.base_url, f"Bearer {token}", message(method, target, **(params or {})), **headers)

    def send(self, token, body, path="/mcp", **headers):
        given = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._request(self.base_url, "POST", path, body, {**given, "Authorization": f"Bearer {token}"})

    def asks_for(self, token, method, target, **more):
        """The scopes that a refusal names; ``None`` where FastMCP answers."""
        answer = self.post(token, method, target, **more)
        return asked_for(answer)


@pytest.fixture
def asking(serve_app, post_mcp, http_request):
    """Serve what a function adds to a server, stateless and in JSON: ``with asking(build) as asked``."""

    @contextlib.contextmanager
    def serving(build, verifier=None, around=lambda app: app, path="/mcp", **options):
        server = FastMCP("test", auth=verifier or StaticTokenVerifier(TOKENS, required_scopes=["read"]))
        build(server)
        app = server.http_app(path=path, **{"stateless_http": True, "json_response": True, **options})
        with serve_app(lambda _: around(app)) as base_url:
            yield Asked(base_url, post_mcp, http_request)

    return serving
