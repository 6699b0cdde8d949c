"""The steps of a release that a machine can do: hold the tag against the metadata, and put together its files.

It needs nothing but Python, since the jobs that sign run it on what other jobs built.
"""

import argparse
import hashlib
import re
import sys
import zipfile
from pathlib import Path

from address import NoAddressError, is_placeholder, repository

ROOT = Path(__file__).resolve().parents[1]
# A wheel for each system: a part of the name of each.
SYSTEMS = (
    r"manylinux_2_17_x86_64",
    r"manylinux_2_17_aarch64",
    r"musllinux_1_2_x86_64",
    r"musllinux_1_2_aarch64",
    r"macosx_\d+_\d+_x86_64",
    r"macosx_\d+_\d+_arm64",
    r"win_amd64",
    r"win_arm64",
)
BILL = "fastmcp-rs.cyclonedx.json"


class NotReadyError(Exception):
    """The release cannot be made as things are; the message says why."""


def version(root: Path) -> str:
    """Read the version of the project."""
    found = re.search(r'^version = "(.*)"$', (root / "Cargo.toml").read_text(), flags=re.MULTILINE)
    if found is None:
        raise NotReadyError("Cargo.toml has no version")
    return found[1]


def notes(root: Path, tag: str) -> str:
    """Give what the changelog says of a version.

    Raises:
        NotReadyError: If it says nothing, or has no date.
    """
    of = re.escape(tag.removeprefix("v"))
    changelog = (root / "CHANGELOG.md").read_text()
    found = re.search(rf"^## \[{of}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise NotReadyError(f"CHANGELOG.md has no section '## [{tag.removeprefix('v')}] - <date>' that says something")
    return found[1].strip() + "\n"


def check_address(root: Path, address: str) -> None:
    """Hold the address of the repository that makes a release against each that the metadata has.

    Raises:
        NotReadyError: If one is another, or is the placeholder.
    """
    try:
        named = repository(root)
    except NoAddressError as error:
        raise NotReadyError(str(error)) from None
    if is_placeholder(named):
        raise NotReadyError(
            f"the Repository of pyproject.toml is the placeholder {named}: set it, as RELEASING.md says"
        )
    if named != address:
        raise NotReadyError(
            f"this is {address}, and the Repository of pyproject.toml {named}: every link would be wrong"
        )
    urls = re.search(
        r"^\[project\.urls\]\n(.*?)(?=^\[|\Z)", (root / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL
    )
    others = re.findall(r'^\w+ = "(.*)"$', urls[1] if urls else "", flags=re.MULTILINE)
    others += re.findall(r'^repository = "(.*)"$', (root / "Cargo.toml").read_text(), flags=re.MULTILINE)
    if wrong := [url for url in others if is_placeholder(url)]:
        raise NotReadyError(f"placeholders are left: {', '.join(wrong)}")


def check(root: Path, tag: str, address: str) -> None:
    """Hold a tag, and the address of the repository that releases it, against the metadata.

    Raises:
        NotReadyError: If they do not fit.
    """
    if tag != f"v{version(root)}":
        raise NotReadyError(f"the tag is {tag}, and the version of Cargo.toml {version(root)}")
    check_address(root, address)
    if f'"{version(root)}": ' not in (root / "benches/results/instructions-history.json").read_text():
        raise NotReadyError(f"no instructions of {version(root)} are kept: run make bench-history")
    notes(root, tag)


def assets(root: Path, dist: Path, out: Path) -> None:
    """Check that a release is whole, and write its checksums and its bill of materials.

    Raises:
        NotReadyError: If a file is missing, or one more is there.
    """
    prefix = f"fastmcp_rs-{version(root)}"
    files = sorted(path for path in dist.iterdir() if path.is_file())
    names = [path.name for path in files]
    patterns = [rf"{re.escape(prefix)}\.tar\.gz"]
    # A wheel may have further tags beside the one it is known by.
    patterns += [rf"{re.escape(prefix)}-cp310-abi3-([\w.]+\.)?{system}\.whl" for system in SYSTEMS]
    known = {pattern: [name for name in names if re.fullmatch(pattern, name)] for pattern in patterns}
    missing = [pattern for pattern, found in known.items() if len(found) != 1]
    more = set(names) - {name for found in known.values() for name in found}
    if missing or more:
        raise NotReadyError(f"not exactly one of each: {', '.join(missing) or '-'}; unknown: {', '.join(more) or '-'}")
    out.mkdir(parents=True, exist_ok=True)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (out / "SHA256SUMS").write_text(sums)
    # Each wheel carries the bill of its own crates; that of the commonest system is taken for the release.
    (name,) = known[patterns[1]]
    with zipfile.ZipFile(dist / name) as wheel:
        (bill,) = (it for it in wheel.namelist() if it.endswith(f".dist-info/sboms/{BILL}"))
        (out / BILL).write_bytes(wheel.read(bill))


def main() -> int:
    """Do one step. Returns 1 if the release cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    one = steps.add_parser("check", help="hold the tag and the address against the metadata")
    one.add_argument("--tag", required=True)
    one.add_argument("--address", required=True, help="of the repository, as a browser shows it")
    one = steps.add_parser("assets", help="write the checksums and the bill of materials")
    one.add_argument("--dist", type=Path, required=True, help="the folder of the wheels and the source distribution")
    one.add_argument("--out", type=Path, required=True)
    one = steps.add_parser("notes", help="print what the changelog says of the version")
    one.add_argument("--tag", required=True)
    options = parser.parse_args()
    try:
        if options.step == "check":
            check(ROOT, options.tag, options.address)
        elif options.step == "assets":
            assets(ROOT, options.dist, options.out)
        else:
            print(notes(ROOT, options.tag), end="")
    except NotReadyError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
