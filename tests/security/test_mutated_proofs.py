"""Random and mutated proofs of possession, given to this project and to joserfc with the rules of RFC 9449.

The verdicts are equal, or a rule with a name says why not: it looks at the proof alone. ``MUTATED_PROOFS`` sets how
many there are.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import time
from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwk as joserfc_jwk
from joserfc import jws as joserfc_jws

from fastmcp_rs import _compat
from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

COUNT = int(os.environ.get("MUTATED_PROOFS", "3000"))
URL = "https://server.example/mcp"
ALGORITHMS = ["ES256", "ES384", "EdDSA", "PS256", "RS256"]
ISSUER = KeyPair.generate("ES256")
ODD = [None, True, False, "", "x", "1", [], {}, [1], ["x"], {"a": 1}, 1.5, 0, -1, 2**70, 1e300, 10**400, float("nan")]
# Forms of the URL, and of others: RFC 3986 sections 6.2.2 and 6.2.3 say which are the same.
SAME_URLS = [
    *(f"{URL}?a=b", f"{URL}#c", "HTTPS://SERVER.example/mcp", "https://server.example:443/mcp"),
    *("https://server.example:/mcp", "https://server.example/%6dcp", "https://server.example/a/../mcp"),
]
OTHER_URLS = [
    *("http://server.example/mcp", "https://server.example:8443/mcp", f"{URL}/", "https://server.example//mcp"),
    *(
        "https://server.example/MCP",
        "https://server.example.evil/mcp",
        "https://a@server.example/mcp",
        "/mcp",
        URL[:-1],
    ),
    *("https://server.example\\@evil.example/mcp", f" {URL}", f"{URL}%2F", f"{URL}\n", "server.example/mcp"),
]
HEADER_VALUES = {
    "alg": [*ODD, "none", "HS256", "RS512", "ES512", *ALGORITHMS, "es256"],
    "typ": [*ODD, "dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "JWT", "at+jwt"],
    "jwk": ODD,
    "kid": [*ODD, "k"],
    "crit": [*ODD, ["exp"], ["b64"], ["x"]],
    "b64": [True, False],
    "zip": ["DEF"],
    **{name: [*ODD, "https://evil.example"] for name in ("x5u", "jku", "x")},
}
KEY_VALUES = {
    "kty": [*ODD, "EC", "RSA", "OKP", "oct"],
    "crv": [*ODD, "P-256", "P-384", "P-521", "Ed25519", "X25519"],
    **{name: [*ODD, "AAAA", "AQAB"] for name in ("x", "y", "n", "e", "d", "k")},
    "use": [*ODD, "sig", "enc"],
    "key_ops": [*ODD, ["verify"], ["sign"], ["encrypt"]],
    "alg": [*ODD, *ALGORITHMS, "RSA-OAEP"],
    "kid": ODD,
}


def claim_values(now):
    """What claims of a proof are set to. Nothing lies within a minute of a bound, so that no clock decides."""
    return {
        "jti": [*ODD, "é", "j" * 5000, "j" * 50_000],
        "htm": [*ODD, "POST", "post", "GET", "POST ", ["POST"]],
        "htu": [*ODD, *SAME_URLS, *OTHER_URLS, [URL]],
        "iat": [*ODD, now, now - 200, now + 200, now - 400, now + 400, now + 0.5, str(now), now * 1000, [now]],
        "ath": [*ODD, "AAAA"],
        "exp": [*ODD, now - 6000],
        "nbf": [*ODD, now + 6000],
        "nonce": [*ODD, "a nonce"],
        "x": [*ODD, "é", [[[[]]]]],
    }


def part(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Client:
    """A key, with a token that is bound to it."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.now = int(time.time())
        self.claim_values = claim_values(self.now)
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}
        if algorithm in curves:
            private = ec.generate_private_key(curves[algorithm]())
        elif algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(65537, 2048)
        kind = {"ES256": "EC", "ES384": "EC", "EdDSA": "OKP"}.get(algorithm, "RSA")
        self.key = {"EC": joserfc_jwk.ECKey, "OKP": joserfc_jwk.OKPKey, "RSA": joserfc_jwk.RSAKey}[kind].import_key(
            private
        )
        self.jwk = self.key.as_dict(private=False)
        self.jwk.pop("kid", None)
        self.thumbprint = self.key.thumbprint()
        claims = {"iss": "issuer", "aud": "server", "exp": self.now + 6000, "cnf": {"jkt": self.thumbprint}}
        self.token = ISSUER.sign({"alg": "ES256"}, claims)
        self.ath = part(hashlib.sha256(self.token.encode()).digest())

    def proof(self, header, claims):
        """Sign these texts, whatever they say, by the algorithm of the key."""
        signed = f"{part(header.encode())}.{part(claims.encode())}"
        algorithm = joserfc_jws.default_registry.algorithms[self.algorithm]
        return f"{signed}.{part(algorithm.sign(signed.encode(), self.key))}"

    def parts(self, number):
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": dict(self.jwk)}
        claims = {"jti": f"j{number}", "htm": "POST", "htu": URL, "iat": self.now, "ath": self.ath}
        return header, claims


def mutated(client, number, chance):
    """A proof, and what about its text no reader of JSON would see."""
    header, claims = client.parts(number)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        of_claims = (claims, client.claim_values)
        target, values = chance.choice([(header, HEADER_VALUES), of_claims, of_claims, (header, KEY_VALUES)])
        if values is KEY_VALUES:
            if not isinstance(header.get("jwk"), dict):
                continue
            target = header["jwk"]
        name = chance.choice(sorted(values))
        if chance.random() < 0.2:
            target.pop(name, None)
        else:
            target[name] = chance.choice(values[name])
    header_text, claims_text = json.dumps(header), json.dumps(claims)
    twice = chance.random()
    if twice < 0.03:
        claims_text = f'{{"htm":"GET",{claims_text[1:]}'
    elif twice < 0.06:
        header_text = f'{{"alg":"none",{header_text[1:]}'
    elif twice < 0.08:
        header_text = header_text.replace('"jwk": {', '"jwk": {"kty":"oct",')
    proof = client.proof(header_text, claims_text)
    return chance.choice(TEXTS)(proof, chance) if chance.random() < 0.3 else proof


def _flipped(proof, chance):
    at = chance.randrange(len(proof))
    return proof[:at] + chance.choice("AaZ09-_.=+/ ,\té") + proof[at + 1 :]


TEXTS = [
    _flipped,
    _flipped,
    lambda proof, _: f"{proof}=",
    lambda proof, _: f"{proof}.",
    lambda proof, _: proof.rpartition(".")[0] + ".",
    lambda proof, _: proof.rpartition(".")[0],
    lambda proof, _: f" {proof}",
    lambda proof, _: f"{proof}, {proof}",
    lambda proof, chance: proof[: chance.randrange(len(proof))],
    lambda proof, _: proof.replace("-", "+").replace("_", "/"),
]


class Registry(joserfc_jws.JWSRegistry):
    """With bounds that keep nothing out."""

    max_header_length = max_payload_length = 100_000


def reference(client, proof, used):  # noqa: PLR0911 - each check says its name
    """The first of joserfc, and of the checks of RFC 9449 section 4.3, that refuses a proof; ``None`` for none."""
    try:
        found = joserfc_jws.extract_compact(proof.encode(), registry=Registry())
        header = found.headers()
        if not isinstance(header.get("typ"), str):
            return "type"
        if header["typ"].lower().removeprefix("application/") != "dpop+jwt":
            return "type"
        if header.get("alg") not in {*ALGORITHMS, "ES512", "Ed25519"}:
            return "algorithm"
        if not isinstance(header.get("jwk"), dict):
            return "key"
        key = joserfc_jwk.import_key(header["jwk"])
        if key.is_private or key.key_type == "oct":
            return "key"
        registry = Registry(algorithms=[header["alg"]], strict_check_header=False)
        payload = joserfc_jws.deserialize_compact(proof.encode(), key, registry=registry).payload
        claims = json.loads(payload)
    except Exception as error:  # noqa: BLE001 - whatever it says, it is a refusal
        return f"joserfc: {type(error).__name__}"
    texts = (claims.get(name) for name in ("jti", "htm", "htu"))
    if not all(isinstance(text, str) and text for text in texts):
        return "claims"
    iat = claims.get("iat")
    if isinstance(iat, bool) or not isinstance(iat, (int, float)):
        return "claims"
    checks = {
        "method": claims["htm"] == "POST",
        "URL": claims["htu"] in {URL, *SAME_URLS},
        "time": time.time() - 300 <= iat <= time.time() + 300,
        "hash": claims.get("ath") == client.ath,
        "binding": key.thumbprint() == client.thumbprint,
    }
    checks["replay"] = (client.thumbprint, claims["jti"]) not in used
    return next((name for name, holds in checks.items() if not holds), None)


def _object(text):
    return json.loads(_octets(text))


def _names_twice(text):
    twice = []

    def pairs(members):
        twice.append(len({name for name, _ in members}) < len(members))
        return dict(members)

    json.loads(_octets(text), object_pairs_hook=pairs)
    return any(twice)


def leniently(proof):
    """The rule by which a proof is taken here that joserfc refuses, or nothing."""
    header = _object(proof.split(".")[0])
    key = header["jwk"]
    if any(header.get(name, "https://evil.example") != "https://evil.example" for name in ("jku", "x5u")):
        return "a parameter that is never followed (RFC 7515 sections 4.1.2 and 4.1.5)"
    if None in key.values():
        return "a member that is null is absent"
    if key.get("key_ops") == []:
        return "no key_ops say nothing"
    if key.get("alg", header["alg"]) not in [*ALGORITHMS, "RSA-OAEP"]:
        return "an alg of a key that no registry has says nothing"
    return None


def _octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Each looks at the three parts of a proof, its header and its claims.
STRICTER = {
    "more than 8 KiB": lambda parts, _header, _claims: len(".".join(parts)) > 8192,
    "a member name twice (RFC 7515 section 4)": lambda parts, *_: any(map(_names_twice, parts[:2])),
    "another base64 (RFC 7515 section 2)": lambda parts, *_: any(part(_octets(text)) != text for text in parts),
    "no JSON (RFC 8259 section 6)": lambda parts, *_: any(b"NaN" in _octets(text) for text in parts[:2]),
    "an extension of JWS": lambda _, header, _claims: {"crit", "b64", "zip"} & header.keys(),
    "a key for something else": lambda _, header, _claims: (
        header["jwk"].get("alg") not in [None, header["alg"]]
        or header["jwk"].get("use") not in [None, "sig"]
        or header["jwk"].get("key_ops")
    ),
    "a private member": lambda _, header, _claims: {"d", "k", "p", "q", "dp", "dq", "qi", "oth"} & header["jwk"].keys(),
    "a kid that is no text": lambda _, header, _claims: (
        not isinstance(header["jwk"].get("kid", ""), str) or not isinstance(header.get("kid", ""), str)
    ),
    "a nonce that is no text": lambda _parts, _header, claims: not isinstance(claims.get("nonce", ""), str),
}


def explained(proof):
    """The rule by which a proof is refused here that joserfc takes, or nothing."""
    parts = proof.split(".")
    header, claims = map(_object, parts[:2])
    return next((rule for rule, looks_so in STRICTER.items() if looks_so(parts, header, claims)), None)


@pytest.fixture(scope="module")
def clients():
    return [Client(algorithm) for algorithm in ALGORITHMS]


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_a_proof_is_accepted_if_and_only_if_joserfc_accepts_it(clients):
    chance = random.Random(9449)  # noqa: S311 - the same proofs each time
    policy = {"issuer": "issuer", "audience": "server", _compat.server_url_parameter(): "https://server.example"}
    # Each proof is new to the verifier, whose bound on proofs of one key is not the subject here.
    verifier = JWTVerifier(public_key=ISSUER.public_key, algorithm="ES256", dpop="required", **policy)
    counts, differing, used = Counter(), [], set()

    async def accepts(client, proof):
        headers = [(b"authorization", f"DPoP {client.token}".encode()), (b"dpop", proof.encode())]
        scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": headers}
        return await verifier.authenticate(scope) is not None

    async def compare():
        for number in range(COUNT):
            client = chance.choice(clients)
            proof = mutated(client, number, chance)
            theirs, ours = reference(client, proof, used), await accepts(client, proof)
            if ours:
                used.add((client.thumbprint, _object(proof.split(".")[1])["jti"]))
            if ours == (theirs is None):
                counts["both take" if ours else f"both refuse: {theirs}"] += 1
                continue
            rule = leniently(proof) if ours else explained(proof)
            counts[rule or "differ"] += 1
            if rule is None:
                differing.append(f"{'taken' if ours else 'refused'} here, {theirs or 'taken'} there: {proof:.1000}")

    asyncio.run(compare())
    assert differing == []
    assert counts["both take"] > COUNT / 10
    for refusal in (
        "type",
        "algorithm",
        "key",
        "claims",
        "method",
        "URL",
        "time",
        "hash",
        "joserfc: BadSignatureError",
    ):
        assert counts[f"both refuse: {refusal}"] > COUNT / 1000, counts
