"""
RSNA Pneumonia Challenge 2018: classes that radiologists gave to NIH's pictures.

Films are NIH's pictures, or RSNA's DICOM files of them (`stage_2_train_images`), whose
headers say view, sex and age; their dates are made up and not used.

Label (Shih, Radiology: AI 2019): "Normal" is NSF; "Lung Opacity" and "No Lung Opacity /
Not Normal" are ASF, of which the first names the finding. Two different classes of one
picture are disputed. A picture is a study. The set tells no study dates.

The table needs the names that pictures have at NIH, since only they name the patient:
RSNA's `stage_2_detailed_class_info.csv` joined with the mapping that RSNA published
(`pneumonia-challenge-dataset-mappings_2018.json`).

| column | must | what |
|---|---|---|
| rsna_class or class | yes | one of the three classes |
| nih_name or nih | yes | file name at NIH: patient, `_`, number of the picture |
| rsna_id or patientId | no | another name of the picture file |
| view, sex, age | no | as in NIH's table; of pictures, for DICOM files say it |
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.report_labels import Conclusion
from cxrmlops.data.sources import nih
from cxrmlops.data.sources.csv_table import (
    found_columns,
    read_csv,
    require_single_lines,
)
from cxrmlops.data.sources.header_pass import read_headers
from cxrmlops.data.sources.rows import (
    IMAGE_ROWS,
    REPORT_ROWS,
    SourceInput,
    image_row,
    report_row,
)
from cxrmlops.system.errors import DataError

LABEL_POLICY = "rsna-1"  # raise it whenever the first paragraph changes

NORMAL = "Normal"
FINDINGS = {"Lung Opacity": "Lung_Opacity", "No Lung Opacity / Not Normal": "Other"}

_NAMES = {  # ours -> what it is called in the tables that are about
    "label": ("rsna_class", "class"),
    "nih": ("nih_name", "nih"),
    "rsna": ("rsna_id", "patientId"),
    "view": ("view",),
    "sex": ("sex",),
    "age": ("age",),
}


def image_rows(files: Sequence[ListedImage], reading: SourceInput) -> pd.DataFrame:
    """Describe every picture file by the line that bears its name, NIH's or RSNA's.

    Returns:
        `IMAGE_ROWS`, one row per file, in the order of `files`.

    Raises:
        DataError: a column is missing, or a line names no patient.
    """
    table = _read(reading.reports)
    lines: dict[str, dict[str, str]] = {}
    for line in table.to_dict("records"):
        lines[line["stem"]] = lines[line["rsna"]] = line
    dicom = [file for file in files if _stem(file) in lines and _is_dicom(file)]
    headers = {row["path"]: row for row in read_headers(dicom, reading)}
    return IMAGE_ROWS.from_rows(
        [
            _image_row(file, lines.get(_stem(file)), headers.get(file.path), reading)
            for file in files
        ]
    )


def report_rows(reading: SourceInput) -> pd.DataFrame:
    """Read one conclusion per picture: `REPORT_ROWS`.

    Raises:
        DataError: a column is missing, or a class is none of the three.
    """
    table = _read(reading.reports)
    _check_classes(table, reading.reports)
    rows = [
        _report_row(str(study), sorted(set(lines.label)), reading)
        for study, lines in table.groupby("study", sort=False)
    ]
    return REPORT_ROWS.from_rows(rows)


def _read(reports: Path) -> pd.DataFrame:
    table = read_csv(reports)
    found = {
        ours: next((name for name in names if name in table.columns), "")
        for ours, names in _NAMES.items()
    }
    for ours in ("label", "nih"):
        if not found[ours]:
            raise DataError(
                f"{reports}: column '{_NAMES[ours][0]}' or '{_NAMES[ours][1]}' is "
                f"missing, found {found_columns(table)}"
                + ("; RSNA published the names at NIH" if ours == "nih" else "")
            )
    require_single_lines(
        table, [name for name in found.values() if name], where=reports
    )
    known = {ours: table[name] if name else "" for ours, name in found.items()}
    plain = pd.DataFrame(known, index=table.index, dtype=str)
    plain = plain.apply(lambda column: column.str.strip())
    plain["stem"] = plain.nih.map(lambda name: PurePosixPath(name).stem)
    nameless = ~plain.stem.str.fullmatch(r"\d+_\d+")
    if nameless.any():
        raise DataError(
            f"{reports}: column '{found['nih']}': {int(nameless.sum())} of "
            f"{len(plain)} value(s) are no name of a picture at NIH (patient, _, "
            f"number), first in line {plain.index[nameless][0]}"
        )
    # boxes name a film by RSNA's name: `data/finding_boxes.py` asks the study's
    plain["study"] = plain.rsna.where(plain.rsna != "", plain.stem)
    return plain


def _stem(file: ListedImage) -> str:
    return PurePosixPath(file.path).stem


def _is_dicom(file: ListedImage) -> bool:
    return PurePosixPath(file.path).suffix.lower() == ".dcm"


def _image_row(
    file: ListedImage,
    line: dict[str, str] | None,
    header: dict[str, Any] | None,
    reading: SourceInput,
) -> dict[str, object]:
    name = reading.namer.name
    if line is None:
        image_id = name("image", "nih", _stem(file))
        return image_row(file, image_id=image_id, rejected="no_report")
    patient = name("patient", "nih", str(int(line["stem"].split("_")[0])))
    known = {
        "image_id": name("image", "nih", line["stem"]),
        "study_id": name("study", "rsna", line["study"]),
        "patient_id": patient,
        "number_id": patient,
        "has_issuer": True,
    }
    if header is None:
        return image_row(file, **known, **_told_by_line(line, reading))
    told = ("view", "portable", "sex", "age_years", "manufacturer")
    outcome = ("rejected", "detail")
    return image_row(file, **known, **{key: header[key] for key in (*told, *outcome)})


def _told_by_line(line: dict[str, str], reading: SourceInput) -> dict[str, object]:
    age = nih.age_in_years(line["age"])
    view = nih.VIEWS.get(line["view"].casefold(), "unknown")
    rejected, detail = "", ""
    if view == "lateral":
        rejected, detail = "lateral", "column view says so"
    elif age < reading.scope.min_age_years:
        rejected = "child"
        detail = f"younger than {reading.scope.min_age_years:g} years"
    return {
        "view": view,
        "sex": nih.SEXES.get(line["sex"].casefold(), "unknown"),
        "age_years": age,
        "rejected": rejected,
        "detail": detail,
    }


def _report_row(
    study: str, classes: list[str], reading: SourceInput
) -> dict[str, object]:
    abnormal = [label for label in classes if label != NORMAL]
    conclusion = Conclusion.ASF if abnormal else Conclusion.NSF
    return report_row(
        conclusion=conclusion if len(classes) == 1 else Conclusion.DISPUTED,
        study_id=reading.namer.name("study", "rsna", study),
        findings="|".join(FINDINGS[label] for label in abnormal),
        codes="|".join(classes),
    )


def _check_classes(table: pd.DataFrame, where: Path) -> None:
    wrong = ~table.label.isin([NORMAL, *FINDINGS])
    if wrong.any():
        raise DataError(
            f"{where}: {int(wrong.sum())} of {len(table)} row(s) hold none of RSNA's "
            f"classes ({', '.join([NORMAL, *FINDINGS])}), first in line "
            f"{table.index[wrong][0]}"
        )
