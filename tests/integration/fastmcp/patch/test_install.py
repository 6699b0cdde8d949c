"""``install()`` and ``uninstall()``: what they change, in which objects, and what they leave alone."""

import asyncio
import base64
import copy
import json
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, padding, rsa
from fastmcp.server.auth.providers import jwt as providers
from fastmcp.server.auth.providers.jwt import JWTVerifier

import fastmcp_rs

LIBRARY = "authlib.jose" if hasattr(providers, "JsonWebToken") else "joserfc.jwt"


@pytest.fixture
def verifier(issuer):
    return JWTVerifier(public_key=issuer.public_key, **issuer.expected)


@pytest.fixture
def verify():
    """Ask a verifier about a token: ``verify(verifier, token)``."""
    return lambda verifier, token: asyncio.run(verifier.verify_token(token))


@pytest.fixture
def is_native(monkeypatch, verify):
    """Tell whether a verifier accepts a token without FastMCP's library, once that has accepted one."""

    def refuse(*_args, **_kwargs):
        raise providers.JoseError

    def asked(verifier, token, *, first=True):
        assert not first or verify(verifier, token) is not None
        with monkeypatch.context() as patch:
            library = sys.modules[LIBRARY]
            patch.setattr(
                *((library.JsonWebToken, "decode") if LIBRARY == "authlib.jose" else (library, "decode")), refuse
            )
            return verify(verifier, token) is not None

    return asked


def insides():
    """Everything that FastMCP's modules and classes have, as it stands."""
    modules = [sys.modules[name] for name in (providers.__name__, ISSUER_MODULE) if name in sys.modules]
    classes = [
        value for module in modules for name, value in vars(module).items() if name in {"JWTVerifier", "JWTIssuer"}
    ]
    return [dict(vars(owner)) for owner in [*modules, *classes]]


def test_existing_and_new_verifiers_are_native_until_uninstall(verifier, is_native, issuer):
    before = insides()
    token = issuer.token()
    assert not is_native(verifier, token)
    fastmcp_rs.install()
    assert is_native(verifier, token)
    assert is_native(JWTVerifier(public_key=issuer.public_key, **issuer.expected), token)
    assert insides() != before
    fastmcp_rs.uninstall()
    assert not is_native(verifier, token)
    assert insides() == before


def test_a_key_is_native_once_fastmcps_library_has_accepted_a_token_under_it(verifier, is_native, issuer):
    fastmcp_rs.install()
    assert not is_native(verifier, issuer.token(), first=False)
    assert is_native(verifier, issuer.token())
    assert is_native(verifier, issuer.token(sub="bob"), first=False)


def test_a_subclass_is_native_and_its_methods_are_called(is_native, issuer, verify):
    asked = []

    class Own(JWTVerifier):
        async def _get_verification_key(self, token):
            asked.append("key")
            return await super()._get_verification_key(token)

        def _extract_scopes(self, claims):
            asked.append("scopes")
            return [*super()._extract_scopes(claims), "own"]

        def _validate_issuer(self, issuer):
            asked.append("issuer")
            return super()._validate_issuer(issuer)

        async def load_access_token(self, token):
            asked.append("load")
            return await super().load_access_token(token)

    own = Own(public_key=issuer.public_key, **issuer.expected)
    verify(own, issuer.token())
    without, asked[:] = asked[:], []
    fastmcp_rs.install()
    assert is_native(own, issuer.token())
    assert asked == without * 2
    assert verify(own, issuer.token()).scopes == ["read", "write", "own"]


def test_attributes_changed_later_take_effect(verifier, is_native, issuer, issuers, verify):
    fastmcp_rs.install()
    assert is_native(verifier, issuer.token())
    verifier.issuer, verifier.audience, verifier.required_scopes = "https://other.example", None, ["read", "admin"]
    assert verify(verifier, issuer.token()) is None
    changed = issuer.token(iss="https://other.example", aud="x", scope="admin read")
    assert verify(verifier, changed) is not None
    verifier.public_key = issuers("PyJWT", "RS256").public_key
    assert verify(verifier, changed) is None
    assert is_native(verifier, issuers("PyJWT", "RS256").token(iss="https://other.example", scope="admin read"))


def test_install_and_uninstall_are_idempotent_and_the_last_strict_counts(verifier, is_native, issuer, verify):
    before = insides()
    for _ in range(3):
        fastmcp_rs.install()
    once = insides()
    fastmcp_rs.install(strict=False)
    assert fastmcp_rs.installed().strict is False
    fastmcp_rs.install(strict=True)
    assert fastmcp_rs.installed().strict is True
    assert [list(map(id, inside.values())) for inside in insides()] == [
        list(map(id, inside.values())) for inside in once
    ]
    assert is_native(verifier, issuer.token())
    for _ in range(3):
        fastmcp_rs.uninstall()
    assert insides() == before
    assert verify(verifier, issuer.token()) is not None


def test_installed_returns_the_state():
    off = fastmcp_rs.installed()
    assert (bool(off), off.state) == (False, "off")
    fastmcp_rs.install()
    active = fastmcp_rs.installed()
    assert (bool(active), active.state) == (True, "active")
    assert "fastmcp.server.auth.providers.jwt" in str(active)
    fastmcp_rs.uninstall()
    assert fastmcp_rs.installed() == off


@pytest.mark.parametrize("strict", [None, 1, "no", "False"])
def test_strict_is_a_bool(strict):
    with pytest.raises(ValueError, match="strict must be True or False"):
        fastmcp_rs.install(strict=strict)
    assert not fastmcp_rs.installed()


def pickled(value):
    try:
        return pickle.dumps(value)
    except Exception as error:  # noqa: BLE001 - what cannot be pickled cannot be pickled afterwards either
        return type(error)


def test_state_types_identities_and_pickles_stay_as_they_are(verifier, is_native, issuer):
    state, frozen, kind = dict(vars(verifier)), pickled(verifier), type(verifier)
    decoder = getattr(verifier, "jwt", None)
    frozen_decoder = pickled(decoder)
    fastmcp_rs.install()
    assert is_native(verifier, issuer.token())
    assert {name: vars(verifier)[name] for name in state} == state
    assert (type(verifier), isinstance(verifier, JWTVerifier)) == (kind, True)
    assert pickled(verifier) == frozen
    shown = getattr(verifier, "jwt", None)
    assert shown is getattr(verifier, "jwt", None)
    assert isinstance(shown, type(decoder))
    assert pickled(shown) == frozen_decoder
    assert is_native(copy.copy(verifier), issuer.token())
    if decoder is not None:
        # An attribute that FastMCP up to 2.14 has: it can be read, set and deleted as ever.
        verifier.jwt = shown
        assert vars(verifier)["jwt"] is decoder
        del verifier.jwt
        assert not hasattr(verifier, "jwt")
        with pytest.raises(AttributeError):
            del verifier.jwt
    assert not hasattr(JWTVerifier, "jwt")


def test_fastmcps_library_can_still_be_used_through_its_module(issuer, verify):
    pair = providers.RSAKeyPair.generate()
    fastmcp_rs.install()
    token = pair.create_token(issuer=issuer.name, audience=issuer.audience)
    assert verify(JWTVerifier(public_key=pair.public_key, **issuer.expected), token) is not None
    if LIBRARY == "joserfc.jwt":
        assert providers.jwt.__name__ == "joserfc.jwt"
        assert providers.jwt.Token is sys.modules["joserfc.jwt"].Token
        assert set(dir(sys.modules["joserfc.jwt"])) <= set(dir(providers.jwt))


def test_other_calls_of_the_library_are_passed_on(secret, forge, verify):
    verifier, token = JWTVerifier(public_key=secret, algorithm="HS256"), forge({"sub": "a", "n": 1.5})
    fastmcp_rs.install()
    assert verify(verifier, token) is not None
    if LIBRARY == "authlib.jose":
        options = {"iss": {"essential": True}}
        assert verifier.jwt.decode(token, secret, claims_options=options).options == options
        return
    key = providers.jwk.import_key(secret, "oct")
    assert providers.jwk.import_key(secret, "oct", {"kid": "1"}).kid == "1"
    decoder = partial(json.JSONDecoder, parse_float=str)
    assert providers.jwt.decode(token, key, ["HS256"], decoder_cls=decoder).claims["n"] == "1.5"
    wanted = {"x": sys.modules["joserfc.registry"].HeaderParameter("x", "str", required=True)}
    with pytest.raises(providers.JoseError, match="x"):
        providers.jwt.decode(token, key, registry=providers.JWSRegistry(wanted, ["HS256"], strict_check_header=False))


def test_more_keys_than_the_cache_holds_work(verify, is_native, forge):
    fastmcp_rs.install()
    for number in range(300):
        key = f"{number} is the secret of a verifier of its own, one of many"
        one = JWTVerifier(public_key=key, algorithm="HS256")
        assert verify(one, forge({"sub": "a"}, secret=key)) is not None
        assert verify(one, forge({"sub": "a"}, secret="another")) is None
    assert is_native(one, forge({"sub": "a"}, secret=key))
    assert len(sys.modules["fastmcp_rs.patch.install"]._installer._decoder._keys) <= 256  # noqa: SLF001


def signed(key, algorithm, claims, *how):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": algorithm}, claims)]
    signature = base64.urlsafe_b64encode(key.sign(b".".join(parts), *how)).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


def test_a_private_key_is_accepted_as_by_fastmcp(issuer, verify):
    key = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    verifier = JWTVerifier(public_key=key.private_bytes(*form).decode(), **issuer.expected)
    fastmcp_rs.install()
    token = signed(key, "RS256", issuer.claims(), padding.PKCS1v15(), hashes.SHA256())
    assert [verify(verifier, token).client_id for _ in range(2)] == ["alice"] * 2


def test_algorithms_that_fastmcp_has_from_4_on_are_native_there(line, issuer, verify, is_native):
    key = ed448.Ed448PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = key.public_key().public_bytes(*form).decode()
    fastmcp_rs.install()
    if line < (4,):
        with pytest.raises(ValueError, match="Ed448"):
            JWTVerifier(public_key=text, algorithm="Ed448", **issuer.expected)
        return
    verifier = JWTVerifier(public_key=text, algorithm="Ed448", **issuer.expected)
    token = signed(key, "Ed448", issuer.claims())
    assert verify(verifier, token).client_id == "alice"
    assert is_native(verifier, token)


def broken_issuer(patch):
    patch.setattr(import_module(ISSUER_MODULE).JWTIssuer, "verify_token", lambda _self, _token: None)


ISSUER_MODULE = "fastmcp.server.auth.jwt_issuer"
# 2.12 has none.
BROKEN_ISSUER = {"another issuer": broken_issuer} if find_spec(ISSUER_MODULE) else {}
BROKEN = {
    **BROKEN_ISSUER,
    "another decoder": lambda patch: patch.setattr(
        providers, "jwt" if LIBRARY == "joserfc.jwt" else "JsonWebToken", logging
    ),
    "no verifier": lambda patch: patch.delattr(providers, "JWTVerifier"),
    "another way to verify": lambda patch: patch.setattr(JWTVerifier, "load_access_token", lambda _self, _token: None),
    "another error": lambda patch: patch.delattr(providers, "JoseError"),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN)
def test_an_unknown_fastmcp_is_not_patched(breaks, monkeypatch, caplog):
    breaks(monkeypatch)
    before = insides()
    for _ in range(3):
        fastmcp_rs.install()
    assert insides() == before
    state = fastmcp_rs.installed()
    assert (bool(state), state.state) == (False, "unrecognised")
    assert "changed nothing" in str(state)
    warned = [record for record in caplog.records if record.name == "fastmcp_rs.install"]
    assert [record.levelno for record in warned] == [logging.WARNING]
    fastmcp_rs.uninstall()
    monkeypatch.undo()
    fastmcp_rs.install()
    assert fastmcp_rs.installed().state == "active"


def test_threads_that_install_and_uninstall_never_make_an_answer_wrong(verifier, issuer):
    good, bad = issuer.token(), issuer.token(aud="https://other.example")
    over, wrong = threading.Event(), []

    def switch():
        # A pause now and then, so that the verifying threads get their turn.
        while not over.wait(0.0005):
            fastmcp_rs.install()
            fastmcp_rs.uninstall()

    async def ask():
        for _ in range(60):
            if await verifier.verify_token(good) is None or await verifier.verify_token(bad) is not None:
                wrong.append("answer")

    threads = [threading.Thread(target=switch) for _ in range(3)]
    askers = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(3)]
    before = insides()
    for thread in [*threads, *askers]:
        thread.start()
    for thread in askers:
        thread.join()
    over.set()
    for thread in threads:
        thread.join()
    fastmcp_rs.uninstall()
    assert wrong == []
    assert insides() == before


def run(code: str) -> str:
    """Run code in a Python of its own, where nothing is imported yet."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_fastmcp_may_be_imported_later_and_is_not_imported_for_it():
    shown = run(
        """
        import sys
        import fastmcp_rs
        print("fastmcp_rs.patch" in sys.modules)
        fastmcp_rs.install()
        print({"fastmcp", "mcp", "authlib", "joserfc", "cryptography"} & set(sys.modules), fastmcp_rs.installed().state)
        from fastmcp.server.auth.providers import jwt
        loaders = {jwt.__loader__, jwt.__spec__.loader}
        print(fastmcp_rs.installed().state, len(loaders), "fastmcp_rs" in type(jwt.__loader__).__module__)
        import importlib
        importlib.reload(jwt)
        print(fastmcp_rs.installed().state, bool(fastmcp_rs.installed()))
        fastmcp_rs.uninstall()
        print([finder for finder in sys.meta_path if "fastmcp_rs" in type(finder).__module__])
        """
    )
    assert shown.splitlines() == [
        "False",
        "set() waiting",
        "active 1 False",
        "active True",
        "[]",
    ]


def test_from_3_on_a_proxy_keeps_its_store_where_install_looks_for_it(line):
    found = find_spec("fastmcp.server.auth.oauth_proxy")
    assert bool(found and found.submodule_search_locations) == (line >= (3,))
