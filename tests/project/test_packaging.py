"""What is packed: links that lead somewhere, one address, and a name of a wheel that is true."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = "https://code.test/owner/name"


def script(name):
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # As a script finds its neighbours when it is run.
        patch.syspath_prepend(ROOT / "scripts")
        spec.loader.exec_module(module)
    return module


ADDRESSES = script("address")
SDIST = script("sdist")
WHEEL = script("wheel")


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("see [docs](docs/a.md).", f"see [docs]({ADDRESS}/blob/v1/docs/a.md)."),
        ("[row](docs/a.md#install)", f"[row]({ADDRESS}/blob/v1/docs/a.md#install)"),
        ("![chart](docs/a.svg)", f"![chart]({ADDRESS}/raw/v1/docs/a.svg)"),
        ("[two\nlines](docs/a.md)", f"[two\nlines]({ADDRESS}/blob/v1/docs/a.md)"),
        ("[part](#part) [else](https://else.example/a)", "[part](#part) [else](https://else.example/a)"),
        ("```python\nf[a](docs)\n```\n[d](docs)", f"```python\nf[a](docs)\n```\n[d]({ADDRESS}/blob/v1/docs)"),
    ],
)
def test_links_to_files_are_absolute_in_what_is_packed(tmp_path, text, packed):
    (tmp_path / "docs").mkdir()
    for name in ("a.md", "a.svg"):
        (tmp_path / "docs" / name).touch()
    assert SDIST.absolute_links(text, ADDRESS, "v1", tmp_path) == packed
    assert SDIST.absolute_links(packed, ADDRESS, "v1", tmp_path) == packed, "what is absolute is left alone"


def test_without_an_address_what_a_link_says_is_packed_and_leads_nowhere():
    text = "see [the docs](README.md#how) and [else](https://else.example/a)"
    assert SDIST.absolute_links(text, None, "v1", ROOT) == "see the docs and [else](https://else.example/a)"


def test_a_name_that_is_reserved_is_no_address(tmp_path):
    for address, public in (("https://repository.example/a", None), (ADDRESS, ADDRESS), ("nothing", None)):
        (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{address}"\n')
        assert ADDRESSES.public(tmp_path) == public


def test_a_link_to_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SDIST.BrokenLinkError, match=r"docs/gone\.md"):
        SDIST.absolute_links("[gone](docs/gone.md)", ADDRESS, "v1", tmp_path)


def test_no_relative_link_of_the_readme_is_packed():
    readme = (ROOT / "README.md").read_text()
    packed = SDIST.absolute_links(readme, ADDRESS, "v1", ROOT)
    targets = re.findall(r"\]\(([^)]*)\)", packed)
    assert any(target.startswith(ADDRESS) for target in targets)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_every_url_of_the_metadata_is_below_the_one_address():
    address = ADDRESSES.repository()
    urls = re.search(r"^\[project\.urls\]\n(.*?)^\[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)[
        1
    ]
    found = [*re.findall(r'= "(.*)"', urls), SDIST.setting("Cargo.toml", "repository")]
    assert len(found) > 3
    assert [url for url in found if not url.startswith(address)] == []


@pytest.mark.parametrize(
    ("tag", "compatibility", "holds"),
    [
        ("manylinux_2_17_x86_64", "manylinux_2_17", True),
        ("manylinux_2_5_x86_64", "manylinux_2_17", True),
        ("manylinux_2_34_x86_64", "manylinux_2_17", False),
        ("manylinux_3_0_aarch64", "manylinux_2_17", False),
        ("musllinux_1_2_aarch64", "musllinux_1_2", True),
        ("musllinux_1_2_aarch64", "manylinux_2_17", False),
        ("linux_x86_64", "manylinux_2_17", False),
    ],
)
def test_a_wheel_asks_for_no_newer_c_library_than_its_name_says(tag, compatibility, holds):
    assert WHEEL.is_at_most(tag, compatibility) is holds


def test_the_demo_of_the_workflow_runs_without_rust(tmp_path, monkeypatch):
    for name in ("cargo", "rustc"):
        folder = tmp_path / name
        folder.mkdir()
        program = folder / name
        program.touch(mode=0o755)
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'cargo'}:{plain}:{tmp_path / 'rustc'}")
    monkeypatch.setenv("CARGO_HOME", "/somewhere")
    environment = WHEEL.without_rust()
    assert environment["PATH"] == str(plain)
    assert "CARGO_HOME" not in environment
