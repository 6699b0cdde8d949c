"""What the pages, the hooks and CI call of make is in the Makefile."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
CALLERS = [
    ".ci/run",
    ".github/pull_request_template.md",
    ".pre-commit-config.yaml",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "benches/README.md",
    "fuzz/README.md",
]


def called(text: str) -> set[str]:
    """The targets that a text calls: of a command that begins a line, or stands in quotes or behind a key."""
    commands = re.findall(r"(?m)(?:^ *|[`']|entry: )make((?: +[a-z-]+)+)", text)
    return {target for command in commands for target in command.split()}


@pytest.mark.parametrize("name", CALLERS)
def test_each_called_target_exists(name):
    found = called((ROOT / name).read_text())
    assert found
    assert found <= TARGETS


def test_a_missing_target_is_noticed():
    text = "make lint typecheck   # checks\n- entry: make audit\n`make lock LOCK_ARGS=--upgrade` and make no mistake\n"
    assert called(text) == {"lint", "typecheck", "audit", "lock"}
