"""The key and the algorithms of a verifier. The documented API and FastMCP have different names for them."""

from collections.abc import Sequence

from fastmcp_rs._native import DEFAULT_PUBLIC_KEY_ALGORITHM, DEFAULT_SECRET_ALGORITHM, text
from fastmcp_rs.types import Algorithm

__all__ = ["DOCUMENTED_ALGORITHMS", "accepted_algorithms", "key_and_algorithms"]

# The documented default. It is compared by identity with the argument, since FastMCP's default applies with a
# `public_key`.
DOCUMENTED_ALGORITHMS: Sequence[Algorithm] = [DEFAULT_SECRET_ALGORITHM]


def key_and_algorithms(
    secret: str | bytes | None,
    public_key: str | bytes | None,
    algorithms: Sequence[str],
    algorithm: str | None,
) -> tuple[str | bytes | None, Sequence[str]]:
    """The key that is given under one of its names, and the accepted algorithms.

    Raises:
        ValueError: There is none, or more than one of either.
    """
    if secret is None and public_key is None:
        raise ValueError("there is no key. Either public_key or jwks_uri must be provided, or a secret")
    if secret is not None and public_key is not None:
        raise ValueError("there are two keys: give either secret or public_key")
    default = DEFAULT_SECRET_ALGORITHM if public_key is None else DEFAULT_PUBLIC_KEY_ALGORITHM
    return public_key if secret is None else secret, accepted_algorithms(algorithms, algorithm, default)


def accepted_algorithms(algorithms: Sequence[str], algorithm: str | None, default: str) -> Sequence[str]:
    """The accepted algorithms, by whichever parameter they are given.

    Raises:
        ValueError: They are given by both.
    """
    given = algorithms is not DOCUMENTED_ALGORITHMS
    if given and algorithm is not None:
        raise ValueError("give either algorithms or algorithm, not both")
    if algorithm is not None:
        return [text(algorithm, "algorithm")]
    return algorithms if given else [default]
