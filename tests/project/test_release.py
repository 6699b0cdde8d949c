"""A release is refused where its tag, its address, its changelog, its benchmarks or its files do not fit."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = "https://code.test/owner/name"
spec = importlib.util.spec_from_file_location("script_release", ROOT / "scripts" / "release.py")
RELEASE = importlib.util.module_from_spec(spec)
with pytest.MonkeyPatch.context() as patch:
    # As a script finds its neighbours when it is run.
    patch.syspath_prepend(ROOT / "scripts")
    spec.loader.exec_module(RELEASE)

WHEELS = [
    "manylinux2014_x86_64.manylinux_2_17_x86_64",
    "manylinux2014_aarch64.manylinux_2_17_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_10_12_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
    "win_arm64",
]


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "Cargo.toml").write_text(
        f'[package]\nname = "fastmcp-rs"\nversion = "1.2.3"\nrepository = "{ADDRESS}"\n'
    )
    urls = f'Repository = "{ADDRESS}"\nIssues = "{ADDRESS}/issues"\n'
    (tmp_path / "pyproject.toml").write_text(f"[project.urls]\n{urls}\n[project.scripts]\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.3] - 2026-11-30\n\n- A thing.\n\n## [1.2.2] - x\n")
    results = tmp_path / "benches/results"
    results.mkdir(parents=True)
    (results / "instructions-history.json").write_text('{\n  "1.2.3": {}\n}\n')
    return tmp_path


@pytest.fixture
def dist(tree):
    folder = tree / "dist"
    folder.mkdir()
    (folder / "fastmcp_rs-1.2.3.tar.gz").write_bytes(b"sources")
    for system in WHEELS:
        with zipfile.ZipFile(folder / f"fastmcp_rs-1.2.3-cp310-abi3-{system}.whl", "w") as wheel:
            wheel.writestr("fastmcp_rs-1.2.3.dist-info/sboms/fastmcp-rs.cyclonedx.json", json.dumps({"of": system}))
    return folder


def test_a_consistent_release_passes(tree):
    RELEASE.check(tree, "v1.2.3", ADDRESS)
    assert RELEASE.notes(tree, "v1.2.3") == "- A thing.\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("Cargo.toml", "1.2.3", "1.2.4", r"the version of Cargo.toml 1\.2\.4"),
        ("pyproject.toml", "owner", "another", "every link would be wrong"),
        ("pyproject.toml", "Repository", "Homepage", "has no Repository"),
        ("pyproject.toml", "code.test", "repository.example", "is the placeholder"),
        (
            "pyproject.toml",
            f"{ADDRESS}/issues",
            "https://repository.example/issues",
            "placeholders are left: .*/issues",
        ),
        ("Cargo.toml", "code.test", "repository.example", "placeholders are left"),
        ("CHANGELOG.md", "[1.2.3] - 2026-11-30", "[Unreleased]", "no section"),
        ("CHANGELOG.md", "2026-11-30", "soon", "no section"),
        ("CHANGELOG.md", "- A thing.", "", "no section"),
        ("benches/results/instructions-history.json", "1.2.3", "1.2.2", "make bench-history"),
    ],
)
def test_an_inconsistent_release_is_an_error(tree, file, old, new, why):
    path = tree / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RELEASE.NotReadyError, match=why):
        RELEASE.check(tree, "v1.2.3", ADDRESS)


def test_each_file_has_its_checksum_and_the_release_its_bill_of_materials(tree, dist):
    out = tree / "assets"
    RELEASE.assets(tree, dist, out)
    sums = dict(reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in dist.iterdir()}
    assert json.loads((out / "fastmcp-rs.cyclonedx.json").read_text())["of"] == WHEELS[0]


@pytest.mark.parametrize("system", WHEELS)
def test_a_wheel_that_is_missing_is_noticed(tree, dist, system):
    (dist / f"fastmcp_rs-1.2.3-cp310-abi3-{system}.whl").unlink()
    with pytest.raises(RELEASE.NotReadyError, match="not exactly one of each"):
        RELEASE.assets(tree, dist, tree / "assets")


@pytest.mark.parametrize(
    "name",
    [
        "fastmcp_rs-1.2.3-cp310-abi3-linux_x86_64.whl",
        "fastmcp_rs-1.2.3-cp310-abi3-manylinux_2_34_x86_64.whl",
        "fastmcp_rs-1.2.3-cp310-abi3-macosx_12_0_arm64.whl",
        "fastmcp_rs-1.2.2.tar.gz",
        "notes.txt",
    ],
)
def test_an_extra_file_is_noticed(tree, dist, name):
    (dist / name).touch()
    with pytest.raises(RELEASE.NotReadyError, match="not exactly one of each"):
        RELEASE.assets(tree, dist, tree / "assets")


def test_the_tag_of_another_version_ends_the_job():
    command = [sys.executable, ROOT / "scripts/release.py", "check", "--tag", "v0.0.0", "--address", ADDRESS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("release: the tag is v0.0.0")


def test_a_wheel_is_released_for_each_target_of_the_workflow():
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    assert len(re.findall(r"\{ system: [\w.-]+, target: [\w-]+ \}", workflow)) == len(RELEASE.SYSTEMS)


def test_the_history_draws_each_path_release_by_release():
    spec = importlib.util.spec_from_file_location("bench_history", ROOT / "benches" / "history.py")
    history = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(history)
    older = {"accept": {"instructions": 12000}, "gone since": {"instructions": 7}}
    newer = {"accept": {"instructions": 11000}, "new since": {"instructions": 8}}
    text = history.drawn({"0.1.0": older, "0.2.0": newer})
    assert re.findall(r'class="title"[^>]*>([^<]*)<', text) == ["accept", "gone since", "new since"]
    assert re.findall(r'class="value"[^>]*>([^<]*)<', text) == ["12,000", "11,000", "7", "8"]
    assert text.count('<rect class="ours"') == 2
