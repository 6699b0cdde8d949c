"""``fastmcp-rs explain``: why a token is accepted or refused."""

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fastmcp_rs._native import FetchOptions, JwtVerifier, RemoteKeys, explain_without_keys
from fastmcp_rs.auth.explanation import CheckResult, Explanation, explained, explanation_of
from fastmcp_rs.auth.remote_keys import (
    MAX_STALE_SECONDS,
    REFRESH_INTERVAL_SECONDS,
    IssuerMetadata,
    keys_at_url,
    keys_of_issuer,
)
from fastmcp_rs.cli.explain_proof import check_options, with_proof
from fastmcp_rs.cli.terminal import Style, sanitize, shown, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run"]

# More than any verifier reads, so that the explanation can say that a token is too long.
_MOST_BYTES = 1 << 20
_MOST_MEMBERS = 40
# No system has a longer file name.
_LONGEST_PATH = 4096
_EXIT_CODES = {"accepted": 0, "rejected": 1, "unavailable": 3}
_HEADLINES = {
    "accepted": ("ACCEPTED", "passed"),
    "rejected": ("REFUSED", "failed"),
    "unavailable": ("CANNOT TELL", "unavailable"),
}
_NO_KEY = "no key was given, so the signature cannot be checked"
_GIVE_A_KEY = "give --jwks-uri, --issuer, --public-key or --secret-env to check the signature"


def run(options: argparse.Namespace) -> int:
    """Explain the token that the options name.

    Returns:
        The exit code.

    Raises:
        ValueError: The options cannot work; the text says what would.
    """
    # The explanation has the log's records about keys; without a handler Python prints warnings to the terminal too.
    logging.getLogger("fastmcp_rs").addHandler(logging.NullHandler())
    check_options(options)
    token = _token(options.token)
    by_server = options.server is not None or options.tool is not None
    with waiting("explain", "asking the provider of the server" if by_server else "waiting for the keys"):
        explanation = _of_server(token, options) if by_server else _explanation(token, options)
    if options.dpop is not None:
        explanation = with_proof(explanation, token, options)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text, as the interpreter made it
    if options.json:
        print(_json(explanation))
    else:
        print("\n".join(_lines(explanation, Style(sys.stdout))))
    return _EXIT_CODES[explanation.outcome]


def _of_server(token: str, options: argparse.Namespace) -> Explanation:
    """Explain the decision of a server in a file. Its provider says what is expected."""
    if options.server is None:
        raise ValueError("--tool takes a server in a file as well: --server server.py")
    others = (options.jwks_uri, options.public_key, options.secret_env, options.issuer, options.audience, options.scope)
    if any(other is not None for other in others):
        raise ValueError("--server takes no key and no issuer, audience or scope: its provider says what is expected")
    from fastmcp_rs.cli.explain_server import (  # noqa: PLC0415 - needs FastMCP, which the others do not
        explained_by_server,
    )

    return asyncio.run(explained_by_server(token, options.server, options.tool))


def _json(explanation: Explanation) -> str:
    # JSON has no infinity, which a number such as 1e999 is here.
    finite = json.loads(json.dumps(explanation.to_dict()), parse_constant=lambda _: None)
    # DEL is the only control character that JSON text may hold unescaped.
    return json.dumps(finite, indent=2).replace("\x7f", "\\u007f")


def _token(words: list[str]) -> str:
    """Read the token from the arguments, or from standard input without the line end behind it."""
    if len(words) == 1 and _names_a_file(words[0]):
        raise ValueError("that is the name of a file: to explain the token in it, put < before the name")
    if words and words != ["-"]:
        # Several words are a text that was not quoted, such as a whole header; the explanation says so.
        return " ".join(words)
    if sys.stdin is None or (not words and sys.stdin.isatty()):
        raise ValueError("there is no token: give it as an argument or on standard input")
    text = sys.stdin.buffer.read(_MOST_BYTES).decode(errors="replace")
    return text.removesuffix("\n").removesuffix("\r")


def _names_a_file(word: str) -> bool:
    """Whether this is a path: one of a file that is there, or one with an ending that files with tokens have."""
    is_path = re.fullmatch(r"[\w./\\:~ -]{1,255}\.(txt|jwt|token|json|pem|jws)", word) is not None
    try:
        return is_path or (word != "-" and len(word) < _LONGEST_PATH and Path(word).is_file())
    except (OSError, ValueError):
        return False


def _explanation(token: str, options: argparse.Namespace) -> Explanation:
    policy = {"leeway": options.leeway, "typ": options.typ}
    key, default = _key(options)
    if key is None:
        found = explain_without_keys(
            token,
            options.algorithm,
            issuer=options.issuer,
            audience=options.audience,
            required_scopes=options.scope,
            dpop=options.dpop is not None,
            **policy,
        )
        explanation = explanation_of(found)
        if explanation.outcome != "unavailable":
            return explanation
        checks = tuple(
            dataclasses.replace(check, text="no key was given") if check.result == "unavailable" else check
            for check in explanation.checks
        )
        return dataclasses.replace(explanation, checks=checks, reason=_NO_KEY, fix=explanation.fix or _GIVE_A_KEY)
    argument = "--public-key" if options.secret_env is None else "--secret-env"
    native = JwtVerifier(key, options.algorithm or [default], argument=argument, **policy)
    if options.dpop is not None:
        native.policy.demand_proofs()
    native.policy.set_issuer(options.issuer)
    native.policy.set_audience(options.audience)
    native.policy.set_required_scopes(options.scope)
    return asyncio.run(explained(native, key if isinstance(key, RemoteKeys) else None, token, reader="command"))


def _key(options: argparse.Namespace) -> tuple[RemoteKeys | bytes | str | None, str]:
    """The key, and the algorithm that ``JWTVerifier`` accepts with it by default."""
    if options.secret_env is not None:
        secret = os.environ.get(options.secret_env)
        if secret is None:
            raise ValueError("--secret-env takes the name of an environment variable, and none of that name is set")
        return secret, "HS256"
    if options.public_key is not None:
        try:
            return Path(options.public_key).read_bytes(), "RS256"
        except OSError as error:
            raise ValueError(f"the file of --public-key cannot be read: {error.strerror}") from None
    if options.jwks_uri is not None:
        return keys_at_url(options.jwks_uri, None, _fetching(options)), "RS256"
    if options.issuer is not None:
        if len(options.issuer) > 1:
            raise ValueError("keys are found by one issuer: with several, give --jwks-uri or a key as well")
        return keys_of_issuer(IssuerMetadata(options.issuer[0]), None, _fetching(options)), "RS256"
    return None, "RS256"


def _fetching(options: argparse.Namespace) -> FetchOptions:
    return FetchOptions(
        allow_http=options.allow_http,
        ssrf_safe=False,
        refresh_interval=REFRESH_INTERVAL_SECONDS,
        max_stale=MAX_STALE_SECONDS,
    )


def _lines(explanation: Explanation, style: Style) -> "Iterator[str]":
    word, result = _HEADLINES[explanation.outcome]
    headline = f"{word}: {explanation.code} ({explanation.reason})" if explanation.code else word
    yield style.headline(headline, result)
    if explanation.fix:
        yield f"  {explanation.fix}"
    if explanation.reason == _NO_KEY and explanation.fix != _GIVE_A_KEY:
        yield f"  {_GIVE_A_KEY}"
    failed = [check.name.replace("_", " ") for check in explanation.checks if check.result == "failed"]
    # The fix is for the first failed check, unless it is for keys that are out of reach.
    of_first = explanation.outcome == "rejected" or explanation.reason == _NO_KEY
    if further := failed[1:] if of_first else failed:
        yield f"  Further checks that fail: {', '.join(further)}"
    yield ""
    yield style.title("Checks")
    for check in explanation.checks:
        yield _check_line(check, style)
    if explanation.times:
        yield from ("", style.title("Times"))
        for claim, time in explanation.times.items():
            yield f"  {claim:4} {time['at'] or '':22} {time['words']}"
    if explanation.header is not None:
        yield from ("", style.title("Header"), *_members(explanation.header))
    if explanation.claims is not None:
        title = "Claims" if explanation.signature_verified else "Claims (unverified: anyone may have written them)"
        yield from ("", style.title(title), *_members(explanation.claims))


def _check_line(check: CheckResult, style: Style) -> str:
    text = "not reached" if check.result == "not_reached" else check.text
    if check.unverified:
        text = f"{text} [unverified]".lstrip()
    return f"  {style.mark(check.result)} {check.name.replace('_', ' '):18} {text}".rstrip()


def _members(members: dict[str, object]) -> "Iterator[str]":
    for name, value in list(members.items())[:_MOST_MEMBERS]:
        yield f"  {sanitize(name)}: {shown(value)}"
    if len(members) > _MOST_MEMBERS:
        yield f"  ... ({len(members) - _MOST_MEMBERS} more; --json has all)"
