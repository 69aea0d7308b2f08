"""
Indiana University collection (Open-i): report XML with indexed codes, and pictures.

Label, from the major codes that librarians gave each report (`MeSH/major`, e.g.
"Opacity/lung/upper lobe/right"; the part before the first "/" is the finding):

* "normal" alone: NSF;
* "normal" beside any other code: disputed, the two contradict each other;
* no code, or "No Indexing": uncertain, nobody read the report for codes;
* nothing but a device, surgical material or an unsatisfactory picture: uncertain. The
  report calls the film not normal, but names no finding either;
* any other finding: ASF. Old scars and age changes that a librarian coded are among
  them; devices and picture quality are not among the findings that decide.

A report is one study of one patient; the collection says no more. It holds no study
dates (articleDate is the day of publication). Its picture files do not tell frontal
from lateral: a table `*projections*.csv` beside them must (columns filename,
projection: Frontal or Lateral); a picture that it does not name is set aside.
"""

import logging
from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.report_labels import Conclusion
from cxrmlops.data.sources.csv_table import read_csv, require_columns
from cxrmlops.data.sources.report_xml import XmlReport, read_reports
from cxrmlops.data.sources.rows import (
    IMAGE_ROWS,
    REPORT_ROWS,
    SourceInput,
    image_row,
    report_row,
)

log = logging.getLogger(__name__)

LABEL_POLICY = "openi-1"  # raise it whenever the rules above change

NORMAL = "normal"
NOT_INDEXED = frozenset({"no indexing"})
QUALITY = frozenset({"technical quality of image unsatisfactory"})
DEVICES = frozenset(
    {
        "breast implants",
        "catheters, indwelling",
        "contrast media",
        "foreign bodies",
        "implanted medical device",
        "medical device",
        "stents",
        "surgical instruments",
        "sutures",
        "tube, inserted",
    }
)
PROJECTIONS = "*projections*.csv"


def image_rows(files: Sequence[ListedImage], reading: SourceInput) -> pd.DataFrame:
    """Describe every picture by the report that names it: `IMAGE_ROWS`."""
    report_of = {
        _image_number(image): report.number
        for report in read_reports(reading.reports)
        for image in report.images
    }
    views = _projections(reading)
    return IMAGE_ROWS.from_rows(
        [_image_row(file, report_of, views, reading) for file in files]
    )


def report_rows(reading: SourceInput) -> pd.DataFrame:
    """Read one conclusion per report: `REPORT_ROWS`."""
    rows = [_report_row(report, reading) for report in read_reports(reading.reports)]
    return REPORT_ROWS.from_rows(rows)


def conclude(codes: Sequence[str]) -> tuple[Conclusion, list[str]]:
    """Apply the label policy to a report's major codes.

    Returns:
        The conclusion, and the findings that decided it: sorted, lower case.
    """
    heads = {" ".join(code.split("/")[0].split()).casefold() for code in codes} - {""}
    stated = heads - NOT_INDEXED - QUALITY - DEVICES
    findings = sorted(stated - {NORMAL})
    if NORMAL in heads:
        alone = heads == {NORMAL}
        return (Conclusion.NSF if alone else Conclusion.DISPUTED), findings
    return (Conclusion.ASF if findings else Conclusion.UNCERTAIN), findings


def _report_row(report: XmlReport, reading: SourceInput) -> dict[str, object]:
    conclusion, findings = conclude(report.codes)
    return report_row(
        study_id=reading.namer.name("study", "openi", report.number),
        conclusion=conclusion,
        findings="|".join(findings),
        codes="|".join(report.codes),
    )


def _image_row(
    file: ListedImage,
    report_of: dict[str, str],
    views: dict[str, str],
    reading: SourceInput,
) -> dict[str, object]:
    name = reading.namer.name
    image = _image_number(file.path)
    known: dict[str, object] = {"image_id": name("image", "openi", image)}
    if image not in report_of:
        return image_row(file, **known, rejected="no_report")
    patient = name("patient", "openi", report_of[image])
    known |= {
        "study_id": name("study", "openi", report_of[image]),
        "patient_id": patient,
        "number_id": patient,
        "has_issuer": True,
    }
    projection = views.get(image, "")
    if projection == "lateral":
        known["rejected"] = "lateral"
    elif projection != "frontal":
        known |= {"rejected": "no_projection", "detail": f"not in {PROJECTIONS}"}
    return image_row(file, **known)


def _projections(reading: SourceInput) -> dict[str, str]:
    """Read which picture is frontal and which lateral; no table, nothing known."""
    views: dict[str, str] = {}
    for path in sorted(reading.images.rglob(PROJECTIONS)):
        table = read_csv(path)
        require_columns(table, ["filename", "projection"], where=path)
        images = [_image_number(name) for name in table.filename]
        views |= dict(
            zip(images, table.projection.str.strip().str.casefold(), strict=True)
        )
    if not views:
        log.warning("cohort: openi: no %s below the film folder", PROJECTIONS)
    return views


def _image_number(path: str) -> str:
    """Reduce "CXR1_1_IM-0001-4001.png" and "1_IM-0001-4001.dcm.png" to one name."""
    stem = PurePosixPath(path).name
    for suffix in (".png", ".jpg", ".jpeg", ".dcm"):
        stem = stem.removesuffix(suffix)
    head, _, rest = stem.partition("_")
    return rest if head.startswith("CXR") else stem
