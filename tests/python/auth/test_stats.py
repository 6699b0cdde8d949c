"""Every decision is counted: by its provider, and for the metrics of the process."""

import asyncio
import json
import subprocess
import sys
import textwrap

import pytest

from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs._native import counts_of_process
from fastmcp_rs.auth import AccessToken, AuthProvider, JWTVerifier, StaticTokenVerifier


def ask(provider, *tokens):
    async def asked():
        for token in tokens:
            await provider.verify_token(token)
            await provider.authenticate({"headers": [(b"authorization", b"Bearer " + token.encode())]})

    asyncio.run(asked())


def test_each_decision_is_counted_by_its_reason(forge, secret):
    verifier = JWTVerifier(secret, audience="server", required_scopes=["read"], cache_size=0)
    assert verifier.stats() == {"accepted": 0, "rejected": {}, "unavailable": {}, "keys": {}, "cache": None}
    ask(verifier, forge({"aud": "server", "scope": "read"}), forge({"aud": "server"}), "garbage")
    asyncio.run(verifier.authenticate({"headers": []}))
    assert verifier.stats() == {
        "accepted": 2,
        "rejected": {"missing_token": 1, "malformed_token": 2, "insufficient_scope": 2},
        "unavailable": {},
        "keys": {},
        "cache": None,
    }


def test_decisions_that_the_log_leaves_out_are_counted(monkeypatch, records):
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter(1, lambda: 0.0))
    static = StaticTokenVerifier(["t"])
    ask(static, *["bad"] * 100)
    assert (len(records()), static.stats()["rejected"]) == (1, {"unknown_token": 200})


def test_an_exception_of_a_custom_provider_is_counted():
    class Broken(AuthProvider):
        async def authenticate(self, _request):
            raise RuntimeError("planted")

    broken = Broken()
    assert asyncio.run(broken.verify_token("t")) is None
    assert broken.stats() == {"accepted": 0, "rejected": {"custom_check_failed": 1}, "unavailable": {}}


def test_the_process_counts_what_its_providers_count(forge, secret):
    before = counts_of_process()
    one, other = JWTVerifier(secret, audience="server"), StaticTokenVerifier(["t"])
    ask(one, forge({"aud": "server"}), "garbage")
    ask(other, "t", "garbage")
    after = counts_of_process()
    assert after["accepted"] - before["accepted"] == 4
    grown = {code: count - before["rejected"].get(code, 0) for code, count in after["rejected"].items()}
    assert (grown["malformed_token"], grown["unknown_token"]) == (2, 2)


def test_a_custom_provider_is_counted_where_it_is_asked():
    class Open(AuthProvider):
        async def authenticate(self, _request):
            return AccessToken("t")

    async def app(_scope, _receive, _send):
        pass

    async def send(_message):
        pass

    provider = Open()
    (middleware,) = provider.get_middleware()
    served = middleware.cls(app, **middleware.kwargs)
    asyncio.run(served({"type": "http", "headers": []}, None, send))
    assert provider.stats()["accepted"] == 1


METRICS = """
import asyncio, json
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from fastmcp_rs.auth import JWTVerifier, RemoteAuthProvider, StaticTokenVerifier

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
static = StaticTokenVerifier(["t"])
remote = JWTVerifier(jwks_uri="http://127.0.0.1:9/jwks", audience="server")
services = [RemoteAuthProvider("http://127.0.0.1:9/verify", cache_ttl_seconds=ttl) for ttl in (60, 60, 0)]
for token in ("t", "t", "bad"):
    asyncio.run(static.verify_token(token))
try:
    asyncio.run(remote.verify_token("eyJhbGciOiJSUzI1NiJ9.e30.e30"))
except Exception as error:
    pass
for service in services:
    asyncio.run(service.authenticate({"headers": [(b"authorization", b"Bearer t")]}))
data = json.loads(reader.get_metrics_data().to_json())
scope, = data["resource_metrics"][0]["scope_metrics"]
print(json.dumps({
    metric["name"]: [[point["attributes"], point["value"]] for point in metric["data"]["data_points"]]
    for metric in scope["metrics"]
}))
"""


@pytest.fixture(scope="module")
def metrics():
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(METRICS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_opentelemetry_reads_the_counts(metrics):
    assert metrics["fastmcp_rs.auth.tokens"] == [
        [{"outcome": "accepted"}, 2],
        [{"outcome": "rejected", "reason": "unknown_token"}, 1],
        [{"outcome": "unavailable", "reason": "keys_unavailable"}, 1],
        [{"outcome": "unavailable", "reason": "remote_verifier_unavailable"}, 3],
    ]


def test_opentelemetry_reads_the_state_of_the_keys(metrics):
    source = {"source": "http://127.0.0.1:9/jwks"}
    assert metrics["fastmcp_rs.auth.keys.fetches"] == metrics["fastmcp_rs.auth.keys.failures"] == [[source, 1]]
    assert "fastmcp_rs.auth.keys.age" not in metrics, "there are no keys yet"


def test_opentelemetry_reads_what_is_remembered(metrics):
    prefix = "fastmcp_rs.auth.answers."
    of_answers = {name.removeprefix(prefix): points for name, points in metrics.items() if name.startswith(prefix)}
    counts = {"entries": 0, "bytes": 0, "hits": 0, "misses": 2, "questions": 2, "stale": 0, "store_failures": 0}
    assert of_answers == {name: [[{"provider": "RemoteAuthProvider"}, count]] for name, count in counts.items()}


def test_without_opentelemetry_counting_goes_on():
    code = """
    import sys; sys.modules["opentelemetry"] = None
    import asyncio
    from fastmcp_rs.auth import StaticTokenVerifier
    static = StaticTokenVerifier(["t"])
    asyncio.run(static.authenticate({"headers": [(b"authorization", b"Bearer t")]}))
    assert static.stats()["accepted"] == 1
    """
    hidden = textwrap.dedent(code)
    finished = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
