"""Checks an introspection endpoint: whether it answers, and accepts the credentials of this server."""

import asyncio

from fastmcp_rs._native import Decision
from fastmcp_rs.auth.introspecting_provider import IntrospectingProvider
from fastmcp_rs.auth.reporting import collecting
from fastmcp_rs.cli.doctor.findings import Finding, advise, fail, pass_, unavailable
from fastmcp_rs.cli.doctor.http import UnreachableError, ask
from fastmcp_rs.cli.terminal import waiting

__all__ = ["answers_of", "reached"]

_CHECK = "introspection"
# No authorization server gives its tokens this form.
_MADE_UP = "fastmcp-rs-doctor"
_NO_METADATA = "the server's metadata, which would name it"
_NOT_FOUND, _BROKEN = 404, 500


def answers_of(provider: IntrospectingProvider) -> Finding:
    """Have a provider ask about a made-up token, as it asks about the token of a client."""
    request = {"headers": [(b"authorization", f"Bearer {_MADE_UP}".encode())]}
    with waiting("doctor", "waiting for an answer about a token that is made up"), collecting() as refusals:
        accepted = asyncio.run(provider.authenticate(request))
    if accepted is not None:
        fix = "have the endpoint say no to tokens that it does not know; until then, anyone may call the server"
        return fail(_CHECK, "the endpoint accepts a token that is made up", fix)
    return _finding(refusals[-1]) if refusals else pass_(_CHECK, "the provider refuses a token that is made up")


def _finding(decision: Decision) -> Finding:
    if decision.code == "credentials_refused":
        fix = "client_id and client_secret, or the headers, must be those that the server gave to this server"
        return fail(_CHECK, decision.message, fix)
    if _NO_METADATA in decision.message:
        fix = "mend what the keys check says: the same metadata names the endpoint; or give introspection_url="
        return unavailable(_CHECK, decision.message, fix)
    if decision.outcome == "unavailable":
        fix = "open the endpoint from this machine: a wrong URL, DNS, a proxy or a private authority (SSL_CERT_FILE)"
        return unavailable(_CHECK, decision.message, fix)
    if decision.code == "malformed_token":
        fix = "introspection_url=, if the server has such an endpoint; nothing, if all of its tokens are JWTs"
        return advise(_CHECK, "no endpoint is known, so opaque tokens are refused", fix)
    return pass_(_CHECK, "the endpoint answers, and says no to a token that is made up")


def reached(url: str) -> Finding:
    """Whether anything answers at the URL of an introspection endpoint. No token is sent."""
    try:
        with waiting("doctor", f"waiting for {url}"):
            status = ask(url, "POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"").status
    except UnreachableError as error:
        return unavailable(_CHECK, f"no answer of {url}: {error}", "start the server, or give its right URL")
    if status == _NOT_FOUND:
        return fail(_CHECK, f"there is nothing at {url} (404)", "introspection_url= as the server's metadata has it")
    if status >= _BROKEN:
        return unavailable(_CHECK, f"{url} answers {status}", "see the log of that server")
    return pass_(_CHECK, f"{url} answers")
