"""The OpenID Provider is stopped and started again: what is known goes on, and what is not recovers."""

import pytest
from fastmcp.server.auth import TokenVerificationError


@pytest.fixture
def verifier(own_provider, verifier_of):
    return verifier_of(own_provider, jwks_refresh_interval=0)


@pytest.fixture
def unavailable(verifier, own_provider, verify, token_of_unknown_key):
    """Tell whether a token of an unknown key is unavailable: ``unavailable()``."""

    def asked():
        try:
            assert verify(verifier, token_of_unknown_key(own_provider)) is None
        except TokenVerificationError:
            return True
        return False

    return asked


def test_tokens_of_known_keys_are_accepted_and_of_unknown_ones_unavailable(
    own_provider, verifier, verify, unavailable, reasons
):
    token = own_provider.token()
    assert verify(verifier, token)
    assert not unavailable(), "the provider says that it has no such key"

    own_provider.stop()

    assert verify(verifier, token)
    assert unavailable()
    assert unavailable(), "nor is it known while the next attempt is put off"
    assert reasons() == ["unknown_key", "keys_unavailable", "keys_unavailable"]
    assert verify(verifier, token), "a failure takes nothing away"
    assert "no connection" in verifier.keys()["last_error"]


def test_verification_recovers_with_the_same_keys(own_provider, verifier, verify, unavailable, eventually):
    token = own_provider.token()
    assert verify(verifier, token)
    own_provider.stop()
    assert unavailable()

    own_provider.start()

    eventually(lambda: not unavailable())
    assert verifier.keys()["last_error"] is None
    assert verify(verifier, token)
    assert verify(verifier, own_provider.token())


def test_verification_recovers_with_new_keys(own_provider, verifier, verify, unavailable, eventually, reasons):
    old = own_provider.token()
    assert verify(verifier, old)
    own_provider.stop()
    assert unavailable()

    own_provider.forget_keys()
    own_provider.start()
    new = own_provider.token()

    def accepted():
        try:
            return verify(verifier, new)
        except TokenVerificationError:
            return None

    eventually(accepted)
    assert set(reasons()) == {"keys_unavailable"}, "never an invalid token"
    assert verify(verifier, old) is None
    assert reasons()[-1] == "unknown_key"


def test_a_restart_between_two_fetches_goes_unnoticed(own_provider, verifier, verify):
    assert verify(verifier, own_provider.token())
    own_provider.stop()
    own_provider.forget_keys()
    own_provider.start()
    # The connection of the first fetch is dead by now and must not be used again.
    assert verify(verifier, own_provider.token())
    assert verifier.keys()["failures"] == 0


def test_a_server_that_starts_before_its_provider_serves_as_soon_as_there_is_one(
    own_provider, verifier, verify, eventually
):
    token = own_provider.token()
    own_provider.stop()
    with pytest.raises(TokenVerificationError):
        verify(verifier, token)

    own_provider.start()

    def accepted():
        try:
            return verify(verifier, token)
        except TokenVerificationError:
            return None

    eventually(accepted)
