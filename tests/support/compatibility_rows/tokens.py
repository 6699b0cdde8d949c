"""Observations for docs/compatibility.md: tokens."""

import json
import time
from unittest import mock

from compatibility_rows.sides import GOOD, ROWS, row, verdict, verifier


def of_token(claims, header=None):
    """A row about a token."""
    return lambda side, at: verdict(verifier(side), at.forge(claims, header))


ROWS["not-before"] = lambda side, at: verdict(verifier(side), at.forge({**GOOD, "nbf": int(time.time()) + 600}))
ROWS["bound"] = of_token({**GOOD, "cnf": {"jkt": "x"}})
ROWS["id-token"] = of_token({**GOOD, "at_hash": "x"})
ROWS["refresh-token"] = of_token({**GOOD, "token_use": "refresh"})
ROWS["exp-null"] = of_token({**GOOD, "exp": None})
ROWS["exp-too-far"] = of_token({**GOOD, "exp": 10**15})
ROWS["aud-mixed"] = of_token({**GOOD, "aud": [1, "server"]})
ROWS["client-id-number"] = of_token({**GOOD, "client_id": 1})
ROWS["name-twice"] = of_token(json.dumps(GOOD).encode()[:-1] + b',"sub":"mallory"}')
ROWS["byte-order-mark"] = of_token(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
ROWS["crit-empty"] = of_token(GOOD, {"alg": "HS256", "crit": []})
ROWS["too-large"] = of_token({**GOOD, "x": "x" * 50_000})


@row
def exp_now(side, at):
    # The clock stands still for FastMCP. Here the second has passed when the token is made.
    now = int(time.time())
    with mock.patch("time.time", return_value=float(now)):
        token = at.forge({**GOOD, "exp": now})
        return verdict(verifier(side), token)


@row
def scope_tab(side, at):
    return verdict(verifier(side, required_scopes=["read"]), at.forge({**GOOD, "scope": "x\tread"}))
