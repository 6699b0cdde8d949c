"""A caller's own client fetches the keys: in its event loop, and for its verifier alone."""

import asyncio
import gzip
import json
import threading
import time
import tracemalloc
import zlib
from contextlib import asynccontextmanager

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.auth import remote_keys as waiting
from fastmcp_rs.errors import KeysUnavailableError

AUDIENCE = "https://server.example/mcp"


class Response:
    def __init__(self, status, body, **headers):
        self.status_code = status
        self.headers = headers
        self.is_stream_consumed = False
        self._body = body

    async def aiter_bytes(self):
        yield self._body

    aiter_raw = aiter_bytes


class Client:
    """As little of a client as is asked of one: ``answer`` is what it gives, or raises, or waits for."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    @asynccontextmanager
    async def stream(self, method, url, *, headers, follow_redirects):
        assert follow_redirects is False
        self.asked.append((method, url, dict(headers)))
        if isinstance(self.answer, BaseException):
            raise self.answer
        if callable(self.answer):
            yield await self.answer(url)
        else:
            yield self.answer


def verifier_with(client, url="https://keys.example/jwks", **options):
    return JWTVerifier(jwks_uri=url, http_client=client, algorithm="ES256", audience=AUDIENCE, **options)


@pytest.fixture
def jwks(pair):
    return json.dumps({"keys": [pair.jwk("a")]}).encode()


def test_httpx2_fetches_in_its_loop(endpoint, verifier_of, verdict, good, unknown):
    httpx2 = pytest.importorskip("httpx2")

    async def checks():
        async with httpx2.AsyncClient(headers={"user-agent": "mine"}, trust_env=False) as client:
            verifier = verifier_of(endpoint, http_client=client, jwks_refresh_interval=0)
            assert await asyncio.gather(*(verdict(verifier, good) for _ in range(20))) == [True] * 20
            assert len(endpoint.requests) == 1
            assert await verdict(verifier, unknown) is False
        assert client.is_closed
        assert await verdict(verifier, good) is True, "known keys need no client"
        assert await verdict(verifier, unknown) is None
        assert verifier.keys()["last_error"] == "nothing could be fetched: the http_client raised RuntimeError"
        assert await verdict(verifier, good) is True

    asyncio.run(checks())
    assert [request.headers["user-agent"] for request in endpoint.requests] == ["mine", "mine"]


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_h4_no_redirect_is_followed_whatever_the_client_does(library, endpoint, new_endpoint, reply, verifier_of, jwks):
    client_class = pytest.importorskip(library).AsyncClient
    elsewhere = new_endpoint()
    elsewhere.answer = reply(200, jwks)
    endpoint.answer = reply(302, location=elsewhere.url)

    async def checks():
        async with client_class(trust_env=False, follow_redirects=True) as client:
            with pytest.raises(KeysUnavailableError, match="a redirect"):
                await verifier_of(endpoint, http_client=client).warm_up()

    asyncio.run(checks())
    assert len(endpoint.requests) == 1
    assert elsewhere.requests == []


def test_a_verifier_with_http_client_shares_no_keys(endpoint, verifier_of, verdict, good):
    httpx2 = pytest.importorskip("httpx2")

    async def checks():
        async with httpx2.AsyncClient(trust_env=False) as client:
            options = ({}, {"http_client": client}, {"http_client": client}, {})
            verifiers = [verifier_of(endpoint, **option) for option in options]
            assert [await verdict(verifier, good) for verifier in verifiers] == [True] * 4

    asyncio.run(checks())
    assert len(endpoint.requests) == 3, "two with a client of their own, and one for the others"


def test_the_request_is_a_get_with_accept_and_conditional_headers(jwks, verdict, good, unknown):
    client = Client(Response(200, jwks, etag='"v1"', **{"cache-control": "max-age=60"}))
    verifier = verifier_with(client, jwks_refresh_interval=0)

    async def checks():
        assert await verdict(verifier, good) is True
        assert verifier.keys()["next_refresh"] < 60
        client.answer = Response(304, b"")
        assert await verdict(verifier, unknown) is False
        assert await verdict(verifier, good) is True

    asyncio.run(checks())
    url = "https://keys.example/jwks"
    accept = {
        "accept": "application/jwk-set+json, application/json, */*;q=0.1",
        "accept-encoding": "identity, gzip;q=0.5, deflate;q=0.5",
    }
    assert client.asked == [("GET", url, accept), ("GET", url, {**accept, "if-none-match": '"v1"'})]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (OSError("secret text"), "the http_client raised OSError"),
        (ValueError("secret text"), "the http_client raised ValueError"),
        (asyncio.TimeoutError(), "did not answer in time"),
        (asyncio.CancelledError(), "was cancelled"),
        (Response(503, b""), "status 503"),
        (Response(304, b""), "status 304"),
        (Response(302, b""), "redirect (302)"),
        (Response(200, b"<html>"), "not a usable JWK Set"),
        (Response(200, b"", **{"content-encoding": "br"}), "compressed its answer with br"),
        (Response(200, b'{"keys":[]}'), "no key of it"),
        (Response(200, b" " * (1024 * 1024 + 1)), "larger than is read"),
        (object(), "the http_client raised"),
    ],
)
def test_a_failed_fetch_is_named_and_leaves_the_known_keys(answer, cause, jwks, verdict, good, unknown):
    client = Client(answer)
    cold = verifier_with(client)
    assert asyncio.run(verdict(cold, good)) is None
    assert cause in cold.keys()["last_error"]
    assert "secret text" not in cold.keys()["last_error"]
    client.answer = Response(200, jwks)
    warm = verifier_with(client, jwks_refresh_interval=0)

    async def checks():
        await warm.warm_up()
        client.answer = answer
        assert await verdict(warm, unknown) is None
        assert cause in warm.keys()["last_error"]
        assert await verdict(warm, good) is True

    asyncio.run(checks())


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_g5_a_compressed_body_is_inflated_within_the_bound(library, endpoint, reply, pair, verifier_of, verdict, good):
    client_class = pytest.importorskip(library).AsyncClient
    jwks = json.dumps({"keys": [pair.jwk("a")]}).encode()
    # Less than a network packet's worth of each megabyte; the whole is what a set may be many times over.
    bomb = gzip.compress(jwks + b" " * 100_000_000)

    async def checks():
        async with client_class(trust_env=False) as client:
            for body, coding in ((gzip.compress(jwks), "gzip"), (zlib.compress(jwks), "deflate"), (jwks, "utf-8")):
                endpoint.answer = reply(200, body, content_encoding=coding)
                assert await verdict(verifier_of(f"{endpoint.url}?{coding}", http_client=client), good) is True, coding
            endpoint.answer = reply(200, bomb, content_encoding="gzip")
            verifier = verifier_of(endpoint, http_client=client)
            tracemalloc.start()
            assert await verdict(verifier, good) is None
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
            tracemalloc.stop()
            assert "larger than is read" in verifier.keys()["last_error"]
            # No page of an error is read, however it is encoded.
            endpoint.answer = reply(404, bomb, content_encoding="gzip")
            verifier = verifier_of(endpoint, http_client=client)
            assert await verdict(verifier, good) is None
            assert "status 404" in verifier.keys()["last_error"]

    asyncio.run(checks())


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_a_body_that_the_client_has_read_is_used(library, pair, verdict, good):
    library = pytest.importorskip(library)
    body = gzip.compress(json.dumps({"keys": [pair.jwk("a")]}).encode())

    def answer(_request):
        return library.Response(200, content=body, headers={"content-encoding": "gzip"})

    async def checks():
        async with library.AsyncClient(transport=library.MockTransport(answer)) as client:
            assert await verdict(verifier_with(client), good) is True

    asyncio.run(checks())


def test_without_a_running_loop_there_is_no_fetch(jwks, verdict_after_pause, good):
    client = Client(Response(200, jwks))
    verifier = verifier_with(client)
    assert verifier._remote.request() == "pending"  # noqa: SLF001 - known to fail only once it is asked again
    assert verifier.keys()["last_error"] == "nothing could be fetched: no event loop is running for the http_client"
    assert client.asked == []
    assert asyncio.run(verdict_after_pause(verifier, good)) is True


def test_a_fetch_goes_on_when_its_caller_is_cancelled(jwks, verdict, good, until):
    async def checks():
        may_answer = asyncio.Event()

        async def late(_url):
            await may_answer.wait()
            return Response(200, jwks)

        client = Client(late)
        verifier = verifier_with(client)
        callers = [asyncio.create_task(verdict(verifier, good)) for _ in range(10)]
        await until(lambda: client.asked)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        may_answer.set()
        assert await verdict(verifier, good) is True
        assert len(client.asked) == 1

    asyncio.run(checks())


def test_an_event_loop_that_ends_during_a_fetch_is_a_failed_fetch(verdict, good):
    async def never(_url):
        await asyncio.Event().wait()

    verifier = verifier_with(Client(never))

    async def gives_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verdict(verifier, good), 0.1)

    asyncio.run(gives_up())
    assert verifier.keys()["failures"] == 1
    assert "end of its event loop" in verifier.keys()["last_error"]
    start = time.monotonic()
    assert asyncio.run(verdict(verifier, good)) is None
    assert time.monotonic() - start < 1


def test_a_loop_that_was_stopped_during_a_fetch_blocks_no_caller(verdict, good, monkeypatch, until):
    monkeypatch.setattr(waiting, "_LONGEST_WAIT_SECONDS", 0.2)
    stopped = threading.Event()

    async def never(_url):
        stopped.set()
        await asyncio.Event().wait()

    verifier = verifier_with(Client(never))
    loop = asyncio.new_event_loop()
    loop.create_task(verdict(verifier, good))  # noqa: RUF006 - it ends with its loop, which is what is tested
    loop.run_until_complete(until(stopped.is_set))
    assert asyncio.run(verdict(verifier, good)) is None
    ended = asyncio.all_tasks(loop)
    for task in ended:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*ended, return_exceptions=True))
    loop.close()


def test_a_loop_that_was_closed_during_a_fetch_blocks_no_caller(jwks, verdict, verdict_after_pause, good, until):
    async def never(_url):
        await asyncio.Event().wait()

    client = Client(never)
    verifier = verifier_with(client)
    loop = asyncio.new_event_loop()
    caller = loop.create_task(verdict(verifier, good))
    loop.run_until_complete(until(lambda: client.asked))
    # What a loop that is closed with work left says of it is its own.
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # noqa: SLF001
    loop.close()
    del caller, task
    assert len(client.asked) == 1
    assert asyncio.run(asyncio.wait_for(verdict(verifier, good), 20)) is None
    assert "event loop was closed" in verifier.keys()["last_error"]
    client.answer = Response(200, jwks)
    assert asyncio.run(verdict_after_pause(verifier, good)) is True


class TestDiscovery:
    METADATA = b'{"issuer":"https://issuer.example","jwks_uri":"https://keys.example/jwks"}'

    def served(self, jwks, **more):
        well_known = "https://issuer.example/.well-known/"
        pages = {
            f"{well_known}openid-configuration": Response(404, b""),
            f"{well_known}oauth-authorization-server": Response(200, self.METADATA),
            "https://keys.example/jwks": Response(200, jwks),
            **more,
        }

        async def page(url):
            return pages[url]

        client = Client(page)
        client.pages = pages
        return client

    def verifier(self, client):
        return JWTVerifier.from_issuer(
            "https://issuer.example", http_client=client, algorithm="ES256", audience=AUDIENCE
        )

    def test_it_finds_the_keys(self, jwks):
        client = self.served(jwks)
        verifier = self.verifier(client)
        asyncio.run(verifier.warm_up())
        assert [url for _, url, _ in client.asked] == [
            "https://issuer.example/.well-known/openid-configuration",
            "https://issuer.example/.well-known/oauth-authorization-server",
            "https://keys.example/jwks",
        ]

    @pytest.mark.parametrize("status", [204, 302, 304, 401, 500, 503])
    def test_what_is_no_metadata_leads_to_the_next_url(self, status, jwks):
        url = "https://issuer.example/.well-known/openid-configuration"
        client = self.served(jwks, **{url: Response(status, b"")})
        asyncio.run(self.verifier(client).warm_up())
        assert len(client.asked) == 3

    def test_an_exception_ends_the_search(self):
        client = Client(OSError("secret text"))
        with pytest.raises(KeysUnavailableError, match="raised OSError"):
            asyncio.run(self.verifier(client).warm_up())
        assert len(client.asked) == 1

    @pytest.mark.parametrize(
        ("metadata", "field"),
        [
            (b'{"issuer":"https://issuer.example/","jwks_uri":"https://keys.example/jwks"}', '"issuer"'),
            (b'{"issuer":"https://issuer.example","jwks_uri":"http://keys.example/jwks"}', '"jwks_uri"'),
            (b'{"issuer":"https://issuer.example"}', '"jwks_uri"'),
        ],
    )
    def test_bad_metadata_names_the_field(self, metadata, field, jwks):
        url = "https://issuer.example/.well-known/openid-configuration"
        client = self.served(jwks, **{url: Response(200, metadata)})
        with pytest.raises(KeysUnavailableError, match=field):
            asyncio.run(self.verifier(client).warm_up())
        assert len(client.asked) == 1

    @pytest.mark.parametrize(("status", "message"), [(404, "status 404"), (503, "status 503"), (301, "redirect")])
    def test_no_metadata_anywhere(self, status, message, jwks):
        url = "https://issuer.example/.well-known/oauth-authorization-server"
        client = self.served(jwks, **{url: Response(status, b"")})
        with pytest.raises(KeysUnavailableError, match=message):
            asyncio.run(self.verifier(client).warm_up())
        assert len(client.asked) == 2

    def test_an_entity_tag_stays_with_its_url(self, jwks, verdict, unknown):
        tagged = Response(200, jwks, etag='"v1"')
        client = self.served(jwks, **{"https://keys.example/jwks": tagged, "https://keys.example/moved": tagged})
        verifier = JWTVerifier.from_issuer(
            "https://issuer.example",
            http_client=client,
            algorithm="ES256",
            audience=AUDIENCE,
            jwks_refresh_interval=0,
        )

        async def checks():
            await verifier.warm_up()
            assert await verdict(verifier, unknown) is False
            metadata = Response(200, self.METADATA.replace(b"/jwks", b"/moved"))
            client.pages["https://issuer.example/.well-known/oauth-authorization-server"] = metadata
            assert await verdict(verifier, unknown) is False

        asyncio.run(checks())
        sent = [(url, headers.get("if-none-match")) for _, url, headers in client.asked if "well-known" not in url]
        jwks_uri = "https://keys.example/jwks"
        assert sent == [(jwks_uri, None), (jwks_uri, '"v1"'), ("https://keys.example/moved", None)]
