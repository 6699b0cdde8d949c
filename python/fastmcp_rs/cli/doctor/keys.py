"""The keys of an issuer, and its clock."""

import asyncio
import email.utils
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fastmcp_rs._native import FetchOptions, RemoteKeys
from fastmcp_rs.auth.remote_keys import (
    MAX_STALE_SECONDS,
    REFRESH_INTERVAL_SECONDS,
    IssuerMetadata,
    keys_at_url,
    keys_of_issuer,
    warm_up,
)
from fastmcp_rs.cli.doctor.findings import Finding, advise, fail, note, pass_, unavailable
from fastmcp_rs.cli.doctor.http import UnreachableError, ask
from fastmcp_rs.cli.terminal import waiting
from fastmcp_rs.errors import KeysUnavailableError

__all__ = ["Role", "fetched", "issuer", "key_set"]

# The tolerance for `nbf`: if the clocks differ more, new tokens are refused.
_MOST_SECONDS = 30
_LOGGER = logging.getLogger("fastmcp_rs.keys")


@dataclass(frozen=True)
class Role:
    """What the keys are for.

    Attributes:
        is_same_server: Whether they are of the server itself, which need not publish the keys of its tokens.
        is_for_clients: Whether the metadata of a resource names their issuer, so that clients get tokens there.
        asked: What came of a question about a token, where the verifier asks about those that are no JWTs.
    """

    is_same_server: bool = False
    is_for_clients: bool = False
    asked: Finding | None = None


_OF_VERIFIER = Role()


def issuer(url: str, *, allow_http: bool, role: Role = _OF_VERIFIER) -> Iterator[Finding]:
    """Look at an issuer: its metadata, its keys, its clock.

    Args:
        url: The issuer.
        allow_http: Whether keys may be fetched over http from other machines.
        role: What its keys are for.

    Raises:
        ValueError: The issuer is no URL that metadata may be fetched from.
    """
    remote = keys_of_issuer(IssuerMetadata(url), None, _options(allow_http=allow_http))
    yield from fetched(remote, role=role)


def key_set(url: str, *, allow_http: bool, algorithms: Sequence[str] | None = None) -> Iterator[Finding]:
    """Look at the JWK Set at a URL, and at the clock of its server.

    Raises:
        ValueError: It is no URL that keys may be fetched from.
    """
    yield from fetched(keys_at_url(url, None, _options(allow_http=allow_http)), algorithms)


def fetched(
    remote: RemoteKeys, algorithms: Sequence[str] | None = None, role: Role = _OF_VERIFIER
) -> Iterator[Finding]:
    """Look at the keys that a verifier fetches, and at the clock of their server."""
    source = remote.status()["source"]
    are_needed = True
    for finding in _held(remote, source, algorithms, role):
        are_needed = finding.result != "note"
        yield finding
    for finding in _clock(source):
        if are_needed or finding.result != "unavailable":
            yield finding


def _options(*, allow_http: bool) -> FetchOptions:
    return FetchOptions(
        allow_http=allow_http,
        ssrf_safe=False,
        refresh_interval=REFRESH_INTERVAL_SECONDS,
        max_stale=MAX_STALE_SECONDS,
    )


def _held(remote: RemoteKeys, source: str, algorithms: Sequence[str] | None, role: Role) -> Iterator[Finding]:
    with _recorded() as records, waiting("doctor", f"waiting for the keys of {source}"):
        try:
            asyncio.run(warm_up(remote))
        except KeysUnavailableError as error:
            yield _unavailable(str(error), remote.failure(), source, role)
            return
    held = remote.status()["keys"]
    if not held:
        yield _none_published(source, role)
        return
    names = ", ".join(" ".join(filter(None, (key["kty"], key["alg"], key["kid"]))) for key in held)
    yield pass_("keys", f"{len(held)} of {source}: {names}")
    for text in records:
        yield advise("keys", text, "nothing, unless tokens are signed by this key: the others are used")
    if algorithms is not None:
        yield from _usable(held, algorithms)


def _none_published(source: str, role: Role) -> Finding:
    if role.is_same_server:
        return pass_("keys", f"{source} publishes none: it is this server, which checks its own tokens")
    if role.asked is None:
        fix = (
            "nothing, if it is asked about each token, as OAuthProvider(..., introspection_url=...) does; a proxy "
            "checks its own tokens itself"
        )
        return advise("keys", f"{source} publishes none: its metadata has no jwks_uri", fix)
    if role.asked.result == "advice":
        fix = "introspection_url=, if the server has such an endpoint, or jwks_uri= the URL of its keys"
        return fail("keys", f"{source} publishes none, and names no introspection endpoint", fix)
    return note("keys", f"{source} publishes none: it is asked about each token")


def _unavailable(error: str, failure: str | None, source: str, role: Role) -> Finding:
    if failure == "no_jwks_uri":
        return _none_published(source, role)
    if role.asked is not None and role.asked.result in ("passed", "failed"):
        return note("keys", f"JWTs get 503 without them, and other tokens are asked about: {error}")
    if failure == "other_token_endpoint":
        return fail("keys", error, "copy token_endpoint of that metadata into token_url, letter for letter")
    if role.is_for_clients and failure == "no_metadata":
        fix = (
            "nothing, if clients are given their tokens; fastmcp-rs doctor server.py, where the server is, looks at "
            "the keys: without metadata they cannot be found from outside"
        )
        return advise("keys", f"{source} has no metadata (RFC 8414), so MCP clients cannot sign in: {error}", fix)
    if failure == "not_a_key_set":
        fix = (
            "give the URL that the issuer's metadata has as jwks_uri, or use from_issuer(...), which reads it there; "
            "if it is that URL, the issuer has to publish keys for signatures"
        )
        return fail("keys", error, fix)
    return unavailable("keys", f"{source}: {error}", _fix(failure))


def _fix(failure: str | None) -> str:
    if failure == "untrusted_certificate":
        return (
            "SSL_CERT_FILE= a PEM file with the authority's certificate, or with the endpoint's own; the system's are "
            "not trusted then, so put them into the file too if other servers are called"
        )
    if failure in ("not_found", "no_metadata"):
        return "give another URL: the server answers, and has nothing at this one"
    return (
        "open the URL from this machine: a wrong URL or issuer, DNS, a proxy or a private authority (SSL_CERT_FILE) "
        "are the usual causes"
    )


def _usable(held: Sequence[object], algorithms: Sequence[str]) -> Iterator[Finding]:
    named = {key["alg"] for key in held if isinstance(key, dict)}
    # A key without an algorithm serves any of its type.
    if None not in named and not named.intersection(algorithms):
        found = ", ".join(sorted(filter(None, named)))
        yield fail(
            "algorithms",
            f"the keys are for {found}, and the verifier accepts {', '.join(algorithms)}",
            f"algorithms=[{', '.join(json.dumps(name) for name in sorted(filter(None, named)))}]",
        )
    else:
        yield pass_("algorithms", f"accepted: {', '.join(algorithms)}")


@contextmanager
def _recorded() -> Iterator[list[str]]:
    """Collect the log's records about skipped keys, and keep them off the terminal."""
    texts: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if "skipped" in text:
                texts.append(text)

    handler, propagated = Handler(), _LOGGER.propagate
    _LOGGER.addHandler(handler)
    _LOGGER.propagate = False
    try:
        yield texts
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.propagate = propagated


def _clock(url: str) -> Iterator[Finding]:
    """Compare the clock with the ``Date`` of an answer, whatever its status is."""
    try:
        with waiting("doctor", f"waiting for {url}"):
            date = ask(url).headers.get("Date")
    except UnreachableError as error:
        yield unavailable("clock", f"no answer of {url} to compare with: {error}", "compare the clock by hand")
        return
    if date is None:
        yield unavailable("clock", "the answer has no Date", "compare the clock by hand")
        return
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        yield unavailable("clock", "the Date of the answer cannot be read", "compare the clock by hand")
        return
    # A date has no fraction of a second, which is half a second on average.
    ahead = round(time.time() - theirs - 0.5)
    if abs(ahead) > _MOST_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        yield fail(
            "clock",
            f"this machine is {abs(ahead)} s {side} the issuer",
            "set the clock by NTP, here or at the issuer; leeway= tolerates up to 600 s until then",
        )
    else:
        yield pass_("clock", f"within {max(abs(ahead), 1)} s of the issuer's")
