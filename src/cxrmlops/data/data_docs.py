"""
Great Expectations' Data Docs as a few pages that need no network and no script.

The stock site loads fifteen files from content delivery networks and an image that
reports home, and stamps every page with the time. Here the same rendered sections
stand under one small style sheet: equal results give equal bytes, which DVC needs.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #cf222e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto;
  padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; }
h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
h3, h4, h5, h6 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .3rem 0; }
a { color: inherit; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; }
.ge-section table { table-layout: fixed; }
.ge-section th:first-child { width: 4rem; } .ge-section th:last-child { width: 14rem; }
th { background: #8881; font-weight: 600; }
.ge-section { border-top: 1px solid var(--line); margin-top: 1rem; padding-top: .4rem; }
.badge { border: 1px solid var(--line); border-radius: 4px; padding: 0 .35rem;
  font-family: ui-monospace, monospace; font-size: .9em; }
.fa-check-circle::before { content: "\\2714"; color: var(--good); font-style: normal; }
.fa-times::before { content: "\\2718"; color: var(--bad); font-style: normal; }
.fa-exclamation-triangle::before { content: "\\26A0"; color: var(--bad); }
.good { color: var(--good); } .bad { color: var(--bad); }
.cooltip .top { display: none; }
"""


@dataclass(frozen=True)
class Page:
    """One table's validation result, ready to be shown."""

    name: str  # file name without .html
    title: str
    result: Any  # great_expectations ExpectationSuiteValidationResult, scrubbed


def write_data_docs(
    folder: Path, pages: list[Page], *, figures: Mapping[str, str]
) -> None:
    """Write index.html and one page per table below `folder`.

    Args:
        folder: made if absent.
        pages: in the order in which the index lists them.
        figures: name -> value, shown on the index; counts and shares only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        body = '<p><a href="index.html">All tables</a></p>' + _sections(page.result)
        (folder / f"{page.name}.html").write_text(
            _document(page.title, body), encoding="utf-8"
        )
    (folder / "index.html").write_text(_index(pages, figures), encoding="utf-8")


def _index(pages: list[Page], figures: Mapping[str, str]) -> str:
    lines = "".join(
        f'<tr><td><a href="{page.name}.html">{html.escape(page.title)}</a></td>'
        f"<td>{len(page.result.results)}</td>"
        f"<td>{sum(not one.success for one in page.result.results)}</td>"
        f"<td>{_status(page.result.success)}</td></tr>"
        for page in pages
    )
    numbers = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in figures.items()
    )
    return _document(
        "Validation of the cohort",
        "<table><tr><th>Table</th><th>Promises</th><th>Broken</th><th>Status</th></tr>"
        f"{lines}</table><h2>Figures</h2><table>{numbers}</table>"
        "<p>A row that breaks a promise is quarantined and named, by pseudonym, in "
        "quarantine.parquet; a broken promise of the whole set stops the run.</p>",
    )


def _status(success: bool) -> str:
    return (
        '<span class="good">kept</span>'
        if success
        else '<span class="bad">broken</span>'
    )


def _sections(result: Any) -> str:
    # takes seconds to load
    from great_expectations.render.renderer.page_renderer import (
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.view import DefaultJinjaSectionView

    document = ValidationResultsPageRenderer(run_info_at_end=False).render(result)
    view = DefaultJinjaSectionView()
    parts = []
    for number, section in enumerate(document.to_json_dict()["sections"], start=1):
        section["content_blocks"] = [
            block
            for block in section["content_blocks"]
            if block["content_block_type"] != "collapse"  # batch ids and times
        ]
        parts.append(
            view.render({"section": section, "section_loop": {"index": number}})
        )
    return _offline("".join(parts))


def _offline(text: str) -> str:
    """Drop scripts and random element ids; the page is read, not clicked."""
    text = re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(id|data-target|href)="[^"]*[0-9a-f]{8}-[0-9a-f-]{27}"', "", text)
    text = re.sub(r'\s(on\w+|data-[\w-]+)="[^"]*"', "", text)
    text = re.sub(r'<a href="\.\./[^"]*"[^>]*>(.*?)</a>', r"\1", text, flags=re.DOTALL)
    return re.sub(r"\n\s*\n+", "\n", text)


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
