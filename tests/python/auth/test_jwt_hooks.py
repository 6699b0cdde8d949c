"""The methods of FastMCP's JWTVerifier that its subclasses override: called here too, before the decision is final."""

import asyncio
import re
import sys
import weakref

import pytest

from fastmcp_rs._log_rate import LogRateLimiter
from fastmcp_rs.auth import JWTVerifier


class TenantIssuers(JWTVerifier):
    """A family of issuers, as providers with tenants have them."""

    def _validate_issuer(self, issuer):
        return issuer is not None and re.fullmatch(r"https://login\.example/[a-z]+", issuer)


class OrTheConfigured(JWTVerifier):
    def _validate_issuer(self, issuer):
        return super()._validate_issuer(issuer) or issuer == "other"


class RolesAsScopes(JWTVerifier):
    def _extract_scopes(self, claims):
        return [f"role:{role}" for role in claims.get("roles", [])]


class RolesBesidesScopes(JWTVerifier):
    def _extract_scopes(self, claims):
        return [*super()._extract_scopes(claims), *claims.get("roles", [])]


class IssuerMixin:
    def _validate_issuer(self, issuer):
        return issuer == "mixed in"


class MixedIn(IssuerMixin, JWTVerifier):
    pass


class HeirOfTenants(TenantIssuers):
    pass


def accepts(ask, verifier, token: str) -> bool:
    documented, fastmcp = ask(verifier, token)
    assert (documented is None) is (fastmcp is None)
    return fastmcp is not None


@pytest.mark.parametrize("issuer", [None, "configured", ["configured", "too"]])
@pytest.mark.parametrize(
    ("cls", "good", "bad"),
    [
        (TenantIssuers, ["https://login.example/acme"], ["https://login.example/", "configured", None]),
        (HeirOfTenants, ["https://login.example/acme"], ["https://login.example/ACME", "configured", None]),
        (MixedIn, ["mixed in"], ["configured", "", None]),
    ],
)
def test_the_override_decides_about_the_issuer(ask, forge, secret, cls, good, bad, issuer):
    verifier = cls(secret, audience="server", issuer=issuer)
    for iss in good:
        assert accepts(ask, verifier, forge({"aud": "server", "iss": iss}))
    for iss in bad:
        claims = {} if iss is None else {"iss": iss}
        assert not accepts(ask, verifier, forge({"aud": "server", **claims})), iss


def test_an_override_of_the_issuer_check_may_call_the_inherited_one(ask, forge, secret):
    verifier = OrTheConfigured(secret, audience="server", issuer=["configured", "too"])
    for iss, good in [("configured", True), ("too", True), ("other", True), ("evil", False), ("", False)]:
        assert accepts(ask, verifier, forge({"aud": "server", "iss": iss})) is good, iss
    verifier.issuer = "later"
    for iss, good in [("configured", False), ("later", True), ("other", True)]:
        assert accepts(ask, verifier, forge({"aud": "server", "iss": iss})) is good, iss


def test_without_an_override_the_method_answers_as_the_verifier_does(secret):
    one = JWTVerifier(secret, audience="server", issuer=["a", "b"])
    assert [one._validate_issuer(issuer) for issuer in ("a", "b", "c", "", None)] == [True, True, False, False, False]  # noqa: SLF001
    claims = {"scope": "read write", "scp": ["x"], "aud": "server", "n": object()}
    assert one._extract_scopes(claims) == ["read", "write"]  # noqa: SLF001


def test_the_override_decides_about_the_scopes(ask, forge, secret):
    verifier = RolesAsScopes(secret, audience="server", required_scopes=["role:admin"])
    documented, fastmcp = ask(verifier, forge({"aud": "server", "roles": ["admin", "user"], "scope": "read"}))
    assert documented.scope == fastmcp.scopes == ["role:admin", "role:user"]
    for claims in ({"scope": "role:admin"}, {"roles": ["user"]}, {"roles": []}, {}):
        assert not accepts(ask, verifier, forge({"aud": "server", **claims})), claims


def test_an_override_of_the_scopes_may_call_the_inherited_one(ask, forge, secret):
    verifier = RolesBesidesScopes(secret, audience="server", required_scopes=["read", "admin"])
    documented, fastmcp = ask(verifier, forge({"aud": "server", "roles": ["admin"], "scope": "read write"}))
    assert documented.scope == fastmcp.scopes == ["read", "write", "admin"]
    assert not accepts(ask, verifier, forge({"aud": "server", "roles": ["admin"]}))
    assert not accepts(ask, verifier, forge({"aud": "server", "scope": "read"}))


@pytest.mark.parametrize(
    ("answer", "scopes"),
    [(["a", "b"], ["a", "b"]), (("a",), ["a"]), ({"a"}, ["a"]), (frozenset({"a"}), ["a"]), ([], []), (None, [])],
)
def test_the_scopes_may_be_any_collection_of_texts(ask, forge, secret, answer, scopes):
    class Answers(JWTVerifier):
        def _extract_scopes(self, _claims):
            return answer

    documented, fastmcp = ask(Answers(secret, audience="server"), forge({"aud": "server"}))
    assert documented.scope == fastmcp.scopes == scopes


def test_an_override_cannot_change_the_claims(ask, forge, secret):
    class Changes(JWTVerifier):
        def _extract_scopes(self, claims):
            claims["sub"] = "root"
            claims["deep"]["n"].append(2)
            return ["read"]

    documented, fastmcp = ask(Changes(secret, audience="server"), forge({"aud": "server", "deep": {"n": [1]}}))
    assert documented.metadata == fastmcp.claims == {"aud": "server", "deep": {"n": [1]}}
    assert documented.user_id is None


def test_an_override_is_called_only_for_tokens_that_the_issuer_signed(ask, forge, secret):
    asked = []

    class Listens(JWTVerifier):
        def _validate_issuer(self, issuer):
            asked.append(issuer)
            return True

        def _extract_scopes(self, claims):
            asked.append(claims)
            return []

    verifier = Listens(secret, audience="server")
    forged = forge({"aud": "server", "iss": "evil"}, secret="another secret, which is long enough")
    for token in (forged, forge({"aud": "server", "exp": 1}), "garbage"):
        assert not accepts(ask, verifier, token)
    assert asked == []
    assert accepts(ask, verifier, forge({"aud": "server", "iss": "i"}))
    assert asked == ["i", {"aud": "server", "iss": "i"}] * 2


def raises(*_arguments):
    raise LookupError("a directory is out of reach")


async def is_a_coroutine(*_arguments):
    return True


@pytest.fixture
def raised(monkeypatch, records):
    """What the records of the log say was raised; Python's hook for exceptions without a caller gets nothing."""
    caught = []
    monkeypatch.setattr(sys, "unraisablehook", caught.append)

    def logged():
        assert caught == []
        return [(type(record.exc_info[1]), str(record.exc_info[1])) for record in records()]

    return logged


@pytest.mark.parametrize("hook", ["_validate_issuer", "_extract_scopes"])
def test_an_exception_in_an_override_refuses_the_token_and_is_logged(ask, forge, secret, records, raised, hook):
    cls = type("Raises", (JWTVerifier,), {hook: raises})
    token = forge({"aud": "server", "iss": "i", "scope": "read"})
    assert not accepts(ask, cls(secret, audience="server", issuer="i"), token)
    assert [record.reason for record in records()] == ["custom_check_failed"] * 2
    assert raised() == [(LookupError, "a directory is out of reach")] * 2
    assert [record.levelname for record in records()] == ["ERROR"] * 2
    assert accepts(ask, JWTVerifier(secret, audience="server", issuer="i"), token)


@pytest.mark.parametrize("answer", [1, b"read", {"read": True}, [1], ["read", None], NotImplemented], ids=repr)
def test_scopes_of_a_wrong_type_refuse_the_token(ask, forge, secret, records, raised, answer):
    cls = type("Wrong", (JWTVerifier,), {"_extract_scopes": lambda *_: answer})
    assert not accepts(ask, cls(secret, audience="server"), forge({"aud": "server", "scope": "read"}))
    assert [record.reason for record in records()] == ["custom_check_failed"] * 2
    assert [exception for exception, _ in raised()] == [ValueError] * 2


@pytest.mark.parametrize("hook", ["_validate_issuer", "_extract_scopes"])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_override_that_is_a_coroutine_function_refuses_the_token(ask, forge, secret, records, raised, hook):
    """A coroutine object is true: taken for an answer, it would let every issuer in."""
    cls = type("Coroutine", (JWTVerifier,), {hook: is_a_coroutine})
    assert not accepts(ask, cls(secret, audience="server"), forge({"aud": "server", "iss": "i"}))
    assert [record.reason for record in records()] == ["custom_check_failed"] * 2
    assert {exception for exception, _ in raised()} <= {TypeError, ValueError}


def test_an_override_that_raises_for_each_token_fills_no_log(forge, secret, records, monkeypatch, raised):
    monkeypatch.setattr("fastmcp_rs.auth.reporting.limiter", LogRateLimiter(10, clock=lambda: 0.0))
    cls = type("Raises", (JWTVerifier,), {"_extract_scopes": raises})
    verifier, token = cls(secret, audience="server"), forge({"aud": "server"})

    async def flood():
        for _ in range(500):
            await verifier.verify_token(token)

    asyncio.run(flood())
    assert len(records()) == len(raised()) == 10


def test_a_truthy_result_accepts_as_in_fastmcp(ask, forge, secret):
    for answer, good in [(1, True), ("no", True), (0, False), ("", False), (None, False), ([], False)]:
        cls = type("Answers", (JWTVerifier,), {"_validate_issuer": lambda *_, answer=answer: answer})
        assert accepts(ask, cls(secret, audience="server"), forge({"aud": "server"})) is good, answer


@pytest.mark.parametrize("name", ["_get_verification_key", "_get_jwks_key"])
def test_an_override_that_would_never_be_called_is_an_error_of_the_class(name):
    async def override(*_arguments):
        return "key"

    mixin = type("Mixin", (), {name: override})
    for bases, namespace in [((JWTVerifier,), {name: override}), ((mixin, JWTVerifier), {})]:
        with pytest.raises(TypeError, match=f"Custom overrides {name}.*give the key at construction"):
            type("Custom", bases, namespace)
    assert type("Custom", (JWTVerifier,), {"_other": override})


def test_an_override_may_use_what_the_verifier_is_configured_with(ask, forge, secret):
    class Reads(JWTVerifier):
        def _validate_issuer(self, issuer):
            return issuer in [f"{expected}/v2" for expected in self.issuer]

    verifier = Reads(secret, audience="server", issuer=["i"])
    assert accepts(ask, verifier, forge({"aud": "server", "iss": "i/v2"}))
    assert not accepts(ask, verifier, forge({"aud": "server", "iss": "i"}))


def test_an_override_may_change_the_settings_for_the_next_token(forge, secret):
    """The verifier holds no lock while it asks."""

    class Rotates(JWTVerifier):
        def _validate_issuer(self, issuer):
            accepted = super()._validate_issuer(issuer)
            self.issuer = "second"
            return accepted

    verifier = Rotates(secret, audience="server", issuer="first")
    token = forge({"aud": "server", "iss": "first"})
    assert asyncio.run(verifier.verify_token(token)) is not None
    assert asyncio.run(verifier.verify_token(token)) is None


@pytest.mark.parametrize("cls", [JWTVerifier, TenantIssuers, RolesAsScopes])
def test_a_verifier_and_its_keys_are_freed_with_the_last_reference(cls):
    verifier = cls("a secret of at least thirty-two bytes", audience="api")
    gone = weakref.ref(verifier)
    del verifier
    assert gone() is None
