"""A parameter that several providers have is the same in each: its type, its default and what the docstring says of it.

The initializers name each parameter, so that editors, type checkers and ``inspect.signature`` show it. So some stand in
several files, and this keeps them alike.
"""

import inspect
import re

import pytest

from fastmcp_rs.auth import AuthProvider, JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier

PROVIDERS = (JWTVerifier, OAuthProvider, RemoteAuthProvider, StaticTokenVerifier, AuthProvider)
# What another kind of provider reads otherwise, and so is not the same parameter.
OTHERS = {"algorithms", "allow_id_tokens", "audience", "client_id", "issuer", "jwks_uri", "required_scopes"}
# What is described in other words: claims of a token or members of a response; the endpoint or the service that is
# asked, and what it is sent; what http puts at risk; what ``from_issuer`` gives.
OTHER_WORDS = {
    *("client_id_claim", "subject_claim", "scope_claims", "required_claims", "expected_claims"),
    *("cache_ttl_seconds", "stale_if_error_seconds", "timeout", "allow_http", "authorization_servers"),
    *("assertion_audience", "private_key_file"),
}
PARAGRAPH = re.compile(r"^            (\w+): (.*(?:\n {16}.*)*)", re.MULTILINE)


def parameters(cls):
    """Annotation, default and description of each parameter."""
    arguments = cls.__init__.__doc__.partition("Args:")[2].partition("Raises:")[0]
    described = {name: " ".join(said.split()) for name, said in PARAGRAPH.findall(arguments)}
    signature = inspect.signature(cls.__init__).parameters
    named = {name: one for name, one in signature.items() if name != "self"}
    assert described.keys() == named.keys()
    return {name: (one.annotation, one.default, described[name]) for name, one in named.items()}


ALL = {cls: parameters(cls) for cls in PROVIDERS}
SHARED = sorted({name for cls in PROVIDERS for name in ALL[cls] if sum(name in ALL[other] for other in PROVIDERS) > 1})


@pytest.mark.parametrize("name", [name for name in SHARED if name not in OTHERS])
def test_a_shared_parameter_is_the_same_everywhere(name):
    found = {cls.__name__: ALL[cls][name] for cls in PROVIDERS if name in ALL[cls]}
    distinct = {facts[:2] if name in OTHER_WORDS else facts for facts in found.values()}
    assert len(distinct) == 1, found


def test_each_exception_names_a_shared_parameter_that_differs():
    assert set(SHARED) >= OTHERS | OTHER_WORDS
