"""
NIH ChestX-ray14: its own table (Data_Entry_2017*.csv) and its picture files.

Label: "No Finding" alone is NSF, any of the 14 findings is ASF; both at once is
disputed. The table is text-mined: NSF says that none of 14 patterns was found in the
report, not that the film is normal. A study is one patient at one follow-up number.
The set tells no study dates.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.report_labels import Conclusion, split_codes
from cxrmlops.data.sources.csv_table import (
    read_csv,
    require_columns,
    require_single_lines,
)
from cxrmlops.data.sources.rows import (
    IMAGE_ROWS,
    REPORT_ROWS,
    Namer,
    SourceInput,
    image_row,
    report_row,
)
from cxrmlops.data.sources.understood import require_understood
from cxrmlops.system.errors import DataError

LABEL_POLICY = "nih-1"  # raise it whenever the first paragraph changes

NO_FINDING = "No Finding"
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)
OLDEST = 120  # years; the table holds ages up to 414: typing errors, so unknown

_IMAGE, _LABELS, _FOLLOW_UP = "Image Index", "Finding Labels", "Follow-up #"
_PATIENT, _AGE, _SEX, _VIEW = (
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)
_COLUMNS = (_IMAGE, _LABELS, _FOLLOW_UP, _PATIENT, _AGE, _SEX, _VIEW)
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_AGE_TEXT = re.compile(r"(\d{1,3}(?:[.,]\d+)?) ?([YMWD]?)", re.IGNORECASE)
VIEWS = {"pa": "PA", "ap": "AP"} | dict.fromkeys(
    ("l", "ll", "rl", "lat", "lateral"), "lateral"
)
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}


def image_rows(files: Sequence[ListedImage], reading: SourceInput) -> pd.DataFrame:
    """Describe every picture file by the line of the table that bears its name.

    Younger patients than asked for are rejected; unknown ages are not.

    Returns:
        `IMAGE_ROWS`, one row per file.

    Raises:
        DataError: a column is missing, or most of its ages, sexes or views cannot be
            understood.
    """
    table = _read(reading.reports)
    for name, known in (
        (_AGE, lambda text: not math.isnan(age_in_years(text))),
        (_SEX, lambda text: _plain(text) in SEXES),
        (_VIEW, lambda text: _plain(text) in VIEWS),
    ):
        require_understood(table[name], known, where=reading.reports)
    stems = table[_IMAGE].str.replace(r"\.\w+$", "", regex=True)
    here = stems.isin({PurePosixPath(file.path).stem for file in files})
    named = table[here].assign(stem=stems[here]).drop_duplicates("stem")
    lines = {row["stem"]: row for row in named.to_dict("records")}
    return IMAGE_ROWS.from_rows([_image_row(file, lines, reading) for file in files])


def report_rows(reading: SourceInput) -> pd.DataFrame:
    """Read one conclusion per line of the table: `REPORT_ROWS`.

    Raises:
        DataError: a column is missing, or a label is none of the 15.
    """
    table = _read(reading.reports)
    labels = {text: split_codes(text) for text in table[_LABELS].unique()}
    _check_labels(table, labels, reading.reports)
    rows = [
        report_row(
            conclusion=_conclude(labels[text]),
            study_id=_study(reading.namer, patient, follow_up),
            findings="|".join(code for code in labels[text] if code != NO_FINDING),
            codes="|".join(labels[text]),
        )
        for text, patient, follow_up in zip(
            table[_LABELS], table[_PATIENT], table[_FOLLOW_UP], strict=True
        )
    ]
    return REPORT_ROWS.from_rows(rows)


def age_in_years(text: str) -> float:
    """Read "58", "58.0", "058Y" or "004M"; NaN when it is no age a person can have."""
    found = _AGE_TEXT.fullmatch(text.strip())
    if not found:
        return float("nan")
    years = float(found[1].replace(",", ".")) * _YEARS[found[2].upper() or "Y"]
    return years if years <= OLDEST else float("nan")


def _read(reports: Path) -> pd.DataFrame:
    table = read_csv(reports)
    require_columns(table, _COLUMNS, where=reports)
    require_single_lines(table, _COLUMNS, where=reports)
    return table


def _plain(text: str) -> str:
    return text.strip().casefold()


def _image_row(
    file: ListedImage, lines: dict[str, dict[str, str]], reading: SourceInput
) -> dict[str, object]:
    name = reading.namer.name
    stem = PurePosixPath(file.path).stem
    image_id = name("image", "nih", stem)
    line = lines.get(stem)
    if line is None:
        return image_row(file, image_id=image_id, rejected="no_report")
    age = age_in_years(line[_AGE])
    patient = name("patient", "nih", line[_PATIENT])
    view = VIEWS.get(_plain(line[_VIEW]), "unknown")
    rejected, detail = "", ""
    if view == "lateral":
        rejected, detail = "lateral", f"column {_VIEW} says so"
    elif age < reading.scope.min_age_years:
        rejected = "child"
        detail = f"younger than {reading.scope.min_age_years:g} years"
    return image_row(
        file,
        image_id=image_id,
        study_id=_study(reading.namer, line[_PATIENT], line[_FOLLOW_UP]),
        patient_id=patient,
        number_id=patient,
        has_issuer=True,
        view=view,
        sex=SEXES.get(_plain(line[_SEX]), "unknown"),
        age_years=age,
        rejected=rejected,
        detail=detail,
    )


def _study(namer: Namer, patient: str, follow_up: str) -> str:
    return namer.name("study", "nih", f"{patient}_{follow_up}" if patient else "")


def _conclude(labels: list[str]) -> str:
    if labels == [NO_FINDING]:
        return Conclusion.NSF
    return Conclusion.DISPUTED if NO_FINDING in labels else Conclusion.ASF


def _check_labels(
    table: pd.DataFrame, labels: dict[str, list[str]], where: Path
) -> None:
    known = {NO_FINDING, *FINDINGS}
    wrong = {text for text, codes in labels.items() if not codes or set(codes) - known}
    if wrong:
        n = int(table[_LABELS].isin(wrong).sum())
        line = table.index[table[_LABELS].isin(wrong)][0]
        codes = {code[:24] for text in wrong for code in labels[text]} - known
        raise DataError(
            f"{where}: column '{_LABELS}': {n} row(s) hold a label that is none of the "
            f"15 ({', '.join(sorted(codes)[:5]) or 'empty'}), first in line {line}; "
            "correct them"
        )
