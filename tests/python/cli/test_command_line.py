"""The command line, as a user meets it."""

import io
import subprocess
import sys
import threading

import pytest

from fastmcp_rs.__main__ import main
from fastmcp_rs.cli import terminal
from fastmcp_rs.cli.demo import command as demo
from fastmcp_rs.cli.demo.tokens import Case


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


@pytest.mark.parametrize("columns", [80, 48])
@pytest.mark.parametrize("arguments", [[], ["demo"], ["explain"], ["bench"], ["doctor"]])
def test_help_fits_the_terminal(monkeypatch, capsys, arguments, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    printed = capsys.readouterr().out
    prose = printed.partition("\nexamples:")[0]
    assert [line for line in prose.splitlines() if len(line) > columns] == []
    # An example is a line that can be copied, so it is not wrapped.
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_run_says_that_verification_is_native():
    finished = command("run", "no-such-file.py")
    assert finished.returncode != 0
    assert finished.stderr.startswith("fastmcp-rs run: native verification is on, here and in the processes that this")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("patience", "message"), [(0.0, "fastmcp-rs explain: waiting for it ...\n"), (60.0, "")])
def test_a_long_wait_is_shown_on_a_terminal(monkeypatch, patience, message):
    monkeypatch.setattr(terminal, "_WAIT_SECONDS", patience)
    written = threading.Event()

    class Watched(Terminal):
        def write(self, text):
            super().write(text)
            written.set()

    monkeypatch.setattr(sys, "stderr", Watched())
    with terminal.waiting("explain", "waiting for it"):
        assert written.wait(10 if message else 0.1) is bool(message)
    assert sys.stderr.getvalue() == message


def test_a_pipe_shows_no_waiting(monkeypatch):
    monkeypatch.setattr(terminal, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with terminal.waiting("explain", "waiting for it"):
        pass
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--issuer", "http://issuer.example"], ["--issuer is an http URL", "or pass --allow-http if"]),
        (["--jwks-uri", "ftp://issuer.example"], ["--jwks-uri must be an https URL"]),
        (["--issuer", "https://issuer.example", "--leeway", "1000"], ["--leeway must be a number of seconds"]),
        (["--issuer", "https://issuer.example", "--scope", "a b"], ["--scope holds", "give --scope once for each"]),
        (["--issuer", "https://issuer.example", "--algorithm", "HS256"], ["give --secret-env, or name the algorithm"]),
        (["--secret-env", "PATH", "--algorithm", "ES256"], ["such as --algorithm HS256"]),
        (["--audience", ""], ["--audience is empty", "once for each, or leave it out to accept any"]),
    ],
)
def test_errors_of_a_command_name_its_options(capsys, arguments, message):
    assert main(["explain", *arguments, "token"]) == 2
    shown = capsys.readouterr().err
    assert [text for text in message if text not in shown] == []


def test_run_names_what_to_install():
    code = "import sys; sys.modules['fastmcp'] = None; from fastmcp_rs.__main__ import main; sys.exit(main(['run']))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=80, check=False)
    assert finished.returncode == 1
    assert "pip install 'fastmcp-rs[fastmcp]'" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is missing: choose demo, run, explain, doctor or bench"),
        (["no-such-command"], "there is no such command: choose demo, run, explain, doctor or bench"),
        (["doctor", "--nothing"], "fastmcp-rs doctor: error: it has no option --nothing: see --help"),
        (["doctor", "a.py", "b.py"], "fastmcp-rs doctor: error: it was given more than it takes: see --help"),
        (["explain", "--issuer"], "--issuer needs a value"),
        (["explain", "--leeway", "soon"], "--leeway must be a number"),
        (["bench", "--rounds", "many"], "--rounds must be a whole number"),
    ],
)
def test_wrong_usage_has_a_plain_message(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise RuntimeError('no database')", "cannot be imported: RuntimeError: no database; python "),
        ("import a_module_that_is_not_there", "cannot be imported: ModuleNotFoundError: No module named"),
        ("def (", "cannot be imported: SyntaxError"),
        ("x = 1", "the file has no mcp, server or app: give server.py:name"),
        (
            "from fastmcp import FastMCP\nnotes = FastMCP('n')",
            "the file has no mcp, server or app: give server.py:notes",
        ),
    ],
)
def test_a_file_without_a_usable_server_is_reported(capsys, monkeypatch, tmp_path, source, message):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"file_{abs(hash(source))}.py"
    path.write_text(source)
    assert main(["explain", "--server", str(path), "a.b.c"]) == 2
    assert message in capsys.readouterr().err
    assert sys.modules.pop(path.stem)
