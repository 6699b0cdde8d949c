"""The documentation site: links lead to what they name, and pages load nothing from another host."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name):
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # As a script finds its neighbours when it is run.
        patch.syspath_prepend(ROOT / "scripts")
        spec.loader.exec_module(module)
    return module


SITE, TABLES, DEFAULTS = script("site"), script("tables"), script("defaults")
ADDRESS = "https://code.test/owner/name"


@pytest.mark.parametrize(
    ("text", "led"),
    [
        ("[keys](keys.md#a)", "[keys](keys.md#a)"),
        ("[security](../SECURITY.md#limits)", "[security](security.md#limits)"),
        ("[releases](../RELEASING.md)", f"[releases]({ADDRESS}/blob/main/RELEASING.md)"),
        ("![chart](../benches/results/compare.svg)", "![chart](benches/results/compare.svg)"),
        ("[else](https://else.example/a.md) [here](#a)", "[else](https://else.example/a.md) [here](#a)"),
        ("```python\nf[a](gone.md)\n```\n", "```python\nf[a](gone.md)\n```\n"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_to_the_repository(text, led):
    in_site = {source: page for page, source in SITE.pages().items()}
    assert SITE.linked(text, "docs/errors.md", "errors.md", in_site, ADDRESS) == led


def test_without_an_address_what_a_link_says_stays():
    in_site = {source: page for page, source in SITE.pages().items()}
    text = "[releases](../RELEASING.md), [keys](keys.md)"
    assert SITE.linked(text, "docs/errors.md", "errors.md", in_site, None) == "releases, [keys](keys.md)"


def test_a_link_to_a_page_that_is_not_there_is_an_error():
    with pytest.raises(SITE.BrokenLinkError, match=r"docs/errors\.md: there is no docs/gone\.md"):
        SITE.linked("[gone](gone.md)", "docs/errors.md", "errors.md", {}, ADDRESS)


@pytest.mark.parametrize(
    ("name", "text", "elsewhere"),
    [
        ("a.html", '<script src="https://else.example/a.js"></script>', True),
        ("a.html", '<link rel="preconnect" href="//else.example">', True),
        ("a.html", '<img src="HTTPS://else.example/a.png">', True),
        ("a.html", "<style>@import 'https://else.example/a.css'</style>", True),
        ("a.css", "@font-face { src: url(https://else.example/a.woff2) }", True),
        ("a.html", '<a href="https://else.example">else</a> <link rel="canonical" href="https://else.example">', False),
        ("a.html", '<script src="assets/a.js"></script> <img src="data:image/png;base64,//8=">', False),
        ("a.css", "a { background: url(data:image/svg+xml,//) }", False),
    ],
)
def test_a_page_that_loads_from_another_host_is_noticed(tmp_path, name, text, elsewhere):
    (tmp_path / name).write_text(text)
    assert bool(SITE.of_other_hosts(tmp_path)) is elsewhere


def test_each_page_is_in_the_navigation():
    """As the build demands, which takes longer to say so."""
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = [page for page in SITE.pages() if page.endswith(".md")]
    assert len(pages) > 10
    assert [page for page in pages if f": {page}\n" not in navigation] == []


def test_each_cell_of_a_table_has_the_heading_of_its_column():
    headings = '<th>code</th>\n<th style="x">the <code>"a"</code> &amp; b</th>\n<th></th>'
    head = f"<table>\n<thead>\n<tr>\n{headings}\n</tr>\n</thead>"
    body = '<tbody>\n<tr>\n<td>1</td>\n<td style="x">2</td>\n<td>3</td>\n</tr>\n</tbody>\n</table>'
    labelled = body.replace("<td>1", '<td data-label="code">1')
    labelled = labelled.replace('<td style="x">2', '<td data-label="the &quot;a&quot; &amp; b" style="x">2')
    assert TABLES.labelled(f"<p>a</p>{head}{body}<p>b</p>") == f"<p>a</p>{head}{labelled}<p>b</p>"


def test_a_default_is_a_number_and_not_the_name_of_one(tmp_path):
    (tmp_path / "one.py").write_text("LOCAL_SECONDS = 5.0\nMAX_AGE = 1\nNAMED_THINGS = 'a'\n_INNER_SECONDS = 2\n")
    (tmp_path / "two.py").write_text("MAX_AGE = 2\nHALF_SECOND = 0.5\n")
    numbers = DEFAULTS.constants(tmp_path)
    assert numbers == {"LOCAL_SECONDS": "5", "HALF_SECOND": "0.5"}
    assert DEFAULTS.with_numbers("<b>LOCAL_SECONDS</b> MAX_AGE", numbers) == "<b>5</b> MAX_AGE"
