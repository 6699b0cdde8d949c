"""Build the documentation site, strictly, and check that its pages load nothing from another host.

The pages of ``docs/`` are written to be read in the repository too, so their links lead to files. In the copy that the
site is built from, a link to a page of the site stays one, and a link to any other file leads to the repository, or is
left out while that has no address.
"""

from __future__ import annotations

import argparse
import html.parser
import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

from address import public

ROOT = Path(__file__).resolve().parents[1]
STAGED = ROOT / "target/docs/pages"
SITE = ROOT / "target/site"
# Pages of the repository that the site has as well.
ALSO = {"SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(
    r"(?P<before>!?\[(?P<text>[^\[\]]*)\]\()(?!https?://|mailto:|#)(?P<path>[^()#\s]+)(?P<anchor>#[^()\s]*)?\)"
)
# What a browser loads by itself, by element; a link that has to be clicked is none of it.
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
LOADED_RELS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
OF_ANOTHER_HOST = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')\s]+)""")


class BrokenLinkError(Exception):
    """A page links to a file that is not there."""


def pages() -> dict[str, str]:
    """Give where each page and picture of the site is in the repository, by where it is in the site."""
    found = {
        f"docs/{path.relative_to(ROOT / 'docs').as_posix()}" for path in (ROOT / "docs").rglob("*") if path.is_file()
    }
    found |= {"benches/results/compare.svg", "benches/results/instructions-history.svg"}
    return {**{source.removeprefix("docs/"): source for source in found}, **{page: file for file, page in ALSO.items()}}


def linked(text: str, source: str, page: str, in_site: dict[str, str], address: str | None) -> str:
    """Make the links of a page lead to the pages of the site, or to the repository.

    Args:
        text: The page. What stands in fenced code is left as it is.
        source: Where it is in the repository.
        page: Where it is in the site.
        in_site: Where files of the repository are in the site.
        address: Where other files of the repository are, if that can be said.

    Raises:
        BrokenLinkError: A file that is linked to is not there.
    """

    def lead(link: re.Match[str]) -> str:
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
        if not (ROOT / file).exists():
            raise BrokenLinkError(f"{source}: there is no {file} for the link to {link['path']}")
        to = in_site.get(file)
        if to is None and address is None:
            return link["text"]
        path = f"{address}/blob/main/{file}" if to is None else posixpath.relpath(to, posixpath.dirname(page) or ".")
        return f"{link['before']}{path}{link['anchor'] or ''})"

    # Split at the fences, so that every other part is code.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else LINK.sub(lead, part) for index, part in enumerate(parts))


def stage(folder: Path) -> None:
    """Copy the pages into a folder of their own, with links that work there."""
    shutil.rmtree(folder, ignore_errors=True)
    address = public()
    sources = pages()
    in_site = {source: page for page, source in sources.items()}
    for page, source in sources.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".md"):
            target.write_text(linked((ROOT / source).read_text(), source, page, in_site, address))
        else:
            shutil.copy2(ROOT / source, target)


class _Loads(html.parser.HTMLParser):
    """Collects what a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in LOADED:
            self.found.append(values.get(LOADED[tag], ""))
        elif tag == "link" and LOADED_RELS.intersection(values.get("rel", "").split()):
            self.found.append(values.get("href", ""))


def of_other_hosts(folder: Path) -> list[str]:
    """Give what the pages and styles below a folder load from other hosts."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".html":
            loads = _Loads()
            loads.feed(path.read_text(encoding="utf-8"))
            found += [f"{name}: {url}" for url in loads.found if OF_ANOTHER_HOST.match(url)]
        if path.suffix in {".html", ".css", ".svg"}:
            found += [f"{name}: {url}" for url in IN_STYLES.findall(path.read_text(encoding="utf-8"))]
    return found


def main() -> int:
    """Build the site. Returns 1 if a page is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mkdocs", default="mkdocs", help="the program to run")
    options = parser.parse_args()
    try:
        stage(STAGED)
    except BrokenLinkError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(SITE, ignore_errors=True)
    # The theme announces the next version of its tool in each build.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    if (address := public()) is not None:
        environment["SITE_REPOSITORY_LINK"] = f'<a href="{address}">The repository</a>'
    command = [options.mkdocs, "build", "--strict", "--site-dir", str(SITE)]
    if status := subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        return status
    elsewhere = of_other_hosts(SITE)
    for one in elsewhere:
        print(f"site: {one} is loaded from another host", file=sys.stderr)
    print(f"site: {sum(1 for _ in SITE.rglob('*.html'))} pages in {SITE.relative_to(ROOT)}")
    return int(bool(elsewhere))


if __name__ == "__main__":
    sys.exit(main())
