"""The command line, as a user meets it."""

import subprocess
import sys

import pytest

from fastmcp_rs import demo
from fastmcp_rs.__main__ import main
from fastmcp_rs.demo_tokens import Case


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastmcp_rs", *arguments], capture_output=True, text=True, timeout=80, check=False
    )


def test_the_demo_shows_every_case_with_its_status_and_reason():
    finished = command("demo")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = [line.split() for line in finished.stdout.splitlines()]
    shown = {
        " ".join(row[:-2]): (row[-2], row[-1]) for row in rows if len(row) > 2 and row[-2] in {"200", "401", "403"}
    }
    assert shown == {
        "valid": ("200", "-"),
        "expired": ("401", "expired"),
        "not yet valid": ("401", "not_yet_valid"),
        "wrong issuer": ("401", "issuer_mismatch"),
        "wrong audience": ("401", "audience_mismatch"),
        "missing scope": ("403", "insufficient_scope"),
        "tampered": ("401", "invalid_signature"),
        "alg: none": ("401", "unsupported_algorithm"),
        "HS256 with the public key": ("401", "algorithm_not_allowed"),
        "garbage": ("401", "malformed_token"),
        "no token": ("401", "missing_token"),
    }
    assert "was served as: alice" in finished.stdout
    rotation = finished.stdout.partition("rotates them and then dies:")[2].partition("one verify_token()")[0]
    assert [line.split()[-1] for line in rotation.splitlines() if line] == ["200"] * 4
    assert finished.stdout.count(" times as fast") == 3


@pytest.mark.parametrize("expected", [(200, None), (401, "another_reason")])
def test_the_demo_fails_when_one_outcome_is_not_the_right_one(monkeypatch, capsys, expected):
    status, reason = expected
    monkeypatch.setattr(demo, "cases", lambda _keys: [Case("garbage", "garbage", status, reason)])
    assert main(["demo"]) == 1
    assert "<- WRONG" in capsys.readouterr().out


def test_the_demo_ends_quietly_when_its_reader_has_seen_enough():
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "fastmcp_rs", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert b"FastMCP" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_help_needs_no_fastmcp_and_wrong_usage_exits_with_2():
    shown = command("--help").stdout
    assert "demo" in shown
    assert "run" in shown
    assert command().returncode == 2
    assert command("no-such-command").returncode == 2


def test_run_says_what_it_needs():
    code = "import sys; sys.modules['fastmcp'] = None; from fastmcp_rs.__main__ import main; sys.exit(main(['run']))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=80, check=False)
    assert finished.returncode == 1
    assert "pip install 'fastmcp-rs[fastmcp]'" in finished.stderr
