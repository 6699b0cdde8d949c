"""What docs/compatibility.md says, observed: a file for the rows of each of its sections."""

from compatibility_rows import answers, configuration, keys, names, tokens
from compatibility_rows.sides import FASTMCPS, OURS, ROWS

__all__ = ["FASTMCPS", "OURS", "ROWS", "answers", "configuration", "keys", "names", "tokens"]
