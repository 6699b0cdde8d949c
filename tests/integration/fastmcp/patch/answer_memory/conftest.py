"""What the tests of remembered answers share: the service that is asked, and ``install()`` for one test."""

import functools
import json
from importlib import import_module
from importlib.util import find_spec

import pytest
from network_verifiers import CLASSES, YES

import fastmcp_rs


@pytest.fixture(autouse=True)
def service(new_endpoint, reply, monkeypatch):
    """The one service that all verifiers ask, wherever they believe it to be."""
    endpoint = new_endpoint()
    endpoint.answer = reply(200, json.dumps(YES), x_oauth_scopes="openid, user")
    for name in filter(find_spec, ("httpx", "httpx2")):
        http = import_module(name)
        transport = http.AsyncHTTPTransport
        sent = transport.handle_async_request

        async def handled(self, request, sent=sent):
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=endpoint.port)
            return await sent(self, request)

        monkeypatch.setattr(transport, "handle_async_request", handled)
    return endpoint


@pytest.fixture
def remember():
    """Install with these options, for one test."""
    yield functools.partial(fastmcp_rs.install)
    fastmcp_rs.uninstall()


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param
