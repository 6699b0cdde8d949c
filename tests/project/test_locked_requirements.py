"""The locked requirements are in step with their inputs, bound to hashes, and above the floors that are known."""

import runpy
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "scripts")
    SCRIPT = runpy.run_path(str(ROOT / "scripts" / "lock.py"))
LOCKS, LINES, NEWEST = SCRIPT["LOCKS"], SCRIPT["LINES"], SCRIPT["NEWEST"]
# The first versions without the advisories that the tests of this project are named for. The older lines of FastMCP are
# tested because people run them, and are held to none.
FLOORS = {"mcp": "2.2", "pyjwt": "2.14"}
CURRENT = ["bare", "bench", "dev", NEWEST.lock, "mcp-sdk", "packaging"]


class Pin(NamedTuple):
    name: str
    version: Version
    hashes: int
    # Whether the input or scripts/lock.py asks for it, and not only another package.
    direct: bool


def pins(lock: str, file: str) -> list[Pin]:
    found = []
    blocks = []
    for line in lock.splitlines():
        if line[:1] not in {" ", "#", ""}:
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    for first, *more in blocks:
        pin = Requirement(first.rstrip(" \\"))
        (exactly,) = pin.specifier
        assert exactly.operator == "==", first
        hashes = sum("--hash=sha256:" in line for line in more)
        reasons = [line.strip(" #").removeprefix("via ") for line in more if line.strip().startswith("#")]
        # What scripts/lock.py asks for is read from standard input, and is no reason in the output.
        direct = f"-r requirements/{file}" in reasons or not reasons
        found.append(Pin(canonicalize_name(pin.name), Version(exactly.version), hashes, direct))
    return found


def faults(asked: str, lock: str, file: str, more: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with a lock file of this input, and of requirements beside it."""
    wanted = [Requirement(line) for line in asked.splitlines() if line and not line.startswith("#")]
    locked = pins(lock, file)
    wrong = [f"{pin.name} has no hash" for pin in locked if not pin.hashes]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if not any(pin.direct and pin.name == name and pin.version in requirement.specifier for pin in locked):
            wrong.append(f"{requirement} is not locked")
    beside = [Requirement(line) for line in more]
    for requirement in beside:
        name = canonicalize_name(requirement.name)
        if not any(pin.name == name and pin.version in requirement.specifier for pin in locked):
            wrong.append(f"{requirement} is not locked")
    names = {canonicalize_name(requirement.name) for requirement in [*wanted, *beside]}
    wrong += [f"{pin.name} is asked for no more" for pin in locked if pin.direct and pin.name not in names]
    return wrong


def below(lock: str) -> list[str]:
    """The packages of a lock file that are below a floor."""
    return [pin.name for pin in pins(lock, "") if pin.name in FLOORS and pin.version < Version(FLOORS[pin.name])]


@pytest.mark.parametrize("name", LOCKS)
def test_each_lock_file_fits_its_input(name):
    lock = (REQUIREMENTS / f"{name}.txt").read_text()
    file, more = LOCKS[name].file, LOCKS[name].more
    assert len(pins(lock, file)) > 5, "the lock file was read whole"
    assert faults((REQUIREMENTS / file).read_text(), lock, file, more) == []


def test_no_file_is_left_over():
    assert {path.stem for path in REQUIREMENTS.glob("*.txt")} == set(LOCKS)
    assert {path.name for path in REQUIREMENTS.glob("*.in")} == {lock.file for lock in LOCKS.values()}


def test_the_lines_are_in_order_of_their_versions():
    versions = [Version(line.version) for line in LINES]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize("name", CURRENT)
def test_the_current_lock_files_are_above_every_floor(name):
    assert below((REQUIREMENTS / f"{name}.txt").read_text()) == []


def test_a_lock_file_that_does_not_fit_its_input_is_noticed():
    asked = "one==1\nTwo_of[extra]>=2 ; python_version < '3.11'\n# a comment\n"
    lock = (
        "# by a tool\none==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n    # via -r requirements/a.in\n"
        "three==3 \\\n    --hash=sha256:02\n    # via two-of\n"
        "two-of==2.5 ; python_full_version < '3.11' \\\n    --hash=sha256:03\n    # via\n    #   -r requirements/a.in\n"
    )
    assert faults(asked, lock, "a.in") == []
    assert faults(asked + "four\n", lock, "a.in") == ["four is not locked"]
    assert faults(asked + "three\n", lock, "a.in") == ["three is not locked"]
    assert faults(asked.replace("one==1", "one==2"), lock, "a.in") == ["one==2 is not locked"]
    assert faults(asked.replace("one==1", ""), lock, "a.in") == ["one is asked for no more"]
    assert faults(asked, lock.replace("    --hash=sha256:02\n", ""), "a.in") == ["three has no hash"]
    beside = lock + "four==4 \\\n    --hash=sha256:04\n"
    assert faults(asked, beside, "a.in", ("four==4", "three<4")) == []
    assert faults(asked, beside, "a.in", ("four==5",)) == ["four==5 is not locked"]
    assert faults(asked, beside, "a.in", ("four==4", "three<3")) == ["three<3 is not locked"]
    assert faults(asked, beside, "a.in") == ["four is asked for no more"]


@pytest.mark.parametrize("name", FLOORS)
def test_a_package_below_its_floor_is_noticed(name):
    floor = FLOORS[name]
    assert below(f"{name}=={floor} \\\n    --hash=sha256:00\n") == []
    assert below(f"{name}=={floor}.dev1 \\\n    --hash=sha256:00\n") == [name]
    assert below(f"{name}==0.9 ; python_version < '3.11' \\\n    --hash=sha256:00\n") == [name]
