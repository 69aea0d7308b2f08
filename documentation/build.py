"""Pages by hand and pages from the code -> one site that works without a network."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from documentation import api, command_line, reasons, records, settings, tables
from documentation.checks import faults

CARRIED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
API = "reference/api"
MARK = "search.json"  # in every site
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def build(root: Path, out: Path) -> None:
    """Write the site into `out`, replaced as a whole; any warning is an error.

    Raises:
        SystemExit: a page has a warning, which is on the screen.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        assemble(root, folder)
        # of a project without a cache: what a page of before said must not stay
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
            cwd=folder,
            check=False,
        )
        if done.returncode:
            raise SystemExit("the documentation has warnings, see above")
        if wrong := faults(folder / "site"):
            raise SystemExit("\n".join(wrong))
        _make_room(out)
        shutil.copytree(folder / "site", out)


def _make_room(out: Path) -> None:
    """Remove an earlier site, and nothing else."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise SystemExit(f"{out} holds files that are no site; name another folder")
    shutil.rmtree(out, ignore_errors=True)


def assemble(root: Path, folder: Path) -> None:
    """Write mkdocs.yml and all pages into `folder`."""
    pages = folder / "docs"
    shutil.copytree(root / "docs", pages)
    for source, page in _by_hand(root).items():
        text = (root / source).read_text(encoding="utf-8")
        (pages / page).write_text(
            carry(text, source=source, page=page), encoding="utf-8"
        )
    found = api.pages(root)
    described = generated(root) | {f"{API}/{n}.md": t for n, (_, t) in found.items()}
    for name, text in described.items():
        path = pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))
    config["nav"] = _nav(config["nav"], found)
    _require_pages(config["nav"], pages)
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))


def _by_hand(root: Path) -> dict[Path, Path]:
    """Return source below the root -> page below docs/, of pages written by hand."""
    docs = {
        path.relative_to(root): path.relative_to(root / "docs")
        for path in (root / "docs").rglob("*.md")
    }
    return docs | {Path(name): Path(page) for name, page in CARRIED.items()}


def generated(root: Path) -> dict[str, str]:
    """Return path below docs/ -> Markdown, for each page but those of the API."""
    return {
        "reference/command-line.md": command_line.page(root),
        "reference/settings.md": settings.page(root),
        "reference/tables.md": tables.page(),
        "reference/records.md": records.page(),
        "reference/reasons.md": reasons.page(),
    }


def carry(text: str, *, source: Path, page: Path) -> str:
    """Make links of a file right for its page of the site.

    Links between pages stay; of a file of the project that is no page the name is left.

    Args:
        text: Markdown.
        source: of the text, below the project's root.
        page: below docs/.
    """

    def right(link: re.Match[str]) -> str:
        target = os.path.normpath(source.parent / link[2])
        place = CARRIED.get(target, target.removeprefix("docs/"))
        if target not in CARRIED and not target.startswith("docs/"):
            return link[1]
        return f"[{link[1]}]({os.path.relpath(place, page.parent)}{link[3] or ''})"

    return _LINK.sub(right, text)


def _nav(nav: list[Any], found: dict[str, tuple[str, str]]) -> list[Any]:
    """Put one entry a page of the API where mkdocs.yml says `reference/api`."""
    entries = [{title: f"{API}/{name}.md"} for name, (title, _) in found.items()]
    return [_filled(entry, entries) for entry in nav]


def _filled(entry: Any, entries: list[dict[str, str]]) -> Any:
    if isinstance(entry, dict):
        return {
            title: entries
            if inner == API
            else [_filled(each, entries) for each in inner]
            if isinstance(inner, list)
            else inner
            for title, inner in entry.items()
        }
    return entry


def _require_pages(nav: Any, pages: Path) -> None:
    """Refuse an entry of the navigation without its page; Zensical says nothing."""
    for entry in nav if isinstance(nav, list) else nav.values():
        if not isinstance(entry, str):
            _require_pages(entry, pages)
        elif not (pages / entry).exists():
            raise SystemExit(f"mkdocs.yml names {entry}, which is not in docs/")
