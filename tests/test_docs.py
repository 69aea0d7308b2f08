"""The documentation is whole, says what the code says, and works without a network."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cxrmlops.cli import app
from cxrmlops.params import Params, Site
from cxrmlops.records import tables
from documentation import checks, records
from documentation.markdown import text
from documentation.source_comments import yaml_comments
from tests.conftest import ROOT

LOADS = re.compile(
    r"<(?:script|img|iframe|source|embed|video|audio)\b[^>]*?\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b(?![^>]*\brel=[\"']?(?:canonical|alternate|next|prev)\b)[^>]*?"
    r"\bhref=[\"']?(?:https?:)?//"
    r"|@import|url\([\"']?(?:https?:)?//"
)
BUILTIN = ("help", "install_completion", "show_completion")  # typer's own


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` builds it; any warning fails."""
    out = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "documentation", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def words(page: Path) -> str:
    """Give a page's text, tags taken out."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def headings(page: Path) -> set[str]:
    found = re.findall(r"<h[1-6] id=\"?([^\s\">]+)", page.read_text(encoding="utf-8"))
    return set(found)


def all_commands(command, name=()):
    yield name, command
    for part, inner in getattr(command, "commands", {}).items():
        yield from all_commands(inner, (*name, part))


@pytest.mark.slow
def test_every_command_has_its_section_and_every_option_is_there(site):
    page = site / "reference/command-line.html"
    sections, said = headings(page), words(page)

    for name, command in all_commands(get_command(app)):
        assert "-".join(("cxrmlops", *name)) in sections
        given = [each.opts[0] for each in command.params if each.name not in BUILTIN]
        shown = [each if each.startswith("-") else each.upper() for each in given]
        assert [each for each in shown if each not in said] == []


@pytest.mark.slow
def test_every_setting_is_there(site):
    page = site / "reference/settings.html"
    sections, said = headings(page), words(page)

    names = {field.alias or name for name, field in Params.model_fields.items()}
    assert sections >= names | {"paramsyaml", "siteyaml", "environment"}
    settings = [key for key in yaml_comments(ROOT / "params.yaml") if "." in key]
    assert len(settings) > 80
    leaves = [s for s in settings if not any(t.startswith(f"{s}.") for t in settings)]
    assert [each for each in leaves if each not in said] == []
    assert [each for each in Site.model_fields if each not in said] == []


@pytest.mark.slow
def test_every_variable_of_the_readme_is_there(site):
    told = set(re.findall(r"`(CXR_[A-Z_]+)`", (ROOT / "README.md").read_text()))

    said = words(site / "reference/settings.html")

    assert told - {"CXR_TEST_DATA"}  # of the tests, not of the program
    assert [each for each in told - {"CXR_TEST_DATA"} if each not in said] == []


@pytest.mark.slow
def test_every_table_has_its_section_with_every_column(site):
    page = site / "reference/tables.html"
    sections, said = headings(page), words(page)

    known = {n: t for n, t in vars(tables).items() if isinstance(t, tables.Table)}
    assert known
    assert sections >= {name.lower() for name in known}
    for table in known.values():
        assert table.name in said
        assert [column for column in table.columns if column not in said] == []


@pytest.mark.slow
def test_every_record_and_every_file_of_a_stage_is_there(site):
    page = site / "reference/records.html"
    sections, said = headings(page), words(page)

    assert sections >= {kind.__name__.lower() for kind in records.models()}
    assert [file for _, file, _ in records.FILES if file not in said] == []


@pytest.mark.slow
def test_every_module_is_in_the_api(site):
    pages = (site / "reference/api").glob("*.html")
    sections = set().union(*(headings(page) for page in pages))

    modules = [
        path.relative_to(ROOT / "src").with_suffix("").as_posix().replace("/", "")
        for path in (ROOT / "src").rglob("*.py")
        if path.stem != "__init__" and "migrations" not in path.parts
    ]
    assert [each for each in modules if each not in sections] == []


@pytest.mark.slow
def test_no_page_loads_anything_from_a_network(site):
    files = [f for kind in ("*.html", "*.css") for f in site.rglob(kind)]

    assert len(files) > 20
    assert checks.faults(site) == []
    assert [f.name for f in files if LOADS.search(f.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.services
def test_pages_open_from_disk_and_the_search_finds_a_command(site, browser_page):
    asked = []

    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.goto((site / "index.html").as_uri())
    browser_page.keyboard.press("/")
    # fill() waits for the box; letters typed before it has the focus are lost
    browser_page.get_by_placeholder("Search").fill("roll-back")
    browser_page.wait_for_selector("a[href*='command-line.html']:visible mark")

    assert "cxrmlops" in browser_page.title()
    assert [
        url for url in asked if not url.startswith(("file:", "data:", "blob:"))
    ] == []


def test_signs_of_markdown_are_escaped_and_code_is_kept():
    assert text("a <b> & `c <d>`") == "a &lt;b&gt; &amp; `c <d>`".replace("&gt;", ">")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<script src="https://cdn.example.org/a.js"></script>', "loads"),
        ('<link rel="stylesheet" href="//cdn.example.org/a.css">', "loads"),
        ('<img src="not_there.png">', "loads"),
        ('<a href="not_there.html">x</a>', "links to"),
    ],
)
def test_a_page_that_leans_on_something_absent_is_named(tmp_path, page, said):
    (tmp_path / "index.html").write_text(page)

    (fault,) = checks.faults(tmp_path)

    assert fault.startswith(f"index.html {said}")
