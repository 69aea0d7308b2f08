"""Reports of studies that were answered: a folder where they arrive, file by file."""

from pathlib import Path

import pandas as pd

from cxrmlops.data.cohort import match_reports
from cxrmlops.data.sources import hospital
from cxrmlops.data.sources.fhir_reports import fhir_report_rows
from cxrmlops.data.sources.rows import REPORT_ROWS, Namer, SourceInput
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.scope import Scope

SUFFIXES = (".csv", ".json")


def read_arrived(
    folder: Path, namer: Namer, scope: Scope
) -> tuple[pd.DataFrame, list[str]]:
    """Read every CSV (as training's report table) and FHIR file, the oldest first.

    Of a study that several files speak of, the newest file counts: a later export
    corrects an earlier one. A file that cannot be read does not stop the others.

    Args:
        folder: where reports arrive; nested folders are looked into.
        namer: of the pseudonyms.
        scope: of the model.

    Returns:
        `REPORT_ROWS`, and why files were not read.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(
            f"site.yaml: arrived: {folder} is no folder here ({Path.cwd()}); make it, "
            "or set arrived: null"
        )
    parts, unread = [], []
    files = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES]
    order = sorted(files, key=lambda path: (path.stat().st_mtime_ns, str(path)))
    for number, path in enumerate(order):
        try:
            parts.append(_read(path, namer, scope).assign(file=number))
        except DataError as error:
            unread.append(str(error))
    if not parts:
        return REPORT_ROWS.empty(), unread
    rows = pd.concat(parts, ignore_index=True)
    subject = rows.study_id.where(rows.study_id != "", "accession " + rows.accession_id)
    newest = rows.groupby(subject).file.transform("max") == rows.file
    return rows[newest].drop(columns="file").reset_index(drop=True), unread


def conclusions(reports: pd.DataFrame, studies: pd.DataFrame) -> pd.Series:
    """Return what the reports conclude of each study, by the cohort's own rules.

    Args:
        reports: `REPORT_ROWS`.
        studies: study_id and accession_id, one row per study.

    Returns:
        Index of `studies`: NSF, ASF, uncertain, disputed, or "" without a report.
    """
    if reports.empty or studies.empty:
        return pd.Series("", index=studies.index, dtype="string")
    known = studies[["study_id", "accession_id"]].assign(number_id="")
    matched = match_reports(reports, known).set_index("study_id").conclusion
    return studies.study_id.map(matched).fillna("").astype("string")


def _read(path: Path, namer: Namer, scope: Scope) -> pd.DataFrame:
    if path.suffix.lower() == ".json":
        return fhir_report_rows(path, namer)
    reading = SourceInput(
        images=path.parent, reports=path, namer=namer, scope=scope, work=path.parent
    )
    return hospital.report_rows(reading)
