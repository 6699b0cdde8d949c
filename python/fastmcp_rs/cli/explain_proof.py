"""``fastmcp-rs explain --dpop``: why a proof of possession beside a token is accepted or refused (RFC 9449)."""

import argparse
import dataclasses
from collections.abc import Mapping

from fastmcp_rs._native import explain_dpop_proof
from fastmcp_rs.auth.explanation import CheckResult, Explanation

__all__ = ["check_options", "with_proof"]


def check_options(options: argparse.Namespace) -> None:
    """Check that the values that a proof is compared with are given.

    Raises:
        ValueError: It is not, or there is no proof to hold against it.
    """
    if options.dpop is None and (options.method or options.url):
        raise ValueError("--method and --url are for --dpop, which takes the proof of a request")
    if options.dpop is not None and not (options.method and options.url):
        raise ValueError("--dpop takes the proof of one request: give its --method and --url as well")
    if options.dpop is not None and options.tool is not None:
        raise ValueError("--dpop explains a proof beside a token, and --tool what a tool needs: give one of them")


def with_proof(explanation: Explanation, token: str, options: argparse.Namespace) -> Explanation:
    """Add the checks of a proof to the explanation of the token that it comes with."""
    cnf = (explanation.claims or {}).get("cnf")
    bound_to = cnf.get("jkt") if isinstance(cnf, Mapping) else None
    proof = explain_dpop_proof(
        options.dpop,
        method=options.method,
        url=options.url,
        token=token,
        bound_to=bound_to if isinstance(bound_to, str) else None,
    )
    checks = (*explanation.checks, *(CheckResult(**check) for check in proof["checks"]))
    explanation = dataclasses.replace(explanation, checks=checks)
    # The token is checked first.
    if proof["code"] is None or explanation.outcome == "rejected":
        return explanation
    return dataclasses.replace(
        explanation, outcome="rejected", code=proof["code"], reason=proof["reason"], fix=proof["fix"]
    )
