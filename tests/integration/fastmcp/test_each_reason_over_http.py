"""Each reason of docs/errors.md, provoked over real HTTP on every line: its status, header, body and record."""

import base64
import json
import re
import time
import warnings
from pathlib import Path

import pytest
from ports import refusing_port

from fastmcp_rs.auth import AuthProvider, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier
from fastmcp_rs.errors import TokenVerificationError

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"
STATUSES = dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE))
ERRORS = {"400": "invalid_request", "401": "invalid_token", "403": "insufficient_scope"}
# Those that need a second header; test_dpop_over_http.py has each of them.
OF_PROOFS = {code for code in STATUSES if code.startswith("dpop_")}
# Those that are their own error code (RFC 9470).
OWN_ERRORS = {"insufficient_user_authentication"}
# The header's length is bounded by the HTTP server before anything else is.
HEADER_BYTES = 200_000


class Says(AuthProvider):
    """A user's own provider, with one fixed result."""

    def __init__(self, error=None):
        self.error = error

    async def authenticate(self, _request):
        if self.error is not None:
            raise self.error


def _encoded(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_header(issuer, **header) -> str:
    return ".".join([_encoded({"alg": "RS256", **header}), *issuer.token().split(".")[1:]])


@pytest.fixture
def unreachable():
    with refusing_port() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def case(request, issuer, issuers, new_endpoint, reply, unreachable):
    """Give a provider, and the authorization whose only fault is the reason."""
    warnings.simplefilter("ignore")
    reason = request.param

    def verifier(**options):
        return JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected, **options)

    def denying():
        provider = verifier()
        provider.deny(client_id="unknown")
        provider.deny(subject="alice")
        return provider

    def unreadable():
        raise ConnectionError("planted")

    def several(*kids):
        keys = [issuer.jwk, issuers("PyJWT", "RS256").jwk]
        return json.dumps({"keys": [{**key, "kid": kid} for key, kid in zip(keys, kids, strict=True)]})

    def remote(status, body, **options):
        endpoint = new_endpoint()
        endpoint.answer = reply(status, json.dumps(body))
        return RemoteAuthProvider(endpoint.url, **options)

    def oauth(introspection):
        return OAuthProvider(
            "id",
            "a client's secret",
            f"{unreachable}/token",
            issuer=unreachable,
            jwks_uri=f"{unreachable}/jwks",
            introspection_url=introspection,
        )

    refusing = new_endpoint()
    refusing.answer = reply(401, "{}")
    forged = issuers("PyJWT", "RS256").token()
    soon = int(time.time()) + 600
    keys = {"algorithm": "RS256", **issuer.expected}
    cases = {
        "missing_token": lambda: (verifier(), None),
        "invalid_request": lambda: (verifier(), "a, Bearer b"),
        "token_too_large": lambda: (verifier(), "a" * 70_000),
        "malformed_token": lambda: (verifier(), "garbage"),
        "unsupported_algorithm": lambda: (verifier(), _with_header(issuer, alg="none")),
        "critical_header": lambda: (verifier(), _with_header(issuer, crit=["x"], x=1)),
        "algorithm_not_allowed": lambda: (verifier(), _with_header(issuer, alg="ES256")),
        "unknown_key": lambda: (
            JWTVerifier(public_key=several("a", "b"), **keys),
            _with_header(issuer, kid="c"),
        ),
        "ambiguous_key": lambda: (JWTVerifier(public_key=several("a", "b"), **keys), _with_header(issuer)),
        "invalid_signature": lambda: (verifier(), forged),
        "malformed_claims": lambda: (verifier(), issuer.token(exp="tomorrow")),
        "wrong_type": lambda: (verifier(typ="at+jwt"), issuer.token()),
        "id_token": lambda: (verifier(), issuer.token(at_hash="x")),
        "untyped_token": lambda: (remote(200, {"active": True}, require_token_type=True), "opaque"),
        "expired": lambda: (verifier(), issuer.token(exp=1)),
        "not_yet_valid": lambda: (verifier(), issuer.token(nbf=soon)),
        "issuer_mismatch": lambda: (verifier(), issuer.token(iss="https://evil.example")),
        "audience_mismatch": lambda: (verifier(), issuer.token(aud="https://other.example")),
        "client_mismatch": lambda: (remote(200, {"active": True, "client_id": "x"}, client_id="app"), "opaque"),
        "issued_in_future": lambda: (verifier(iat_leeway=0), issuer.token(iat=soon)),
        "missing_claim": lambda: (verifier(required_claims="email"), issuer.token()),
        "claim_mismatch": lambda: (verifier(expected_claims={"tenant": ["a", "b"]}), issuer.token(tenant="c")),
        "insufficient_user_authentication": lambda: (verifier(max_age=60), issuer.token(auth_time=soon - 700)),
        "bound_token": lambda: (verifier(), issuer.token(cnf={"jkt": "x"})),
        "denied_token": lambda: (denying(), issuer.token()),
        "denylist_unavailable": lambda: (verifier(denylist=unreadable), issuer.token()),
        "certificate_bound_token": lambda: (verifier(), issuer.token(cnf={"x5t#S256": "x"})),
        "unbound_token": lambda: (verifier(dpop="required"), issuer.token()),
        "insufficient_scope": lambda: (verifier(), issuer.token(scope="write")),
        "unknown_token": lambda: (StaticTokenVerifier(["listed"]), "other"),
        "inactive_token": lambda: (remote(200, {"active": False}), "opaque"),
        "custom_check_failed": lambda: (Says(RuntimeError("planted")), "x"),
        "denied": lambda: (Says(), "x"),
        "keys_unavailable": lambda: (JWTVerifier(jwks_uri=f"{unreachable}/jwks", **issuer.expected), issuer.token()),
        "custom_check_unavailable": lambda: (Says(TokenVerificationError("down")), "x"),
        "introspection_unavailable": lambda: (oauth(f"{unreachable}/introspect"), "opaque"),
        "remote_verifier_unavailable": lambda: (remote(500, {}), "opaque"),
        "credentials_refused": lambda: (oauth(refusing.url), "opaque"),
    }
    assert cases.keys() == STATUSES.keys() - OF_PROOFS, "each reason of the page has its case"
    provider, token = cases[reason]()
    return reason, provider, None if token is None else f"Bearer {token}"


@pytest.mark.parametrize("case", sorted(STATUSES.keys() - OF_PROOFS), indirect=True)
def test_a_reason_has_its_status_header_body_and_record(case, serve, reasons, line):
    reason, provider, authorization = case
    with serve(provider, header_bytes=HEADER_BYTES) as server:
        reply = server.post(authorization)
    assert str(reply.status) == STATUSES[reason]
    # On 2.12.0 FastMCP verifies first, and whatever follows "Bearer ".
    assert reasons()[-1] == reason
    assert len(set(reasons())) == 1 or line == (2, 12, 0)
    challenge = reply.headers.get("www-authenticate")
    if reply.status == 503:
        # Keys have a time of their own.
        assert challenge is None
        assert reply.headers["retry-after"] == "5" or reason == "keys_unavailable"
        assert int(reply.headers["retry-after"]) > 0
        assert json.loads(reply.body)["error"] == "temporarily_unavailable"
    elif reason == "missing_token":
        assert ("error" in challenge, reply.body) == (False, b"")
    else:
        said = json.loads(reply.body)
        assert said["error"] == (reason if reason in OWN_ERRORS else ERRORS[STATUSES[reason]])
        scheme = "DPoP" if reason == "unbound_token" else "Bearer"
        parameters = f'error="{said["error"]}", error_description="{said["error_description"]}"'
        assert challenge.startswith(f"{scheme} {parameters}")
        assert reply.headers["content-type"] == "application/json"
        # RFC 6750 section 3.1: the scopes that are needed.
        assert ('scope="read"' in challenge) or reason != "insufficient_scope"
