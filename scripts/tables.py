"""A hook of mkdocs: writes the heading of its column into each cell of a table.

Where a row has no room, on a phone, the style sheet sets its cells one below the other, each behind its heading.
"""

from __future__ import annotations

import html
import re

_TABLE = re.compile(r"<table>\n<thead>(?P<head>.*?)</thead>(?P<body>.*?)</table>", re.DOTALL)
_HEADING = re.compile(r"<th(?: [^>]*)?>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def labelled(page: str) -> str:
    """Give the HTML of a page with the headings in the cells of its tables."""
    return _TABLE.sub(_table, page)


def _table(found: re.Match[str]) -> str:
    labels = [_TAG.sub("", heading) for heading in _HEADING.findall(found["head"])]

    def row(cells: re.Match[str]) -> str:
        rest = iter(labels)
        return re.sub("<td", lambda _: _cell(next(rest, "")), cells[0])

    return f"<table>\n<thead>{found['head']}</thead>{_ROW.sub(row, found['body'])}</table>"


def _cell(label: str) -> str:
    # What Markdown made of the heading is escaped already, but for the quotes that would end an attribute.
    return f'<td data-label="{html.escape(html.unescape(label))}"' if label else "<td"


def on_page_content(html: str, **_: object) -> str:
    """Take the HTML of each page, as mkdocs gives it."""
    return labelled(html)
