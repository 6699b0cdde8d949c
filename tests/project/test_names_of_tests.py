"""Each test file has a name of its own, so that a name in a report or a page means one file."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_test_files_have_the_same_name():
    names = Counter(path.name for path in TESTS.rglob("test_*.py") if "node_modules" not in path.parts)
    assert len(names) > 80
    assert [name for name, count in names.items() if count > 1] == []
