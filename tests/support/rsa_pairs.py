"""RSA keys for tests that need more of them than one."""

import functools

import pytest

from fastmcp_rs.testing import KeyPair


@pytest.fixture(scope="session")
def rsa_pairs():
    """A key pair by any name: ``rsa_pairs("other")``. Each is made once, which takes longer than most tests."""
    return functools.cache(lambda _name: KeyPair.generate("RS256"))
