"""A hook of mkdocs: writes the number in the place of the name of a constant that is a default, in the reference."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1] / "python/fastmcp_rs"
_NAME = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


def constants(package: Path) -> dict[str, str]:
    """Give the numbers that modules of a package have a public name for, as a reader writes them."""
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
                continue
            value = node.value.value
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            for target in node.targets:
                if isinstance(target, ast.Name) and _NAME.fullmatch(target.id):
                    found.setdefault(target.id, set()).add(f"{value:.15g}")
    # A name that two modules use for two numbers says neither.
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def with_numbers(page: str, numbers: dict[str, str]) -> str:
    """Give the HTML of a page with the numbers."""
    return _NAME.sub(lambda name: numbers.get(name[0], name[0]), page)


def on_page_content(html: str, *, page: object, **_: object) -> str:
    """Take the HTML of each page, as mkdocs gives it, and change that of the reference."""
    is_reference = getattr(getattr(page, "file", None), "src_uri", None) == "reference.md"
    return with_numbers(html, constants(_PACKAGE)) if is_reference else html
