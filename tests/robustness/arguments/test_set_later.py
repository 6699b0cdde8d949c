"""What can be set after construction takes what it took there; what is refused leaves all as it was."""

import asyncio
import inspect
import json
import runpy
from pathlib import Path

import pytest

from fastmcp_rs import _compat, auth
from fastmcp_rs.auth import (
    AuthProvider,
    JWTVerifier,
    OAuthProvider,
    RemoteAuthProvider,
    StaticTokenVerifier,
)
from fastmcp_rs.testing import KeyPair

HERE = Path(__file__).parent
KINDS = runpy.run_path(str(HERE / "kinds.py"))["KINDS"]
VALUES = runpy.run_path(str(HERE / "values.py"))

SECRET = "hush-hush-secret"
PAIR = KeyPair.generate("ES256")
GOOD = {"aud": "good", "client_id": "good", "scope": "read"}
CLAIMS = {
    "issuer": "iss",
    "audience": "aud",
    **dict.fromkeys(("client_id", "allowed_client_id"), "client_id"),
    "required_scopes": "scope",
}
KIND_OF = {**dict.fromkeys(CLAIMS, "expectation"), "required_scopes": "scopes", "detailed_errors": "flag"}


class Custom(AuthProvider):
    async def authenticate(self, request):
        """Accept nothing."""


def of_a_key(_endpoint):
    verifier = JWTVerifier(
        public_key=PAIR.public_key,
        algorithm="ES256",
        required_scopes=["read"],
        **dict.fromkeys(("issuer", "audience", "client_id"), "good"),
    )
    return verifier, {"iss": "good"}, lambda claims: PAIR.sign({"alg": "ES256"}, claims)


def of_a_server(endpoint):
    endpoint.publish([PAIR.jwk()])
    provider = OAuthProvider(
        *("id", SECRET, f"{endpoint.base}/token"),
        scope="read",
        audience="good",
        allowed_client_id="good",
        issuer=endpoint.base,
        jwks_uri=endpoint.url,
    )
    return provider, {"iss": endpoint.base}, lambda claims: PAIR.sign({"alg": "ES256"}, claims)


def of_a_service(endpoint, reply):
    known = {}

    def answer(_endpoint, connection, request):
        claims = known[json.loads(request.body)["token"]]
        connection.sendall(reply(200, json.dumps({"active": True, **claims})))

    def token(claims):
        known[f"t{len(known)}"] = claims
        return f"t{len(known) - 1}"

    endpoint.answer = answer
    expected = dict.fromkeys(("audience", "client_id", "issuer"), "good")
    provider = RemoteAuthProvider(endpoint.url, **expected, required_scopes=["read"])
    return provider, {"iss": "good"}, token


def of_a_list(_endpoint):
    tokens = {scope: {"scope": [scope]} for scope in ("read", "other")}
    return StaticTokenVerifier(tokens, required_scopes=["read"]), {}, lambda claims: claims["scope"]


PROVIDERS = {
    "JWTVerifier": (of_a_key, ("issuer", "audience", "client_id", "required_scopes")),
    "OAuthProvider": (of_a_server, ("audience", "allowed_client_id", "required_scopes")),
    "RemoteAuthProvider": (of_a_service, ("issuer", "audience", "client_id", "required_scopes")),
    "StaticTokenVerifier": (of_a_list, ("required_scopes",)),
}
SETTINGS = [(name, setting) for name, (_, settings) in PROVIDERS.items() for setting in settings]


@pytest.fixture
def made(new_endpoint, reply):
    """Make a provider by the name of its class, with a token that it accepts and one with another claim."""

    def make(name, setting):
        maker = PROVIDERS[name][0]
        endpoint = new_endpoint()
        made = maker(endpoint, reply) if maker is of_a_service else maker(endpoint)
        provider, more, token = made
        claims = {**GOOD, **more}
        return provider, token(claims), token({**claims, CLAIMS[setting]: "other"})

    return make


def accepts(provider, token):
    request = {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    return asyncio.run(provider.authenticate(request)) is not None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_parameter_that_cannot_be_set_later_is_refused_by_name(made, name):
    """What FastMCP reads again and again would otherwise be shown as changed and not be."""
    settings = PROVIDERS[name][1]
    provider, good, other = made(name, settings[0])
    parameters = inspect.signature(getattr(auth, name)).parameters.keys()
    settings = {*settings, "public_key", "detailed_errors", "unavailable", "step_up", *_compat.URL_PARAMETERS}
    fixed = parameters - settings
    assert {"JWTVerifier": "jwks_uri", "StaticTokenVerifier": "tokens"}.get(name, "timeout") in fixed
    for parameter in sorted(fixed):
        before = getattr(provider, parameter, "untold")
        with pytest.raises(AttributeError, match=rf"\b{parameter}\b"):
            setattr(provider, parameter, "other")
        assert getattr(provider, parameter, "untold") == before
        assert SECRET not in str(before)
    assert (accepts(provider, good), accepts(provider, other)) == (True, False)


def test_an_attribute_can_be_set_to_the_value_that_it_has():
    class Keeping(JWTVerifier):
        def __init__(self, public_key):
            self.leeway = 5
            super().__init__(public_key=public_key, algorithm="ES256", audience="good", leeway=self.leeway)
            self.public_key = public_key
            self.colour = "blue"

    verifier = Keeping(PAIR.public_key)
    assert (verifier.public_key, verifier.leeway, verifier.colour) == (PAIR.public_key, 5, "blue")
    verifier.colour = "red"
    with pytest.raises(AttributeError, match="leeway is read when a Keeping is made"):
        verifier.leeway = 6


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_a_parameter_set_later_takes_effect_at_once(made, name, setting):
    provider, good, other = made(name, setting)
    assert (accepts(provider, good), accepts(provider, other)) == (True, False)
    setattr(provider, setting, ["other"])
    assert (accepts(provider, good), accepts(provider, other)) == (False, True)
    setattr(provider, setting, None)
    assert (accepts(provider, good), accepts(provider, other)) == (True, True)


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_a_refused_value_leaves_the_old_policy(made, name, setting):
    provider, good, other = made(name, setting)
    before = getattr(provider, setting)
    refused(provider, setting)
    assert getattr(provider, setting) == before
    assert (accepts(provider, good), accepts(provider, other)) == (True, False)


@pytest.mark.parametrize("provider", [Custom(), StaticTokenVerifier(["t"])], ids=["custom", "native"])
@pytest.mark.parametrize("setting", ["detailed_errors", "required_scopes"])
def test_shared_parameters_are_checked_in_every_provider(provider, setting):
    before = getattr(provider, setting)
    assert not before
    refused(provider, setting)
    assert getattr(provider, setting) == before
    setattr(provider, setting, True if setting == "detailed_errors" else "read write")
    assert getattr(provider, setting) in (True, ["read", "write"])


def refused(provider, setting):
    """Set whatever is not to be taken; each is refused by name."""
    kind = KINDS[KIND_OF[setting]]
    for name, make in VALUES["values"](kind.good).items():
        if name not in kind.takes:
            value = make()
            with pytest.raises(ValueError, match=rf"\b{setting}\b"):
                setattr(provider, setting, value)
            VALUES["put_away"](value)
