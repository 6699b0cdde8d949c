"""Whatever a token holds, a terminal shows clean text; escape codes are for terminals that want them."""

import json
import os
import pty
import subprocess
import sys
import unicodedata

import pytest

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "line\r\nbreak",
    "\x00\x07\x08\x7f",
    "\x9b31m\x85",
    "\u202egnp.exe",
    "\u2066\u2028\u2029\ufeff",
    "x" + "\u0301" * 50,
    'quote " and \\ backslash',
    "x" * 10_000,
    "日本語 é",
)


def unclean(text):
    """Characters that do more than stand where they are."""
    return [c for c in text if c != "\n" and (not c.isprintable() or unicodedata.category(c)[0] in "CM")]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("key", [True, False])
def test_text_of_the_token_is_sanitized(explain, explain_ours, forge, pair, hostile, key):
    good = {"iss": "https://issuer.example", "aud": "my-server", "scope": "read"}
    fields = [{"aud": hostile}, {"iss": hostile}, {"scope": hostile}, {hostile: hostile}, {"x": [{hostile: hostile}]}]
    tokens = [pair.create_token(additional_claims={**good, **field}, kid=hostile) for field in fields]
    tokens += [forge(good, {"alg": hostile}), forge(good, {"alg": "HS256", "typ": hostile, hostile: hostile})]
    tokens += [hostile or "x", f"{tokens[0]}{hostile}"]
    for token in tokens:
        for options in ([], ["--json"]):
            explanation = explain_ours(token, *options) if key else explain(token, *options)
            assert explanation.out
            assert unclean(explanation.out + explanation.err) == []
            if not options:
                assert max(map(len, explanation.out.splitlines())) < 600


def test_json_keeps_control_characters_as_data(explain, pair):
    claims = {f"claim {i}": text for i, text in enumerate(HOSTILE)}
    explanation = explain(pair.create_token(additional_claims=claims), "--json")
    assert explanation.out.isascii()
    assert json.loads(explanation.out)["claims"].items() >= claims.items()


def test_json_is_strict_json_whatever_the_numbers(explain, forge):
    token = forge(b'{"x": 1e999, "y": -1e999, "z": ' + b"9" * 4_300 + b"}")
    claims = json.loads(explain(token, "--json").out, parse_constant=pytest.fail)["claims"]
    assert (claims["x"], claims["y"], claims["z"]) == (None, None, int("9" * 4_300))


def test_many_claims_are_cut(explain, pair):
    explanation = explain(pair.create_token(additional_claims={f"c{i}": i for i in range(1_000)}))
    assert len(explanation.out.splitlines()) < 100
    assert "more; --json has all" in explanation.out


def test_bytes_that_are_no_text_are_no_token(explain):
    explanation = explain(stdin=b"\xff\xfe\x00\x1b[31m")
    assert explanation.code == 1
    assert unclean(explanation.out) == []


def test_a_text_beyond_every_bound_is_too_large(explain):
    explanation = explain(stdin="x" * 2_000_000)
    assert explanation.screen.startswith("REFUSED: token_too_large (")


def on_terminal(*arguments, **environment):
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    with subprocess.Popen(
        [sys.executable, "-m", "fastmcp_rs", "explain", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, **environment},
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 65_536):
                written += piece
        except OSError:
            # Linux says so when the other side is closed.
            pass
        process.wait(60)
    os.close(ours)
    return written


def test_a_terminal_gets_colours(mint):
    assert b"\x1b[" in on_terminal(mint(), TERM="xterm")


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {}], ids=str)
def test_a_terminal_that_asks_for_no_colours_gets_none(mint, environment):
    written = on_terminal(mint(), **environment)
    assert b"CANNOT TELL" in written
    assert b"\x1b" not in written


def test_a_pipe_gets_no_colours(command, mint):
    assert b"\x1b" not in command(mint(), TERM="xterm").stdout


def test_an_ascii_output_gets_ascii(command, pair):
    finished = command(pair.create_token("日本語"), PYTHONIOENCODING="ascii")
    assert finished.returncode == 3, finished.stderr
    assert finished.stdout.isascii()
    assert b"+ size" in finished.stdout
    assert b"\\u65e5" in finished.stdout


def test_at_a_terminal_a_missing_token_is_reported():
    assert b"give it as an argument or on standard input" in on_terminal(TERM="xterm")
