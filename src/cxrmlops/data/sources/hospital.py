"""
A hospital's own films: a folder of DICOM files, and its report table.

The report table is a CSV with a header line, one line per report:

| column | must | what |
|---|---|---|
| conclusion | yes | NSF, ASF, uncertain or disputed |
| study_instance_uid | one of both | of the reported study (0020,000D) |
| accession_number | one of both | of the reported study (0008,0050) |
| finding_codes | no | the site's codes of what was found, joined by "\\|" |
| study_date | no | YYYY-MM-DD or YYYYMMDD; used where a film has none |
| patient_id | no | (0010,0020); a film of another patient is set aside |

Other columns are passed over. The words of `conclusion` are the policy: a site with
other words translates them in its table, where everybody can see it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.report_labels import read_conclusions, split_codes
from cxrmlops.data.sources.csv_table import (
    found_columns,
    read_csv,
    require_columns,
    require_single_lines,
)
from cxrmlops.data.sources.header_pass import read_headers
from cxrmlops.data.sources.rows import (
    IMAGE_ROWS,
    REPORT_ROWS,
    SourceInput,
    loosely,
    report_row,
)
from cxrmlops.system.errors import DataError

LABEL_POLICY = "hospital-1"

_STUDY, _ACCESSION = "study_instance_uid", "accession_number"
# a line inside of a field, one of whose own fields is a label
_ROW_WITHIN = re.compile(
    r"[\r\n](?:.*[,;\t|])?[ \"]*(?:NSF|ASF)[ \"]*(?:[,;\t|\r\n]|$)"
)
_OPTIONAL = (_STUDY, _ACCESSION, "finding_codes", "study_date", "patient_id")


def image_rows(files: Sequence[ListedImage], reading: SourceInput) -> pd.DataFrame:
    """Read the header of every file: `IMAGE_ROWS`, one row per file.

    Killed and called again with the same `reading.work`, it goes on where it was.
    """
    return IMAGE_ROWS.from_rows(read_headers(files, reading))


def report_rows(reading: SourceInput) -> pd.DataFrame:
    """Read the report table: `REPORT_ROWS`, one row per line.

    Raises:
        DataError: a column is missing, a conclusion or date cannot be read, or lines
            name no study.
    """
    table = _read(reading)
    conclusion = read_conclusions(
        table.conclusion, where=f"{reading.reports}: column 'conclusion'"
    )
    dates = _dates(table.study_date, where=f"{reading.reports}: column 'study_date'")
    name = reading.namer.name
    rows = [
        report_row(
            conclusion=said,
            study_id=name("study", study),
            accession_id=name("accession", accession),
            number_id=name("number", patient),
            loose_number_id=name("loose number", loosely(patient)),
            study_date=date,
            findings="|".join(split_codes(codes)),
            codes="|".join(split_codes(codes)),
        )
        for said, study, accession, patient, date, codes in zip(
            conclusion,
            table[_STUDY],
            table[_ACCESSION],
            table.patient_id,
            dates,
            table.finding_codes,
            strict=True,
        )
    ]
    return REPORT_ROWS.from_rows(rows)


def _read(reading: SourceInput) -> pd.DataFrame:
    table = read_csv(reading.reports).rename(columns=str.casefold)
    where = reading.reports
    require_columns(table, ["conclusion"], where=where)
    if not {_STUDY, _ACCESSION} & set(table.columns):
        raise DataError(
            f"{where}: column '{_STUDY}' or '{_ACCESSION}' is missing, found "
            f"{found_columns(table)}; one of both must name the study"
        )
    require_columns(table, [n for n in _OPTIONAL if n in table.columns], where=where)
    table = table.assign(**{n: "" for n in _OPTIONAL if n not in table.columns})
    require_single_lines(table, ["conclusion", *_OPTIONAL], where=where)
    _check_swallowed(table, where)
    nameless = int(
        (table[_STUDY].str.strip() + table[_ACCESSION].str.strip()).eq("").sum()
    )
    if nameless:
        raise DataError(
            f"{where}: {nameless} of {len(table)} row(s) name no study: fill column "
            f"'{_STUDY}' or '{_ACCESSION}', or remove the rows"
        )
    return table


def _check_swallowed(table: pd.DataFrame, where: Path) -> None:
    """Refuse free text that holds lines of the table: a stray quote begins there."""
    for name in table.columns:
        rows = table[name].str.contains(_ROW_WITHIN)
        if rows.any():
            raise DataError(
                f"{where}: column '{name}' holds rows of the table from line "
                f'{table.index[rows][0]} on; remove the stray quote (") there'
            )


def _dates(text: pd.Series, *, where: str) -> pd.Series:
    plain = text.str.strip().str.replace("-", "")
    parsed = pd.to_datetime(plain, format="%Y%m%d", errors="coerce")
    wrong = parsed.isna() & plain.ne("")
    if wrong.any():
        raise DataError(
            f"{where}: {int(wrong.sum())} of {len(text)} row(s) hold no date, first in "
            f"line {text.index[wrong][0]}; write YYYY-MM-DD"
        )
    return parsed.dt.strftime("%Y%m%d").fillna("")
