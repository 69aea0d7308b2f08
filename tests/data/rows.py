"""Rows as a source gives them. A builder's arguments are the quirks a test is about."""

from pathlib import Path

import pandas as pd

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.sources.rows import (
    IMAGE_ROWS,
    REPORT_ROWS,
    Namer,
    SourceInput,
    image_row,
    report_row,
)
from tests.make import SCOPE


def make_image_row(image: str, **quirks: object) -> dict[str, object]:
    """Build what a source says of one good film: study S1, patient P1, mid-window."""
    known = {
        "image_id": image,
        "study_id": "S1",
        "accession_id": "A1",
        "patient_id": "P1",
        "number_id": "N1",
        "has_issuer": True,
        "study_date": "20170601",
        "view": "PA",
    }
    return image_row(ListedImage(f"{image}.dcm", 1, 1), **(known | quirks))


def make_image_rows(*rows: dict[str, object]) -> pd.DataFrame:
    """Build a source's films; without `rows`, one good film."""
    return IMAGE_ROWS.from_rows(list(rows) or [make_image_row("I1")])


def make_report_rows(*rows: dict[str, object]) -> pd.DataFrame:
    """Build a source's reports: study S1, NSF, unless a row says otherwise."""
    return REPORT_ROWS.from_rows(
        [
            report_row(**({"study_id": "S1", "conclusion": "NSF"} | row))
            for row in rows or ({},)
        ]
    )


def make_reading(folder: Path, *, reports: str = "reports.csv") -> SourceInput:
    """Build what a source is asked: films in folder/films, reports beside it."""
    return SourceInput(
        images=folder / "films",
        reports=folder / reports,
        namer=Namer(b"key"),
        scope=SCOPE,
        work=folder / "work",
    )
