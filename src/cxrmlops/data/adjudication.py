"""
What readers settled about single studies: their tables checked, and joined to labels.

A study is named by its keyed pseudonym. A decision stands above the report's own
conclusion; `uncertain` sets the study aside. Readers who disagree stop the table.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrmlops.data.report_labels import Conclusion
from cxrmlops.data.sources.csv_table import (
    read_csv,
    require_columns,
    require_single_lines,
)
from cxrmlops.data.spreadsheet import as_meant
from cxrmlops.records.tables import DECISIONS
from cxrmlops.system.errors import DataError

WRITTEN_BY_READERS = ("reader", "decision", "comment")
ASKED = ("study_id", "kind", "label", "probability", "codes", *WRITTEN_BY_READERS)
NEEDED = ("study_id", "reader", "decision")
WORDS = {
    word.casefold(): word.value
    for word in (Conclusion.NSF, Conclusion.ASF, Conclusion.UNCERTAIN)
}


def read_decisions(paths: Sequence[Path], known: frozenset[str]) -> pd.DataFrame:
    """Read readers' tables; rows without a decision are not yet settled.

    Args:
        paths: CSV files with the columns of `NEEDED` at least.
        known: study_id of every study of the cohort that has a report.

    Returns:
        DECISIONS rows, one per study, sorted by study.

    Raises:
        DataError: a column is missing, a study is unknown, a word is no decision, a
            decision has no reader, or two readers disagree. Rows are named by number.
    """
    rows = [row for path in paths for row in _rows(path)]
    settled = [row for row in rows if row["decision"]]
    strange = [row for row in settled if row["study_id"] not in known]
    _refuse(strange, "name a study that the cohort does not hold")
    unclear = [row for row in settled if row["decision"].casefold() not in WORDS]
    _refuse(unclear, f"hold no decision ({', '.join(WORDS.values())})")
    unsigned = [row for row in settled if not row["reader"]]
    _refuse(unsigned, "have a decision but no reader")
    said: dict[str, set[str]] = {}
    for row in settled:
        said.setdefault(row["study_id"], set()).add(row["decision"].casefold())
    torn = [row for row in settled if len(said[row["study_id"]]) > 1]
    _refuse(torn, "are of readers who disagree; settle it together and keep one row")
    return DECISIONS.from_rows(
        [
            {
                "study_id": study,
                "decision": WORDS[next(iter(words))],
                "readers": len(
                    {r["reader"] for r in settled if r["study_id"] == study}
                ),
            }
            for study, words in sorted(said.items())
        ]
    )


def require_none_lost(decisions: pd.DataFrame, folder: Path) -> None:
    """Refuse to replace decisions in `folder` by others that leave some of them out.

    Raises:
        DataError: a study was settled there and would not be any more.
    """
    if not (folder / DECISIONS.name).exists():
        return
    before = DECISIONS.read(folder)
    lost = int((~before.study_id.isin(decisions.study_id)).sum())
    if lost:
        raise DataError(
            f"{folder} holds decisions on {lost} studies that these tables do not "
            "settle; give all tables at once, or name another folder with --out"
        )


def settle(studies: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Put decisions in the place of conclusions.

    Args:
        studies: one row per study with study_id and conclusion.
        decisions: DECISIONS rows; studies that are not there are passed over.

    Returns:
        `studies` with the settled conclusion, and `label_source`: report or
        adjudicated.
    """
    by_study = decisions.set_index("study_id").decision
    settled = studies.study_id.map(by_study).astype("string")
    source = settled.notna().map({True: "adjudicated", False: "report"})
    return studies.assign(
        conclusion=settled.fillna(studies.conclusion).astype("string"),
        label_source=source.astype("string"),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    table = read_csv(path)
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise DataError(
            f"{path} lacks the column(s) {', '.join(missing)}; start from the file "
            "that `cxrmlops errors` writes"
        )
    require_columns(table, NEEDED, where=path)  # each once
    require_single_lines(table, NEEDED, where=path)
    return [
        {name: as_meant(row[name]).strip() for name in NEEDED}
        | {"at": f"{path.name}:{line}"}
        for line, row in zip(table.index, table.to_dict("records"), strict=True)
    ]


def _refuse(rows: Sequence[dict[str, str]], what: str) -> None:
    if rows:
        shown = ", ".join(row["at"] for row in rows[:5])
        shown += " ..." if len(rows) > 5 else ""
        raise DataError(f"{len(rows)} row(s) {what}: {shown}; correct them, run again")
