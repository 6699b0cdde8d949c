"""The pages for people who change the project name files and folders that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "tests/README.md", "RELEASING.md"]
# A path begins with a folder of the checkout; `NAME` and `<line>` stand for what the reader puts there.
NAMED = re.compile(r"`((?:src|python|tests|docs|scripts|requirements|fuzz|benches|\.ci|\.github)/[\w./-]*)`")
# In ARCHITECTURE.md, rooms are named below `src/` or `python/fastmcp_rs/`, and files without their ending.
ROOM = re.compile(r"`([a-z_]+/[a-z_0-9/]*)`")
ROOMS = [ROOT / "src", ROOT / "python/fastmcp_rs", ROOT / "tests", ROOT]


@pytest.mark.parametrize("page", PAGES)
def test_each_path_of_a_page_is_there(page):
    named = NAMED.findall((ROOT / page).read_text())
    assert named
    folders = [ROOT, (ROOT / page).parent]
    assert [path for path in named if not any((folder / path).exists() for folder in folders)] == []


def test_each_folder_of_the_architecture_is_there():
    rooms = ROOM.findall((ROOT / "ARCHITECTURE.md").read_text())
    assert len(rooms) > 20

    def is_there(room):
        return any((base / f"{room.rstrip('/')}{ending}").exists() for base in ROOMS for ending in ("", ".rs", ".py"))

    assert [room for room in rooms if not is_there(room)] == []
