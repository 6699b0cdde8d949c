"""Make the source distribution from what git tracks, and unpack it beside itself to show that it is whole.

The links of the README lead to the files of a checkout, which a page that shows the README alone does not have. In the
copy that is packed they are absolute: below the address that pyproject.toml gives as ``Repository``, at the version's
tag. While that is a placeholder, what they say stays and they do not.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from address import public

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "target/package"
# What only the repository itself has a use for.
REPOSITORY_ONLY = (".ci/", ".editorconfig", ".github/", ".gitignore", ".pre-commit-config.yaml", "fuzz/.gitignore")
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?!https://|#)(?P<path>[^()#\s]+)(?P<anchor>#[^()\s]*)?\)")


class BrokenLinkError(Exception):
    """The README links to a file that is not there."""


def absolute_links(text: str, address: str | None, tag: str, tree: Path) -> str:
    """Make the links of a Markdown text to files of the tree absolute.

    Args:
        text: The text. What stands in fenced code is left as it is.
        address: The address of the repository, or ``None`` to leave the links out.
        tag: The tag whose files are linked to.
        tree: The folder that the links are relative to.

    Raises:
        BrokenLinkError: If a file that is linked to is not in the tree.
    """

    def absolute(link: re.Match[str]) -> str:
        path = link["path"]
        if not (tree / path).exists():
            raise BrokenLinkError(f"no file {path} for the link [{link['text']}]({path})")
        if address is None:
            return link["text"]
        # An image is wanted as it is, and not on a page about it.
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}[{link['text']}]({address}/{kind}/{tag}/{path}{link['anchor'] or ''})"

    # Split at the fences, so that every other part is code; a link may be broken over two lines of prose.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else LINK.sub(absolute, part) for index, part in enumerate(parts))


def setting(file: str, name: str) -> str:
    """Read the first setting of a name from a TOML file of the root; Python 3.10 has no reader of its own."""
    found = re.search(rf'^{name} = "(.*)"$', (ROOT / file).read_text(), flags=re.MULTILINE)
    if found is None:
        sys.exit(f"sdist: {file} has no {name}")
    return found[1]


def tracked() -> list[str]:
    """Give the files of the checkout that a source distribution carries."""
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and not name.startswith(REPOSITORY_ONLY)]


def stage(folder: Path, names: list[str]) -> None:
    """Copy the files into a folder of their own, with the README as it is to be packed."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    readme = folder / "README.md"
    tag = f"v{setting('Cargo.toml', 'version')}"
    readme.write_text(absolute_links(readme.read_text(), public(), tag, ROOT))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the source distribution, and give the folder that it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            # Each file is packed with one old date, by which cargo would take a changed file for one that it knows.
            member.mtime = time.time()
            tar.extract(member, folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


def main() -> int:
    """Make it. Returns 1 if it lacks a file, or has another one in its place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maturin", default="maturin", help="the program to run")
    parser.add_argument("--out", type=Path, default=ROOT / "target/dist", help="where the archive goes")
    options = parser.parse_args()
    names = tracked()
    stage(PACKAGE / "source", names)
    for old in options.out.glob("*.tar.gz"):
        old.unlink()
    subprocess.run([options.maturin, "sdist", "--out", options.out.resolve()], cwd=PACKAGE / "source", check=True)
    (archive,) = options.out.glob("*.tar.gz")
    unpacked = unpack(archive, PACKAGE / "unpacked")
    lacking = [
        name
        for name in names
        if not (unpacked / name).is_file() or (unpacked / name).read_bytes() != (PACKAGE / "source" / name).read_bytes()
    ]
    for name in lacking:
        print(f"sdist: {name} is not in {archive.name} as it is in the tree")
    print(f"sdist: {archive.name}, {archive.stat().st_size / 1e6:.2f} MB, {len(names)} files of the repository")
    return int(bool(lacking))


if __name__ == "__main__":
    sys.exit(main())
