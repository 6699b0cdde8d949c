"""Whatever an endpoint does, good tokens of known keys pass, nothing hangs, and the cause has a name."""

import asyncio
import gzip
import json
import time

import httpx
import pytest
from faults import closes_at_once, hangs, speaks_no_http, trickles

from fastmcp_rs.auth import JWTVerifier


def set_of(jwks):
    return json.dumps({"keys": jwks})


def drops_mid_body(_endpoint, connection, _request):
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"keys":[')


def never_ends(endpoint, connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while not endpoint.closing.is_set():
        connection.sendall(chunk)


def announces_2_gigabytes(endpoint, connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2147483648\r\n\r\n" + b" " * 1_100_000)
    endpoint.closing.wait(15)


def hangs_in_the_body(endpoint, connection, _request):
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"keys":[')
    endpoint.closing.wait(15)


SLOW = (hangs, hangs_in_the_body, trickles)


@pytest.fixture
def faults(reply, other):
    """Answers that end at once, each with what names their cause."""
    key = other.jwk("b")
    whole = set_of([key])
    unusable = "not a usable JWK Set"
    return {
        "500": (reply(500, whole), "status 500"),
        "404": (reply(404, whole), "status 404"),
        "304 unasked": (reply(304), "status 304"),
        "HTML": (reply(200, "<!doctype html><title>Sign in</title>", content_type="text/html"), unusable),
        "10 MB": (reply(200, whole + " " * 10_000_000), "larger than is read"),
        "chunked without end": (never_ends, "larger than is read"),
        "2 GB announced": (announces_2_gigabytes, "larger than is read"),
        "dropped mid-body": (drops_mid_body, "broke"),
        "closed at once": (closes_at_once, "broke"),
        "no HTTP": (speaks_no_http, "broke"),
        "gzip, cut": (reply(200, gzip.compress(whole.encode())[:-1], content_encoding="gzip"), "not the gzip"),
        "gzip bomb": (reply(200, gzip.compress(b" " * 10_000_000), content_encoding="gzip"), "larger than is read"),
        "brotli": (reply(200, whole, content_encoding="br"), "compressed its answer with br"),
        "truncated": (reply(200, whole[:-5]), unusable),
        "empty body": (reply(200), unusable),
        "bare array": (reply(200, f"[{json.dumps(key)}]"), unusable),
        "keys null": (reply(200, '{"keys":null}'), 'no array "keys"'),
        "empty set": (reply(200, set_of([])), "no key of it"),
        "no usable key": (reply(200, set_of([{"kty": "new"}, {**key, "use": "enc"}])), "no key of it"),
        "1001 keys": (reply(200, set_of([key] * 1001)), "more than 1000 keys"),
        **{
            f"redirect {status}": (reply(status, whole, location="/elsewhere"), f"redirect ({status})")
            for status in (301, 302, 303, 307, 308)
        },
    }


NAMES = (
    *("500", "404", "304 unasked", "HTML", "10 MB", "chunked without end", "2 GB announced", "dropped mid-body"),
    *(
        "closed at once",
        "no HTTP",
        "gzip, cut",
        "gzip bomb",
        "brotli",
        "truncated",
        "empty body",
        "bare array",
        "keys null",
        "empty set",
        "no usable key",
    ),
    *("1001 keys", *(f"redirect {status}" for status in (301, 302, 303, 307, 308))),
)


def test_every_fault_is_tried(faults):
    assert tuple(faults) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_h2_cve_2026_48524_known_keys_pass_while_refreshes_fail(
    name, faults, endpoint, verifier_of, verdict, good, unknown, key_log
):
    endpoint.routes["/elsewhere"] = endpoint.answer
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)

    async def checks():
        await verifier.warm_up()
        endpoint.answer, cause = faults[name]
        assert await verdict(verifier, unknown) is None
        assert cause in verifier.keys()["last_error"]
        for _ in range(3):
            assert await verdict(verifier, good) is True
            assert await verdict(verifier, unknown) is None
        return cause

    cause = asyncio.run(checks())
    assert [request.target for request in endpoint.requests] == ["/jwks", "/jwks"]
    logged = key_log(1)
    assert len(logged) == 1, logged
    assert cause in logged[0]
    assert endpoint.url in logged[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_cold_start_is_unavailable(name, faults, endpoint, verifier_of, verdict, good, request_with, reasons):
    endpoint.answer, cause = faults[name]
    verifier = verifier_of(endpoint)

    async def checks():
        assert await verdict(verifier, good) is None
        assert await verifier.authenticate(request_with(good)) is None

    asyncio.run(checks())
    assert cause in verifier.keys()["last_error"]
    assert reasons() == ["keys_unavailable", "keys_unavailable"]
    assert len(endpoint.requests) == 1


def test_a_cold_start_recovers_after_a_second(
    faults, new_endpoint, verifier_of, verdict, verdict_after_pause, pair, good
):
    async def recovers(fault):
        endpoint = new_endpoint()
        endpoint.answer = fault
        verifier = verifier_of(endpoint)
        assert await verdict(verifier, good) is None
        endpoint.publish({"a": pair})
        assert await verdict_after_pause(verifier, good) is True
        assert verifier.keys()["last_error"] is None
        assert len(endpoint.requests) == 2

    async def all_of_them():
        await asyncio.gather(*(recovers(fault) for fault, _ in faults.values()))

    asyncio.run(all_of_them())


@pytest.mark.parametrize("fault", SLOW)
def test_a_token_of_a_known_key_does_not_wait_for_a_slow_refresh(
    fault, endpoint, eventually, verifier_of, verdict, good, unknown
):
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)

    async def checks():
        await verifier.warm_up()
        endpoint.answer = fault
        waiting = asyncio.create_task(verdict(verifier, unknown))
        await asyncio.to_thread(eventually, lambda: len(endpoint.requests) == 2)
        for _ in range(100):
            start = time.monotonic()
            assert await verdict(verifier, good) is True
            assert time.monotonic() - start < 0.2
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(checks())


def test_slow_answers_end_at_the_total_timeout(new_endpoint, verifier_of, verdict, good):
    async def gives_up(fault):
        endpoint = new_endpoint()
        endpoint.answer = fault
        verifier = verifier_of(endpoint)
        start = time.monotonic()
        assert await verdict(verifier, good) is None
        assert 9 < time.monotonic() - start < 13
        assert verifier.keys()["last_error"] == "the endpoint did not answer in time"

    async def all_of_them():
        await asyncio.gather(*map(gives_up, SLOW))

    asyncio.run(all_of_them())


def test_known_keys_pass_while_the_endpoint_is_down_and_new_ones_once_it_is_back(
    endpoint, verifier_of, verdict, good, unknown, key_log
):
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)

    async def checks():
        await verifier.warm_up()
        endpoint.close()
        assert await verdict(verifier, unknown) is None
        assert "no connection to the endpoint" in verifier.keys()["last_error"]
        assert await verdict(verifier, good) is True

    asyncio.run(checks())
    assert len(key_log(1)) == 1


def test_one_bad_key_among_good_is_skipped_and_logged_once(
    endpoint, pair, other, verifier_of, verdict, good, unknown, key_log
):
    verifier = verifier_of(endpoint, jwks_refresh_interval=0)
    endpoint.publish([{"kty": "EC", "kid": "bad\nkey", "crv": "P-256", "x": "AA", "y": "AA"}, pair.jwk("a")])

    async def checks():
        assert await verdict(verifier, good) is True
        assert await verdict(verifier, unknown) is False
        assert await verdict(verifier, unknown) is False

    asyncio.run(checks())
    assert len(endpoint.requests) == 3
    logged = key_log(1)
    assert len(logged) == 1
    assert "bad\\nkey" in logged[0]
    assert "\n" not in logged[0]
    assert [key["kid"] for key in verifier.keys()["keys"]] == ["a"]
    endpoint.publish({"a": pair, "b": other})
    assert asyncio.run(verdict(verifier, unknown)) is True


@pytest.mark.parametrize(
    ("keys", "cause"), [([{}] * 20_000, "more than 1000 keys"), ([{"kid": "k" * 400}] * 20_000, "larger")]
)
@pytest.mark.parametrize("own_client", [False, True])
def test_a_set_of_20_000_keys_is_refused_and_does_not_block_the_event_loop(
    own_client, keys, cause, endpoint, verifier_of, verdict, good
):
    httpx2 = pytest.importorskip("httpx2")
    endpoint.publish(keys)

    async def checks():
        client = httpx2.AsyncClient(trust_env=False) if own_client else None
        verifier = verifier_of(endpoint, http_client=client)
        waiting, longest, last = asyncio.create_task(verdict(verifier, good)), 0.0, time.monotonic()
        while not waiting.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert await waiting is None
        assert cause in verifier.keys()["last_error"]
        if client is not None:
            await client.aclose()
        return longest

    assert asyncio.run(checks()) < 1, "with FastMCP's own verifier it was three and a half seconds"


CERTIFICATES = json.dumps({"k1": "-----BEGIN CERTIFICATE-----\nMII", "k2": "-----BEGIN CERTIFICATE-----\nMII"})


@pytest.mark.parametrize("by", ["this project's client", "the caller's"])
@pytest.mark.parametrize("metadata", ["published", "absent", "silent"])
def test_the_error_for_a_set_of_certificates_names_the_jwks_uri_of_the_issuer(new_endpoint, reply, good, metadata, by):
    endpoint = new_endpoint()
    published = reply(200, json.dumps({"issuer": endpoint.base, "jwks_uri": f"{endpoint.base}/v3/jwk"}))
    of_metadata = {"published": published, "absent": reply(404), "silent": hangs}[metadata]
    places = ("openid-configuration", "oauth-authorization-server")
    endpoint.routes = {"/x509": reply(200, CERTIFICATES)} | {f"/.well-known/{place}": of_metadata for place in places}

    async def logged():
        async with httpx.AsyncClient(timeout=2) as client:
            options = {"http_client": client} if by == "the caller's" else {}
            jwks_uri, issuer = f"{endpoint.base}/x509", endpoint.base
            verifier = JWTVerifier(jwks_uri=jwks_uri, issuer=issuer, algorithm="ES256", audience="any", **options)
            explanation = await verifier.explain(good)
            return explanation.code, explanation.fix, verifier.keys()["last_error"]

    code, *texts = asyncio.run(logged())
    assert code == "keys_unavailable"
    for text in texts:
        assert "a map of certificates by key id" in text
        assert (f"give {endpoint.base}/v3/jwk" in text) == (metadata == "published")
