"""
The night's reading list: a page that opens from disk, without network or server.

More than PAGE_ROWS studies stand on several pages, in the order of the list.

Of the patient it shows accession number and study date, nothing else; a link to the
site's viewer holds the study's UID. The page and its data are readable by their owner
only.
"""

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cxrmlops.dicom.results.answers import PRODUCT
from cxrmlops.records.reading_list import Entry, Night
from cxrmlops.reporting.pages import environment
from cxrmlops.reporting.priority import Place, Waiting, order
from cxrmlops.reporting.texts import catalogue, finding_words
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import write_text
from cxrmlops.vocabulary.findings import Finding
from cxrmlops.vocabulary.reasons import reason_sentence
from cxrmlops.vocabulary.rollout import Rollout

PAGE, DATA = "reading_list.html", "reading_list.json"
ROWS_SHOWN = 200  # at first; a browser lays 10,000 films out for minutes
PAGE_ROWS = 2000  # 1.7 MB; a page of 100,000 studies would be 85 MB


def write_reading_list(out: Path, night: Night) -> None:
    """Write out/reading_list.html, its further pages, and the data they are made from.

    A night of more than PAGE_ROWS studies goes on in reading_list_2.html and so on,
    which the first page leads to.
    """
    entries = {entry.study_instance_uid: entry for entry in night.entries}
    rows = [
        _row(entries[place.study_instance_uid], place, night)
        for place in _places(night)
    ]
    starts = range(0, max(len(rows), 1), PAGE_ROWS)
    names = [_page_name(number) for number, _ in enumerate(starts, start=1)]
    pages = [
        {"name": name, "first": start + 1, "last": min(start + PAGE_ROWS, len(rows))}
        for name, start in zip(names, starts, strict=True)
    ]
    # the first page last: it leads to the others
    for page, start in reversed([*zip(pages, starts, strict=True)]):
        part = rows[start : start + PAGE_ROWS]
        text = _render(night, part, n=len(rows), page=page, pages=pages)
        _write_private(out / str(page["name"]), text)
    for old in {path.name for path in out.glob(_page_name("*"))} - set(names):
        (out / old).unlink()  # of a longer night
    plain = night.model_dump(mode="json")
    data = json.dumps(plain, indent=1, sort_keys=True, allow_nan=False)
    _write_private(out / DATA, data + "\n")


def join_reading_lists(reports: Sequence[Path], out: Path) -> None:
    """Write one list for a night that was reported in chunks.

    Args:
        reports: folders with a reading list each; pictures stay where they are.
        out: folder for the joined list, on the same disk.
    """
    nights = [_read(folder) for folder in reports]
    if not nights:
        raise DataError("no chunk of this night has a reading list; nothing to join")
    rejected: Counter[str] = Counter()
    entries: dict[str, Entry] = {}
    for folder, night in zip(reports, nights, strict=True):
        # files of no study; those of studies are counted once, below
        rejected += Counter(dict(night.rejected)) - _reasons(night.entries)
        for entry in night.entries:  # a study that was read again: the last answer
            entries[entry.study_instance_uid] = _moved(entry, folder, out)
    rejected += _reasons(entries.values())
    scored = sum(len(entry.pictures) for entry in entries.values())
    joined = {
        "analysed_at": min(filter(None, (n.analysed_at for n in nights)), default=""),
        "files": scored + rejected.total(),
        "rejected": tuple(sorted(rejected.items())),
        "entries": tuple(entries.values()),
        "rollout": _least(night.rollout for night in nights),
    }
    write_reading_list(out, nights[0].model_copy(update=joined))


def _page_name(number: int | str) -> str:
    return PAGE if number == 1 else f"{Path(PAGE).stem}_{number}.html"


def _render(night: Night, rows: list[dict[str, Any]], **paging: Any) -> str:
    return (
        environment()
        .get_template(PAGE)
        .render(
            night=night,
            product=PRODUCT,
            words=catalogue(night.language),
            shown=ROWS_SHOWN,
            rows=rows,
            counts=Counter(_css(entry) for entry in night.entries),
            rejected=[
                {
                    "reason": reason,
                    "n": n,
                    "means": reason_sentence(reason, night.language),
                }
                for reason, n in night.rejected
            ],
            **paging,
        )
    )


def _least(stages: Iterable[str]) -> str:
    """Return the stage that asks for most care: one warning stands for the page."""
    known = [Rollout(stage) for stage in stages if stage]
    return min(known, key=lambda stage: stage.rank, default="")


def _reasons(entries: Iterable[Entry]) -> Counter[str]:
    """Count the rejected films of these studies by reason."""
    return Counter(reason for entry in entries for reason in entry.reasons)


def _places(night: Night) -> list[Place]:
    if not night.entries:
        return []
    waiting = [
        Waiting(
            entry.study_instance_uid,
            entry.probability,
            Finding(entry.answer) if entry.answer else None,
            entry.in_scope,
        )
        for entry in night.entries
    ]
    since = {
        entry.study_instance_uid: dt.datetime.fromisoformat(entry.waiting_since)
        for entry in night.entries
        if entry.waiting_since
    }
    return order(
        waiting,
        waiting_since=since,
        now=dt.datetime.fromisoformat(night.analysed_at),
        max_wait_hours=night.max_wait_hours,
        audit_fraction=night.audit_fraction,
    )


def _row(entry: Entry, place: Place, night: Night) -> dict[str, Any]:
    words = catalogue(night.language)
    return {
        "rank": place.rank,
        "css": _css(entry),
        "answer": _answer(entry, night),
        "percent": None if entry.probability is None else 100 * entry.probability,
        "why": words[f"why_{place.why}"],
        "audit": place.audit,
        "accession": entry.accession_number,
        "date": _shown_date(entry.study_date),
        "reasons": [
            {"code": reason, "means": reason_sentence(reason, night.language)}
            for reason in sorted(set(entry.reasons))
        ],
        "pictures": entry.pictures,
        "viewer": night.viewer_url.replace(
            "{StudyInstanceUID}", quote(entry.study_instance_uid, safe="")
        ),
    }


def _answer(entry: Entry, night: Night) -> str:
    """Say what report and overlay say: NSF only where no threshold is reached."""
    words = catalogue(night.language)
    if not entry.in_scope:
        return words["out_of_scope"]
    finding = Finding(entry.answer) if entry.answer else None
    lowest = min((threshold for _, threshold in night.thresholds), default=1.0)
    if finding is Finding.NSF and (entry.probability or 0.0) >= lowest:
        return words["equivocal"]
    return finding_words(finding, night.language)


def _css(entry: Entry) -> str:
    """Name a study's kind: asf, nsf, none (not evaluable) or out (of scope)."""
    if entry.answer:
        return entry.answer.lower()
    return "none" if entry.in_scope else "out"


def _shown_date(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else date


def _write_private(path: Path, text: str) -> None:
    write_text(path, text, private=True)


def _read(folder: Path) -> Night:
    if not (folder / DATA).exists():
        raise DataError(
            f"{folder / DATA} is missing; run the stage 'report' for this chunk first"
        )
    return Night.read(folder / DATA)


def _moved(entry: Entry, folder: Path, out: Path) -> Entry:
    way = Path(os.path.relpath(folder, out)).as_posix()
    pictures = tuple(
        (f"{way}/{image}", f"{way}/{shown}" if shown else "")
        for image, shown in entry.pictures
    )
    return entry.model_copy(update={"pictures": pictures})
