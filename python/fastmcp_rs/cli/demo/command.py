"""A real FastMCP server behind a ``JWTVerifier``, a real client, and a table of tokens and their outcomes."""

import argparse
import asyncio
import logging
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from fastmcp_rs import _compat
from fastmcp_rs.auth.jwt import JWTVerifier
from fastmcp_rs.cli.demo.rotation import rotate_and_die
from fastmcp_rs.cli.demo.server import initialize, protected, recorded
from fastmcp_rs.cli.demo.tokens import AUDIENCE, ISSUER, SCOPE, Case, cases
from fastmcp_rs.cli.serving import serving
from fastmcp_rs.cli.terminal import waiting
from fastmcp_rs.testing import KeyPair

__all__ = ["run"]

_ROUNDS = 40
_CALLS_A_ROUND = 25
_OK = 200


def run(_options: argparse.Namespace) -> int:
    """Run the demo and print what happened. Returns 0 only if every outcome was the right one."""
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    keys = KeyPair.generate("RS256")
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=[SCOPE])
    with recorded() as records, ExitStack() as running:
        with waiting("demo", "starting the server"):
            port = running.enter_context(serving(protected(verifier)))
        version = _compat.fastmcp().__version__
        print(
            f"A FastMCP {version} server on 127.0.0.1:{port}, behind fastmcp_rs.auth.JWTVerifier (RS256)\n", flush=True
        )
        good = keys.create_token("alice", ISSUER, AUDIENCE, [SCOPE])
        with waiting("demo", "calling the server"):
            served = asyncio.run(_ask_who(port, good))
        right = served == "alice"
        print(f"FastMCP's own client called the tool whoami and was served as: {served}\n")
        rows = [_try(case, port, records) for case in cases(keys)]
    width = max(len(row.case.name) for row in rows)
    print(f"{'case':{width}}  HTTP  reason")
    for row in rows:
        mark = "" if row.right else f"   <- WRONG: expected {row.case.status} and {row.case.reason}"
        print(f"{row.case.name:{width}}  {row.status:4}  {row.reason or '-'}{mark}")
    right = right and all(row.right for row in rows)
    print("\nThe same server, with keys from a URL that rotates them and then dies:")
    for text, status in rotate_and_die():
        print(f"  {text:66}  {status}")
        right = right and status == _OK
    print(flush=True)
    with waiting("demo", "timing both verifiers"):
        asyncio.run(_print_costs(keys, verifier))
    print(f"\n{'Every outcome is the right one.' if right else 'SOME OUTCOMES ARE WRONG.'}")
    return 0 if right else 1


@dataclass(frozen=True)
class _Row:
    case: Case
    status: int
    reason: str | None

    @property
    def right(self) -> bool:
        return (self.status, self.reason) == (self.case.status, self.case.reason)


async def _ask_who(port: int, token: str) -> str:
    async with _compat.fastmcp().Client(f"http://127.0.0.1:{port}/mcp", auth=token) as client:
        result = await client.call_tool("whoami")
        return str(result.data)


def _try(case: Case, port: int, records: list[logging.LogRecord]) -> _Row:
    records.clear()
    status = initialize(port, case.token)
    reason: str | None = getattr(records[-1], "reason", None) if records else None
    return _Row(case, status, reason)


async def _print_costs(keys: KeyPair, native: JWTVerifier) -> None:
    """Time both verifiers on the same tokens, in turns, so that a busy moment of the machine affects both.

    Neither writes a log meanwhile, which would time the terminal.
    """
    options: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "required_scopes": [SCOPE], "algorithm": "RS256"}
    theirs = _compat.fastmcp("server.auth.providers.jwt").JWTVerifier(public_key=keys.public_key, **options)
    forgetful = JWTVerifier(public_key=keys.public_key, cache_size=0, **options)
    theirs.logger.setLevel(logging.CRITICAL)
    logging.getLogger("fastmcp_rs.auth").setLevel(logging.CRITICAL)
    accepted = [keys.create_token(f"user-{i}", ISSUER, AUDIENCE, [SCOPE]) for i in range(_CALLS_A_ROUND)]
    refused = [keys.create_token(f"user-{i}", ISSUER, "another", [SCOPE]) for i in range(_CALLS_A_ROUND)]
    print(f"one verify_token(), RS256, median of {_ROUNDS} rounds of {_CALLS_A_ROUND}, interleaved:")
    for label, ours, tokens, outcome in (
        ("accepted, new", forgetful, accepted, True),
        ("accepted again", native, accepted, True),
        ("wrong audience", native, refused, False),
    ):
        ours_us, theirs_us = [], []
        for _ in range(_ROUNDS):
            ours_us.append(await _microseconds(ours, tokens, accepted=outcome))
            theirs_us.append(await _microseconds(theirs, tokens, accepted=outcome))
        one, other = statistics.median(ours_us), statistics.median(theirs_us)
        print(f"  {label:14}  native {one:6.1f} us   FastMCP {other:6.1f} us   {other / one:4.1f} times as fast")


async def _microseconds(verifier: Any, tokens: list[str], *, accepted: bool) -> float:  # noqa: ANN401 - ours or theirs
    start = time.perf_counter()
    answers = [await verifier.verify_token(token) for token in tokens]
    elapsed = time.perf_counter() - start
    if any((answer is not None) != accepted for answer in answers):
        raise RuntimeError("a timed verification gave the wrong answer")
    return elapsed / len(tokens) * 1e6
