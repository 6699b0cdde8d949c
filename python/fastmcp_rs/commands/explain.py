"""``fastmcp-rs explain``: why a token is accepted or refused."""

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fastmcp_rs._native import FetchOptions, JwtVerifier, RemoteKeys, explain_without_keys
from fastmcp_rs.auth.explanation import CheckResult, Explanation, explained
from fastmcp_rs.auth.remote import MAX_STALE_SECONDS, REFRESH_INTERVAL_SECONDS, Issuer, fetched_keys
from fastmcp_rs.commands.terminal import Style, shown, tame

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run"]

# Beyond what any verifier reads, so that a token that is too long is still told as such.
_MOST_BYTES = 1 << 20
_MOST_MEMBERS = 40
_EXIT_CODES = {"accepted": 0, "rejected": 1, "unavailable": 3}
_HEADLINES = {
    "accepted": ("ACCEPTED", "passed"),
    "rejected": ("REFUSED", "failed"),
    "unavailable": ("CANNOT TELL", "unavailable"),
}
_NO_KEY = "no key was given, so nobody can tell who made the token"
_GIVE_A_KEY = "give --jwks-uri, --issuer, --public-key or --secret-env to check the signature"


def run(options: argparse.Namespace) -> int:
    """Explain the token that the options name.

    Returns:
        The exit code.

    Raises:
        ValueError: The options cannot work; the text says what would.
    """
    # What the log says of keys is in the explanation; without a handler it would stand on the terminal as well.
    logging.getLogger("fastmcp_rs").addHandler(logging.NullHandler())
    token = _token(options.token)
    explanation = _explanation(token, options)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text, as the interpreter made it
    if options.json:
        print(_json(explanation))
    else:
        print("\n".join(_lines(explanation, Style(sys.stdout))))
    return _EXIT_CODES[explanation.outcome]


def _json(explanation: Explanation) -> str:
    # JSON has no infinity, which a number such as 1e999 is here.
    finite = json.loads(json.dumps(explanation.to_dict()), parse_constant=lambda _: None)
    # DEL is the one control character that JSON text may hold as it is.
    return json.dumps(finite, indent=2).replace("\x7f", "\\u007f")


def _token(words: list[str]) -> str:
    """The token, from the arguments or from standard input, where a line end at the end is none of it."""
    if words and words != ["-"]:
        # Several words are one text that was not quoted, such as a whole header: the explanation says so.
        return " ".join(words)
    if sys.stdin is None or (not words and sys.stdin.isatty()):
        raise ValueError("there is no token: give it as an argument or on standard input")
    text = sys.stdin.buffer.read(_MOST_BYTES).decode(errors="replace")
    return text.removesuffix("\n").removesuffix("\r")


def _explanation(token: str, options: argparse.Namespace) -> Explanation:
    policy = {"leeway": options.leeway, "typ": options.typ}
    key, default = _key(options)
    if key is None:
        told = explain_without_keys(
            token,
            options.algorithm,
            issuer=options.issuer,
            audience=options.audience,
            required_scopes=options.scope,
            **policy,
        )
        explanation = Explanation.of(told)
        if explanation.outcome != "unavailable":
            return explanation
        checks = tuple(
            dataclasses.replace(check, text="no key was given") if check.result == "unavailable" else check
            for check in explanation.checks
        )
        return dataclasses.replace(explanation, checks=checks, reason=_NO_KEY, fix=explanation.fix or _GIVE_A_KEY)
    argument = "--public-key" if options.secret_env is None else "--secret-env"
    native = JwtVerifier(key, options.algorithm or [default], argument=argument, **policy)
    native.set_issuer(options.issuer)
    native.set_audience(options.audience)
    native.set_required_scopes(options.scope)
    return asyncio.run(explained(native, key if isinstance(key, RemoteKeys) else None, token))


def _key(options: argparse.Namespace) -> tuple[RemoteKeys | bytes | str | None, str]:
    """The key, and the algorithm that ``JWTVerifier`` takes with it by default."""
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
        return _remote(options.jwks_uri, options), "RS256"
    if options.issuer is not None:
        if len(options.issuer) > 1:
            raise ValueError("keys are found by one issuer: with several, give --jwks-uri or a key as well")
        return _remote(Issuer(options.issuer[0]), options), "RS256"
    return None, "RS256"


def _remote(url: str, options: argparse.Namespace) -> RemoteKeys:
    fetching = FetchOptions(
        allow_http=options.allow_http,
        ssrf_safe=False,
        refresh_interval=REFRESH_INTERVAL_SECONDS,
        max_stale=MAX_STALE_SECONDS,
    )
    return fetched_keys(url, None, fetching)


def _lines(explanation: Explanation, style: Style) -> "Iterator[str]":
    word, result = _HEADLINES[explanation.outcome]
    told = f"{word}: {explanation.code} ({explanation.reason})" if explanation.code else word
    yield style.headline(told, result)
    if explanation.fix:
        yield f"  {explanation.fix}"
    if explanation.reason == _NO_KEY and explanation.fix != _GIVE_A_KEY:
        yield f"  {_GIVE_A_KEY}"
    failed = [check.name.replace("_", " ") for check in explanation.checks if check.result == "failed"]
    # The fix is for the first of them, unless it is for keys that are out of reach.
    of_first = explanation.outcome == "rejected" or explanation.reason == _NO_KEY
    if further := failed[1:] if of_first else failed:
        yield f"  Further checks that fail: {', '.join(further)}"
    yield ""
    yield style.title("Checks")
    vouched = True
    for check in explanation.checks:
        if check.name == "claims" and not explanation.signature_verified:
            vouched = False
        yield _check_line(check, style, vouched=vouched)
    if explanation.times:
        yield from ("", style.title("Times"))
        for claim, time in explanation.times.items():
            yield f"  {claim:4} {time['at'] or '':22} {time['words']}"
    if explanation.header is not None:
        yield from ("", style.title("Header"), *_members(explanation.header))
    if explanation.claims is not None:
        title = "Claims" if explanation.signature_verified else "Claims (unverified: anybody may have written them)"
        yield from ("", style.title(title), *_members(explanation.claims))


def _check_line(check: CheckResult, style: Style, *, vouched: bool) -> str:
    text = "not reached" if check.result == "not_reached" else check.text
    if not vouched and check.result != "not_reached":
        text = f"{text} [unverified]".lstrip()
    return f"  {style.mark(check.result)} {check.name.replace('_', ' '):18} {text}".rstrip()


def _members(members: dict[str, object]) -> "Iterator[str]":
    for name, value in list(members.items())[:_MOST_MEMBERS]:
        yield f"  {tame(name)}: {shown(value)}"
    if len(members) > _MOST_MEMBERS:
        yield f"  ... ({len(members) - _MOST_MEMBERS} more; --json has all)"
