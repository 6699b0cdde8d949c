"""The audit fails for an advisory, and never takes a silent database for a good one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit.py"
GOOD = {"name": "httpx", "version": "1", "vulns": []}
BAD = {"name": "pyjwt", "version": "2", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
SKIPPED = {"name": "local", "skip_reason": "not found"}


@pytest.fixture
def audit(tmp_path):
    """Run the audit with stand-ins for its tools, and return its status and what it printed."""

    def tool(name, body):
        path = tmp_path / name
        path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
        path.chmod(0o755)
        return str(path)

    def run(*arguments, fetched=True, crates_are_good=True, answer=None):
        report = json.dumps({"dependencies": [GOOD, SKIPPED] if answer is None else answer})
        deny = tool(
            "cargo-deny",
            f"good = {fetched} if 'fetch' in sys.argv else {crates_are_good} or 'fuzz/Cargo.toml' not in sys.argv\n"
            "sys.exit(None if good else 'what went wrong\\nthe last line')",
        )
        pip_audit = tool("pip-audit", f"print({report!r})" if answer != "silence" else "sys.exit('no such host')")
        command = [sys.executable, SCRIPT, "--cargo-deny", deny, "--pip-audit", pip_audit, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout

    return run


def test_lock_files_that_no_advisory_concerns_pass(audit):
    assert audit() == (0, "audit: crates: no findings\naudit: Python packages: no findings\n")


@pytest.mark.parametrize("arguments", [(), ("--unreachable-passes",)])
def test_an_advisory_fails_the_run(audit, arguments):
    status, said = audit(*arguments, crates_are_good=False)
    assert status == 1
    assert "audit: crates: 1 findings\nwhat went wrong\nthe last line" in said
    status, said = audit(*arguments, answer=[GOOD, BAD])
    assert status == 1
    assert "requirements/dev.txt: pyjwt 2: PYSEC-1, PYSEC-2" in said


@pytest.mark.parametrize("silent", [{"fetched": False}, {"answer": "silence"}])
def test_a_database_that_does_not_answer_is_reported(audit, silent):
    assert audit(**silent)[0] == 1
    status, said = audit("--unreachable-passes", **silent)
    assert status == 0
    assert said.count("NOT AUDITED") == 1
    assert "(the last line)" in said or "(no such host)" in said


def test_an_advisory_fails_the_run_beside_a_database_that_does_not_answer(audit):
    assert audit("--unreachable-passes", fetched=False, answer=[BAD])[0] == 1
    assert audit("--unreachable-passes", crates_are_good=False, answer="silence")[0] == 1
