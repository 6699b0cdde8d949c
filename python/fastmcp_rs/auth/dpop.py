"""Proofs of possession (RFC 9449) for providers: reading them from a request, and answering the client."""

import json
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from fastmcp_rs import _compat
from fastmcp_rs._callbacks import reset_context
from fastmcp_rs._native import Decision, Dpop, DpopRequest

if TYPE_CHECKING:
    from starlette.types import Message, Send

__all__ = [
    "MAX_AGE_SECONDS",
    "DpopMode",
    "challenged",
    "dpop_metadata",
    "dpop_of",
    "located",
    "present",
    "presented",
    "presenting",
    "refusal",
    "server_url",
    "with_nonce",
]

DpopMode = Literal["off", "allowed", "required"]
Headers = list[tuple[bytes, bytes]]

# The greatest difference between `iat` of a proof and now (SEP-1932).
MAX_AGE_SECONDS = 300.0

_CHALLENGE = b"www-authenticate"
# A page of another origin can read only these headers of an answer.
_EXPOSED = (b"access-control-expose-headers", b"WWW-Authenticate, DPoP-Nonce")

# What the current request presents, for entry points that get only the token.
_presented: ContextVar[DpopRequest | None] = ContextVar("_presented", default=None)

# The URL of the resource that the current request is for, and its path in the application; without a path, the URL of
# the server. Either is None if it is not known.
located: ContextVar[tuple[str | None, str | None] | None] = ContextVar("located", default=None)


def dpop_of(
    mode: object,
    algorithms: str | Sequence[str] | None,
    max_age: object,
    nonce: str | bytes | None,
    trust_forwarded: object,
) -> Dpop | None:
    """Read what an operator demands of proofs.

    Raises:
        ValueError: It cannot work; the text says what would.
    """
    if isinstance(mode, str) and mode == "off":
        # The settings are read even if proofs are off, so that errors show before proofs are turned on.
        Dpop("allowed", algorithms, max_age, nonce, trust_forwarded)
        if nonce is not None or algorithms is not None or trust_forwarded:
            raise ValueError(
                'dpop is "off", so that dpop_algorithms, dpop_nonce and dpop_trust_forwarded would change nothing: '
                "set dpop"
            )
        return None
    return Dpop(mode, algorithms, max_age, nonce, trust_forwarded)


def present(provider: object, request: object, *, trusts_forwarded: bool) -> DpopRequest | Decision:
    """Read what a request presents to a provider that looks at proofs.

    Returns:
        That, or the decision to refuse the request.
    """
    url, path = located.get() or (server_url(provider), None)
    found = DpopRequest.of(request, url, path, trusts_forwarded)
    kept = _presented.get()
    # An override gets only a token, and makes a request from it.
    if kept is not None and isinstance(found, DpopRequest) and not found.is_dpop and kept.token == found.token:
        return kept
    return found


def presented() -> DpopRequest | None:
    """What the current request presents, if it is known in this context."""
    return _presented.get()


def refusal(dpop: Dpop, token: str, claims: object) -> Decision | None:
    """Why the presenter must not use a token that another verifier accepted; ``None`` if it may.

    Args:
        dpop: What is demanded.
        token: The token as it was presented.
        claims: The claims that the verifier returned, if they are a dict: ``cnf`` and ``token_type`` count.
    """
    known = claims if isinstance(claims, dict) else {}
    try:
        binding = json.dumps({name: known[name] for name in ("cnf", "token_type") if name in known})
    except (TypeError, ValueError, RecursionError):
        # The binding of the token cannot be read, so the token is refused.
        binding = ""
    return dpop.refusal(token, binding, _presented.get())


class presenting:  # noqa: N801 - used like a function; a generator would cost every request more
    """Keep in this context what a request presents, while an entry point is called with its token alone."""

    __slots__ = ("_given", "_reset")

    def __init__(self, given: DpopRequest | None) -> None:
        self._given = given

    def __enter__(self) -> None:
        self._reset = _presented.set(self._given)

    def __exit__(self, *_: object) -> None:
        reset_context(_presented, self._reset)


def challenged(dpop: Dpop, headers: Headers, challenges: Sequence[str]) -> Headers:
    """The headers of a refusal, with these challenges in the place of the one there, and the newest nonce."""
    kept = [header for header in headers if header[0] != _CHALLENGE]
    return [*kept, *((_CHALLENGE, challenge.encode()) for challenge in challenges), *_nonce(dpop), _EXPOSED]


def dpop_metadata(dpop: Dpop | None) -> dict[str, object]:
    """The members about proofs in the metadata of a resource (RFC 9728 section 2)."""
    if dpop is None:
        return {}
    required = {"dpop_bound_access_tokens_required": True} if dpop.is_required else {}
    return {"dpop_signing_alg_values_supported": dpop.algorithms, **required}


def with_nonce(dpop: Dpop | None, send: "Send") -> "Send":
    """Have the answer to a request tell the newest nonce, where there are some."""
    if dpop is None or dpop.nonce is None:
        return send
    headers = [*_nonce(dpop), _EXPOSED]

    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return sending


def _nonce(dpop: Dpop) -> Headers:
    nonce = dpop.nonce
    return [] if nonce is None else [(b"dpop-nonce", nonce.encode())]


def server_url(provider: object) -> str | None:
    """The URL of the server as its clients know it, by whatever name the installed FastMCP has for it."""
    # A provider of another library is asked last.
    described = getattr(provider, "provider", provider)
    for name in reversed(_compat.URL_PARAMETERS):
        url = getattr(described, name, None)
        if url is not None:
            return str(url)
    return None
