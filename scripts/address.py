"""The address of the repository: ``Repository`` of pyproject.toml. Every link to a file of it is below that.

Until the repository is public, it is a name that RFC 2606 reserves. Then links to files are left out of what is built,
rather than lead nowhere, and no release is made.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
_RESERVED = ".example"


class NoAddressError(Exception):
    """pyproject.toml names no repository."""


def repository(root: Path = ROOT) -> str:
    """Read the address.

    Raises:
        NoAddressError: If there is none.
    """
    found = re.search(r'^Repository = "(.*)"$', (root / "pyproject.toml").read_text(), flags=re.MULTILINE)
    if found is None:
        raise NoAddressError("pyproject.toml has no Repository")
    return found[1]


def is_placeholder(address: str) -> bool:
    """Whether nothing can be at an address."""
    return (urlsplit(address).hostname or _RESERVED).endswith(_RESERVED)


def public(root: Path = ROOT) -> str | None:
    """Read the address, if it is one that links may lead to.

    Raises:
        NoAddressError: If there is none.
    """
    address = repository(root)
    return None if is_placeholder(address) else address
