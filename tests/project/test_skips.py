"""Where skips are forbidden, a test that skips fails and says why."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS_FOLDER = Path(__file__).parents[1]
TESTS = """
import pytest

def test_passes():
    pass

def test_skips_itself():
    pytest.skip("node is not here")

@pytest.mark.skipif(True, reason="no such platform")
def test_is_skipped():
    pass

@pytest.mark.xfail
def test_fails_as_expected():
    raise AssertionError
"""
MODULE = 'import pytest\npytest.skip("no module of that name", allow_module_level=True)\n'


@pytest.fixture
def run(tmp_path):
    shutil.copy(TESTS_FOLDER / "conftest.py", tmp_path)
    (tmp_path / "test_each.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(MODULE)

    def pytest_with(no_skip: str | None) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "FASTMCP_RS_NO_SKIP"}
        if no_skip is not None:
            environment["FASTMCP_RS_NO_SKIP"] = no_skip
        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            "--continue-on-collection-errors",
            "--rootdir",
            tmp_path,
            "-o",
            f"pythonpath={TESTS_FOLDER / 'support'}",
        ]
        command = [sys.executable, "-m", "pytest", *options, tmp_path]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

    return pytest_with


@pytest.mark.parametrize("no_skip", [None, "0"])
def test_a_skip_is_a_skip_by_default(run, no_skip):
    assert "1 passed, 3 skipped, 1 xfailed" in run(no_skip)


def test_every_way_to_skip_is_a_failure_with_its_reason_where_skips_are_forbidden(run):
    printed = run("1")
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in printed
    for test, reason in [
        ("test_each.py::test_skips_itself", "Skipped: node is not here"),
        ("test_each.py::test_is_skipped", "Skipped: no such platform"),
        ("test_module.py", "Skipped: no module of that name"),
    ]:
        assert f"{test} was skipped, and FASTMCP_RS_NO_SKIP=1 forbids it: {reason}" in printed
