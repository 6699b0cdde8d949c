"""What a subclass refuses is refused over HTTP, whichever of the entry points it overrides."""

import pytest
from fastmcp.server.auth.auth import AccessToken

from fastmcp_rs.auth import JWTVerifier, StaticTokenVerifier


class DenyListInAuthenticate(JWTVerifier):
    denied = frozenset({"mallory"})

    async def authenticate(self, request):
        token = await super().authenticate(request)
        return None if token is None or token.user_id in self.denied else token


class DenyListInVerifyToken(JWTVerifier):
    denied = frozenset({"mallory"})

    async def verify_token(self, token):
        verified = await super().verify_token(token)
        return None if verified is None or verified.claims["sub"] in self.denied else verified


class DenyListInLoadAccessToken(JWTVerifier):
    """FastMCP's own verifiers are often extended here."""

    denied = frozenset({"mallory"})

    async def load_access_token(self, token):
        verified = await super().load_access_token(token)
        return None if verified is None or verified.claims["sub"] in self.denied else verified


class DenyListMixin:
    denied = frozenset({"mallory"})

    async def authenticate(self, request):
        token = await super().authenticate(request)
        return None if token is None or token.user_id in self.denied else token


class DenyListByMixin(DenyListMixin, JWTVerifier):
    pass


class Derived(DenyListInAuthenticate):
    """Overrides nothing, and inherits the deny-list."""


DENY_LISTS = [
    DenyListInAuthenticate,
    DenyListInVerifyToken,
    DenyListInLoadAccessToken,
    DenyListByMixin,
    Derived,
]


@pytest.fixture(scope="module", params=DENY_LISTS, ids=lambda made: made.__name__)
def protected(request, issuer, serve):
    verifier = request.param(public_key=issuer.public_key, required_scopes=["read"], **issuer.expected)
    with serve(verifier) as server:
        yield verifier, server


def test_a_denied_user_gets_401_with_a_good_token(protected, issuer):
    _, server = protected
    assert server.status(issuer.token(sub="mallory")) == 401


def test_any_other_user_is_accepted_and_seen_by_the_tool(protected, issuer):
    _, server = protected
    token = issuer.token(client_id="app-7")
    seen = server.call(token)
    assert seen["is_fastmcps_class"]
    assert seen["token"] == token
    assert seen["client_id"] == "app-7"
    assert seen["scopes"] == ["read", "write"]
    assert seen["claims"]["sub"] == "alice"
    assert seen["expires_at"] == seen["claims"]["exp"]
    if "subject" in AccessToken.model_fields:
        assert seen["subject"] == "alice"


def test_the_resource_that_the_token_is_for_stays_known(protected, issuer):
    # The MCP library can be configured to refuse a token without it.
    _, server = protected
    assert server.call(issuer.token())["resource"] == issuer.audience


def test_an_override_of_authenticate_decides_about_the_whole_request(issuer, serve):
    class NotFromOutside(JWTVerifier):
        async def authenticate(self, request):
            return None if "x-outside" in request.headers else await super().authenticate(request)

    with serve(NotFromOutside(public_key=issuer.public_key, **issuer.expected)) as server:
        authorization = f"Bearer {issuer.token()}"
        assert server.post(authorization).status == 200
        assert server.post(authorization, x_outside="1").status == 401


def test_an_override_does_not_accept_a_bad_token(protected, issuer):
    _, server = protected
    bad = [issuer.token(exp=1), issuer.token(iss="https://evil.example"), issuer.token(scope="write"), "garbage"]
    assert [server.status(token) for token in bad] == [401, 401, 403, 401]


def test_a_user_who_is_denied_later_is_refused_at_the_next_request(protected, issuer, monkeypatch):
    verifier, server = protected
    token = issuer.token(sub="eve")
    assert server.status(token) == 200
    monkeypatch.setattr(type(verifier), "denied", frozenset({"eve"}))
    assert server.status(token) == 401


def test_an_override_that_raises_refuses_and_is_no_server_error(issuer, serve):
    class Broken(JWTVerifier):
        async def authenticate(self, _request):
            raise RuntimeError("the deny-list is out of reach")

    with serve(Broken(public_key=issuer.public_key, **issuer.expected)) as server:
        assert server.status(issuer.token()) == 401


def test_authenticate_may_return_another_access_token(issuer, serve):
    class Renaming(JWTVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            if token is None:
                return None
            return type(token)(token.token, scope=["read"], user_id=f"tenant/{token.user_id}")

    with serve(Renaming(public_key=issuer.public_key, **issuer.expected)) as server:
        seen = server.call(issuer.token())
        assert seen["client_id"] == "tenant/alice"
        assert seen["scopes"] == ["read"]


def test_scopes_that_a_subclass_extracts_are_the_ones_that_count(issuer, serve, reasons):
    class Permissions(JWTVerifier):
        def _extract_scopes(self, claims):
            return claims.get("permissions", [])

    verifier = Permissions(public_key=issuer.public_key, required_scopes=["orders:read"], **issuer.expected)
    with serve(verifier) as server:
        assert server.call(issuer.token(permissions=["orders:read", "x"]))["scopes"] == ["orders:read", "x"]
        assert server.status(issuer.token(permissions=["x"])) == 403
        # The claim that FastMCP would have read no longer grants anything.
        assert server.status(issuer.token(scope="orders:read")) == 403
        assert reasons() == ["insufficient_scope"] * 2


# The exception is shown by sys.unraisablehook, since it has no caller.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_extracting_scopes_that_raises_refuses_and_is_no_server_error(issuer, serve, reasons):
    class Broken(JWTVerifier):
        def _extract_scopes(self, claims):
            return claims["permissions"]

    with serve(Broken(public_key=issuer.public_key, **issuer.expected)) as server:
        assert server.status(issuer.token()) == 401
        assert reasons()[-1] == "custom_check_failed"


def test_an_issuer_check_of_a_subclass_decides(issuer, serve, reasons):
    class AnyTenant(JWTVerifier):
        def _validate_issuer(self, issuer):
            return str(issuer).startswith("https://issuer.example/tenants/")

    with serve(AnyTenant(public_key=issuer.public_key, **issuer.expected)) as server:
        assert server.status(issuer.token(iss="https://issuer.example/tenants/7")) == 200
        assert server.status(issuer.token()) == 401
        assert reasons() == ["issuer_mismatch"]


def test_an_override_that_refuses_static_tokens_protects_too(serve):
    class DenyList(StaticTokenVerifier):
        async def authenticate(self, request):
            token = await super().authenticate(request)
            return None if token is None or token.user_id == "mallory" else token

    tokens = {"a-token": {"user_id": "alice", "scope": ["read"]}, "m-token": {"user_id": "mallory", "scope": ["read"]}}
    with serve(DenyList(tokens)) as server:
        assert server.call("a-token")["client_id"] == "alice"
        assert server.status("m-token") == 401
