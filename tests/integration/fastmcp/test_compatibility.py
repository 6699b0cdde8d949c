"""docs/compatibility.md says what FastMCP does and what this project does; here both are observed, row by row.

The document's tables are the ledger. A difference that is not as they say fails, and so does one that has vanished.
The observations are in tests/support/compatibility_rows, a module for each section of the page.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from compatibility_rows import FASTMCPS, OURS, ROWS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
# The name of a row, what FastMCP does, and what is done here.
LEDGER = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", DOCUMENT, re.MULTILINE)


@pytest.fixture
def at(serve, forge, issuer, new_endpoint, reply):
    return SimpleNamespace(serve=serve, forge=forge, issuer=issuer, new_endpoint=new_endpoint, reply=reply)


def outcomes(cell):
    """What a cell says, by the first line that does so: ``accepted; from 4.2: refused``."""
    first, *later = cell.strip().split("; from ")
    changes = (change.partition(": ") for change in later)
    return {(): first, **{tuple(map(int, since.split("."))): said for since, _, said in changes}}


def test_each_row_is_observed_and_each_observation_has_its_row():
    assert sorted(name for name, _, _ in LEDGER) == sorted(ROWS)


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_both_do_as_the_document_says(name, theirs, ours, at, line):
    said = tuple([said for since, said in outcomes(cell).items() if line >= since][-1] for cell in (theirs, ours))
    assert said == (ROWS[name](FASTMCPS, at), ROWS[name](OURS, at))


@pytest.mark.parametrize(("name", "theirs", "ours"), LEDGER, ids=[name for name, _, _ in LEDGER])
def test_each_row_is_a_difference(name, theirs, ours):
    assert set(outcomes(theirs).values()) != set(outcomes(ours).values()), f"{name}: strike it from the document"
