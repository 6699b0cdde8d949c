"""Proofs of possession (RFC 9449) over real HTTP, on every FastMCP line: each fault, and its response."""

import json
import secrets
import threading

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

CLIENT = KeyPair.generate("ES256")
OTHER = KeyPair.generate("ES256")
ALGS = "ES256 ES384 ES512 EdDSA Ed25519 PS256 RS256"
NONCE_SECRET = secrets.token_bytes(32)


@pytest.fixture
def token(issuer):
    return issuer.token(cnf={"jkt": CLIENT.thumbprint()})


@pytest.fixture
def verifier(issuer):
    def making(dpop="allowed", **options):
        return JWTVerifier(public_key=issuer.public_key, **issuer.expected, dpop=dpop, **options)

    return making


def challenges(reply):
    return [value for name, value in reply.pairs if name == "www-authenticate"]


FAULTS = {
    "dpop_proof_missing": lambda _url, _token: None,
    "dpop_proof_malformed": lambda _url, _token: "garbage",
    "dpop_algorithm_not_allowed": lambda url, token: KeyPair.generate("RS512").create_dpop_proof("POST", url, token),
    "dpop_key_unusable": lambda url, token: CLIENT.create_dpop_proof("POST", url, token, additional_header={"jwk": {}}),
    "dpop_key_mismatch": lambda url, token: OTHER.create_dpop_proof("POST", url, token),
    "dpop_token_hash_mismatch": lambda url, token: CLIENT.create_dpop_proof("POST", url, token[:-1]),
    "dpop_method_mismatch": lambda url, token: CLIENT.create_dpop_proof("GET", url, token),
    "dpop_url_mismatch": lambda url, token: CLIENT.create_dpop_proof("POST", f"{url}/", token),
    "dpop_proof_expired": lambda url, token: CLIENT.create_dpop_proof("POST", url, token, issued_in_seconds=-310),
    "dpop_proof_in_future": lambda url, token: CLIENT.create_dpop_proof("POST", url, token, issued_in_seconds=310),
    "dpop_signature_invalid": lambda url, token: OTHER.create_dpop_proof(
        "POST", url, token, additional_header={"jwk": CLIENT.jwk()}
    ),
}


@pytest.mark.parametrize("dpop", ["allowed", "required"])
def test_a_bound_token_with_a_proof_opens_a_session(serve, verifier, token, dpop):
    with serve(verifier(dpop)) as server:
        proof = CLIENT.create_dpop_proof("POST", server.url, token)
        reply = server.post(f"DPoP {token}", DPoP=proof)
        assert reply.status == 200


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_proof_has_its_challenge_and_record(serve, verifier, token, reasons, fault):
    with serve(verifier()) as server:
        proof = FAULTS[fault](server.url, token)
        reply = server.post(f"DPoP {token}", **({} if proof is None else {"DPoP": proof}))
    assert reply.status == 401
    assert reasons() == [fault]
    said = json.loads(reply.body)
    assert said["error"] == "invalid_dpop_proof"
    bearer, dpop = challenges(reply)
    assert bearer == "Bearer"
    assert dpop == f'DPoP error="{said["error"]}", error_description="{said["error_description"]}", algs="{ALGS}"'
    exposed = reply.headers["access-control-expose-headers"]
    assert exposed == "WWW-Authenticate, DPoP-Nonce"


def test_of_two_requests_with_one_proof_one_is_accepted(serve, verifier, token, reasons):
    with serve(verifier()) as server:
        for _ in range(20):
            proof = CLIENT.create_dpop_proof("POST", server.url, token)
            statuses = []
            both = threading.Barrier(2)

            def send(proof=proof, statuses=statuses, both=both):
                both.wait()
                statuses.append(server.post(f"DPoP {token}", DPoP=proof).status)

            threads = [threading.Thread(target=send) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(statuses) == [200, 401]
    assert set(reasons()) == {"dpop_proof_replayed"}


@pytest.mark.parametrize(
    ("dpop", "scheme", "bound", "reason"),
    [
        ("allowed", "Bearer", False, None),
        ("allowed", "Bearer", True, "bound_token"),
        ("allowed", "DPoP", False, "unbound_token"),
        ("required", "Bearer", False, "unbound_token"),
        ("required", "Bearer", True, "bound_token"),
        ("required", "DPoP", False, "unbound_token"),
        ("off", "Bearer", False, None),
        ("off", "Bearer", True, "bound_token"),
        ("off", "DPoP", True, "missing_token"),
    ],
)
def test_bound_tokens_need_the_dpop_scheme_and_unbound_ones_bearer(
    serve, verifier, issuer, token, reasons, dpop, scheme, bound, reason
):
    sent = token if bound else issuer.token()
    with serve(verifier(dpop)) as server:
        proof = CLIENT.create_dpop_proof("POST", server.url, sent)
        reply = server.post(f"{scheme} {sent}", DPoP=proof)
    assert reply.status == (401 if reason else 200)
    # On 2.12.0 FastMCP verifies first, and bearer tokens only.
    assert set(reasons()) == ({reason} if reason else set())


def test_where_proofs_are_required_the_one_challenge_is_for_them(serve, verifier):
    with serve(verifier("required")) as server:
        reply = server.post(None)
    assert (reply.status, challenges(reply)) == (401, [f'DPoP algs="{ALGS}"'])


def test_the_line_that_begins_with_bearer_comes_first(serve, verifier):
    with serve(verifier()) as server:
        reply = server.post(None)
        bad = server.post("Bearer garbage")
    assert (reply.status, challenges(reply)) == (401, ["Bearer", f'DPoP algs="{ALGS}"'])
    assert challenges(bad)[0].startswith('Bearer error="invalid_token"')
    assert challenges(bad)[1] == f'DPoP algs="{ALGS}"'


def test_a_nonce_is_demanded_and_renewed(serve, verifier, token, reasons):
    with serve(verifier(dpop_nonce=NONCE_SECRET)) as server:
        first = server.post(f"DPoP {token}", DPoP=CLIENT.create_dpop_proof("POST", server.url, token))
        nonce = first.headers["dpop-nonce"]
        proof = CLIENT.create_dpop_proof("POST", server.url, token, nonce=nonce)
        second = server.post(f"DPoP {token}", DPoP=proof)
        third = server.post(f"DPoP {token}", DPoP=CLIENT.create_dpop_proof("POST", server.url, token, nonce="x"))
    assert (first.status, json.loads(first.body)["error"]) == (401, "use_dpop_nonce")
    assert challenges(first)[1].startswith('DPoP error="use_dpop_nonce"')
    assert (second.status, third.status) == (200, 401)
    assert second.headers["dpop-nonce"]
    assert second.headers["access-control-expose-headers"] == "WWW-Authenticate, DPoP-Nonce"
    assert reasons() == ["dpop_nonce_mismatch"] * 2
    # Another worker with the same secret.
    with serve(verifier(dpop_nonce=NONCE_SECRET)) as server:
        proof = CLIENT.create_dpop_proof("POST", server.url, token, nonce=nonce)
        assert server.post(f"DPoP {token}", DPoP=proof).status == 200


def test_a_key_with_too_many_proofs_waits(serve, verifier, issuer):
    keys = KeyPair.generate("EdDSA")
    sent = issuer.token(cnf={"jkt": keys.thumbprint()})
    provider = verifier()
    with serve(provider) as server:

        def request():
            headers = [
                (b"host", server.base_url.removeprefix("http://").encode()),
                (b"authorization", f"DPoP {sent}".encode()),
                (b"dpop", keys.create_dpop_proof("POST", server.url, sent).encode()),
            ]
            return {"method": "POST", "scheme": "http", "path": "/mcp", "query_string": b"", "headers": headers}

        fill(provider, request)
        reply = server.post(f"DPoP {sent}", DPoP=keys.create_dpop_proof("POST", server.url, sent))
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert "www-authenticate" not in reply.headers
    assert provider.stats()["unavailable"] == {"dpop_too_many_proofs": 1}


def fill(provider, request):
    import asyncio  # noqa: PLC0415 - beside its one use

    async def filling():
        for _ in range(10_000):
            assert await provider.authenticate(request()) is not None

    asyncio.run(filling())


def test_the_configured_server_url_is_the_htu(serve, verifier, token, line):
    name = "resource_server_url" if line == (2, 12, 0) else "base_url"
    with serve(verifier(**{name: "https://Public.example/api/"})) as server:
        statuses = {}
        for url in ("https://public.example:443/api/mcp", server.url, "https://public.example/mcp"):
            reply = server.post(f"DPoP {token}", DPoP=CLIENT.create_dpop_proof("POST", url, token))
            statuses[url] = reply.status
    assert list(statuses.values()) == [200, 401, 401]


def test_forwarded_headers_do_not_change_the_htu(serve, verifier, token):
    with serve(verifier()) as server:
        proof = CLIENT.create_dpop_proof("POST", "https://public.example/mcp", token)
        forwarded = {
            "X-Forwarded-Host": "public.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=public.example",
        }
        assert server.post(f"DPoP {token}", DPoP=proof, **forwarded).status == 401


@pytest.mark.parametrize("dpop", ["off", "allowed", "required"])
def test_the_metadata_names_the_dpop_algorithms(serve, verifier, issuer, line, dpop):
    name = "resource_server_url" if line == (2, 12, 0) else "base_url"
    described = {name: "https://public.example", "authorization_servers": [issuer.name]}
    with serve(verifier(dpop, **described)) as server:
        metadata = server.request("GET", "/.well-known/oauth-protected-resource/mcp")
        if metadata.status != 200:
            # Where FastMCP's older lines have it.
            metadata = server.request("GET", "/.well-known/oauth-protected-resource")
    document = json.loads(metadata.body)
    assert document.get("dpop_signing_alg_values_supported") == (None if dpop == "off" else ALGS.split())
    assert document.get("dpop_bound_access_tokens_required") == (True if dpop == "required" else None)
