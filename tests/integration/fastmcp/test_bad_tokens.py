"""Each kind of bad token is refused over HTTP, never with a 5xx, and the log says why."""

import asyncio
import base64
import json
import time

import jwt
import pytest

from fastmcp_rs.auth import JWTVerifier

GARBAGE_BYTES = 1_000_000


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(issuer) -> str:
    return jwt.encode(issuer.claims(), None, "none")


def signed_with_the_public_key(issuer) -> str:
    # By hand, since PyJWT refuses to do that.
    signing_input = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, issuer.claims()))
    algorithm = jwt.get_algorithm_by_name("HS256")
    return f"{signing_input}.{base64url(algorithm.sign(signing_input.encode(), issuer.public_key.encode()))}"


def tampered(issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{base64url(json.dumps(issuer.claims(sub='admin')).encode())}.{signature}"


def nested(issuer) -> str:
    header = b'{"alg":"RS256","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    return ".".join([base64url(header), *issuer.token().split(".")[1:]])


BAD_TOKENS = {
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 5), "expired"),
    "not yet valid": (lambda issuer: issuer.token(nbf=int(time.time()) + 600), "not_yet_valid"),
    "wrong issuer": (lambda issuer: issuer.token(iss="https://evil.example"), "issuer_mismatch"),
    "no issuer": (lambda issuer: issuer.token(iss=None), "issuer_mismatch"),
    "wrong audience": (lambda issuer: issuer.token(aud="https://other.example"), "audience_mismatch"),
    "no audience": (lambda issuer: issuer.token(aud=None), "audience_mismatch"),
    "missing scope": (lambda issuer: issuer.token(scope="write"), "insufficient_scope"),
    "no scope": (lambda issuer: issuer.token(scope=None), "insufficient_scope"),
    "tampered": (tampered, "invalid_signature"),
    "no signature": (lambda issuer: issuer.token().rpartition(".")[0] + ".", "invalid_signature"),
    "alg none": (unsigned, "unsupported_algorithm"),
    "HS256 signed with the public key": (signed_with_the_public_key, "algorithm_not_allowed"),
    "garbage": (lambda _: "garbage", "malformed_token"),
    "dots": (lambda _: "." * 1000, "malformed_token"),
    "an expiry that is no number": (lambda issuer: issuer.token(exp="tomorrow"), "malformed_claims"),
    "a subject that is no text": (lambda issuer: issuer.token(sub=["alice"]), "malformed_claims"),
    "a header nested 20000 deep": (nested, "malformed_token"),
    "50 KB of garbage": (lambda _: "A" * 50_000, "malformed_token"),
    "1 MB of garbage": (lambda _: "A" * GARBAGE_BYTES, "token_too_large"),
    "1 MB of a token": (lambda issuer: issuer.token() + "A" * GARBAGE_BYTES, "token_too_large"),
}

# No bearer token, more than one, or an odd one; and the status (RFC 6750 section 3.1).
ODD_HEADERS = {
    "no header": (None, 401),
    "empty": ("", 401),
    "scheme alone": ("Bearer", 401),
    "scheme and space": ("Bearer ", 401),
    "scheme and spaces": ("Bearer     ", 401),
    "another scheme": ("Basic YWxpY2U6c2VjcmV0", 401),
    "two tokens": ("Bearer a.b.c, Bearer a.b.c", 400),
    "Latin-1": (b"Bearer \xe9\xff\xfe", 401),
    "UTF-8": ("Bearer Zoë".encode(), 401),
    "tab": ("Bearer a\tb", 401),
}


def status_of(reason: str) -> int:
    """RFC 6750 section 3.1: a good token that grants too little is another case than a bad one."""
    return 403 if reason == "insufficient_scope" else 401


def status_unless_hung_up(server, authorization: str) -> int | None:
    """Give the status, or ``None``: of what is no HTTP to uvicorn it does not read the rest before it hangs up."""
    try:
        return server.post(authorization).status
    except ConnectionError:
        return None


@pytest.fixture(scope="module")
def server(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    with serve(verifier, header_bytes=2 * GARBAGE_BYTES) as server:
        yield server


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_token_is_refused_and_its_reason_is_logged(name, issuer, server, reasons):
    make, reason = BAD_TOKENS[name]
    reply = server.post(f"Bearer {make(issuer)}")

    assert reply.status == status_of(reason)
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reasons() == [reason]


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_an_odd_authorization_header_is_refused(name, server):
    authorization, status = ODD_HEADERS[name]
    assert server.post(authorization).status == status


@pytest.mark.parametrize("character", ["\0", "\x01", "\x7f", "\x1f"], ids=ascii)
def test_a_control_character_in_the_header_never_gets_through(character, server):
    assert status_unless_hung_up(server, f"Bearer a{character}b") in {None, 400, 401}


def test_the_good_token_of_the_same_issuer_gets_through(issuer, server, reasons):
    assert server.status(issuer.token()) == 200
    assert reasons() == []


def test_a_bad_token_does_not_disturb_the_good_one_after_it(issuer, server):
    good = issuer.token()
    for make, reason in BAD_TOKENS.values():
        assert [server.status(token) for token in (make(issuer), good)] == [status_of(reason), 200]


def test_uvicorns_own_limit_on_headers_does_not_turn_into_a_server_error(issuer, serve):
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    with serve(verifier) as server:
        assert server.status("A" * 60_000) == 401
        assert status_unless_hung_up(server, "Bearer " + "A" * GARBAGE_BYTES) in {None, 400, 431}
        assert server.status(issuer.token()) == 200


def test_fastmcps_client_is_refused_too(issuer, server, reasons):
    # The text differs by the line, and some do not name the status.
    with pytest.raises(Exception, match=r"401|Unauthorized|error response"):
        server.call(issuer.token(exp=int(time.time()) - 5))
    assert set(reasons()) == {"expired"}


def test_the_log_says_who_was_refused_but_not_the_token(issuer, server, caplog):
    token = issuer.token(exp=int(time.time()) - 5, client_id="app-7")
    with caplog.at_level("INFO", logger="fastmcp_rs.auth"):
        server.status(token)
    [record] = [record for record in caplog.records if record.name == "fastmcp_rs.auth"]
    assert (record.client_id, record.subject) == ("app-7", "alice")
    assert all(part not in str(vars(record)) for part in token.split("."))


def test_a_missing_token_is_logged_too(issuer, server, reasons):
    assert server.status(None) == 401
    verifier = JWTVerifier(public_key=issuer.public_key, **issuer.expected)
    assert asyncio.run(verifier.authenticate({"type": "http", "headers": []})) is None
    assert reasons() == ["missing_token"] * 2
