"""
Boxes that people drew around findings, or masks of planted ones: tables of five forms.

| form | names a film by | a box |
|---|---|---|
| NIH ChestX-ray14, BBox_List_2017.csv (Wang, CVPR 2017) | `Image Index`, a file name | x, y, width, height of 1024 |
| RSNA 2018, stage_2_train_labels.csv (Shih, Radiology: AI 2019) | `patientId` | likewise |
| VinDr-CXR, train.csv (Nguyen, Scientific Data 2022) | `image_id` | corners, pixels of the film as stored |
| any, pixels | `file`, a file name | x, y, width, height of 1024 |
| any, fractions | `sop_instance_uid` | left, top, width, height, fractions of the film |

A line without numbers says that nothing was found. NIH's heading names four columns of
six. A name is that of a picture file (sources nih and openi), of a film at RSNA (source
rsna), a SOP Instance UID, or a PatientID: RSNA's DICOM files bear theirs there.
"""  # noqa: E501

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from cxrmlops.dicom.identity import pseudonym
from cxrmlops.system.errors import ParamsError

SIDE = 1024  # pixels of the pictures that NIH's and RSNA's boxes were drawn on
PLACE = ("left", "top", "width", "height")
_XYWH = ("x", "y", "width", "height")
_CORNERS = ("x_min", "y_min", "x_max", "y_max")


@dataclass(frozen=True)
class _Form:
    """How one kind of table names films and places."""

    name: str  # column
    place: tuple[str, ...]  # columns
    unit: str  # side: of SIDE pixels; stored: pixels of the film; film: fractions


_FORMS = (
    _Form("patientId", _XYWH, "side"),
    _Form("file", _XYWH, "side"),
    _Form("image_id", _CORNERS, "stored"),
    _Form("sop_instance_uid", PLACE, "film"),
)
_NIH = _Form("image", _XYWH, "side")


def read_boxes(path: Path, key: bytes, films: pd.DataFrame) -> pd.DataFrame:
    """Read the boxes of films.

    Args:
        path: a table of one of the forms, or compressed.
        key: of the pseudonyms.
        films: `image_id`, `study_id`, `patient_id`; `rows`, `columns` of the file.

    Returns:
        One row per box on one of the films: `image_id`, and `left`, `top`, `width`,
        `height` as fractions of the film's width and height.

    Raises:
        ParamsError: no such file, or no such table.
    """
    try:
        form, table = _read(path)
        numbers = table[list(form.place)].astype("float64")
    except (OSError, ValueError) as error:
        raise ParamsError(
            f"examine.boxes: {path} holds no boxes ({type(error).__name__}); give a "
            "table of NIH's, RSNA's or VinDr's form, or null"
        ) from None
    drawn = numbers.notna().all(axis=1)
    boxes = numbers[drawn].set_axis(list(PLACE), axis=1)
    boxes["image_id"] = _films_of(table[form.name][drawn], key, films)
    boxes = boxes.dropna(subset="image_id").reset_index(drop=True)
    return _as_fractions(boxes, form, films)


def _read(path: Path) -> tuple[_Form, pd.DataFrame]:
    columns = set(pd.read_csv(path, nrows=0).columns)
    for form in _FORMS:
        if {form.name, *form.place} <= columns:
            return form, pd.read_csv(path, dtype={form.name: str})
    if "Image Index" not in columns:
        raise ValueError(f"columns {sorted(columns)}")
    names = [_NIH.name, "finding", *_NIH.place]
    return _NIH, pd.read_csv(
        path,
        skiprows=1,
        header=None,
        usecols=[0, 2, 3, 4, 5],
        names=names,
        index_col=False,
    )


def _films_of(names: pd.Series, key: bytes, films: pd.DataFrame) -> pd.Series:
    """Return the image_id that each name belongs to; missing where it is no film."""
    images = dict.fromkeys(films.image_id)
    patients = dict(zip(films.patient_id, films.image_id, strict=True))
    studies = dict(zip(films.study_id, films.image_id, strict=True))  # one film at RSNA

    def film(name: str) -> str | None:
        stem = PurePosixPath(name).stem
        for parts in (("nih", stem), ("openi", stem), (name,)):
            image = pseudonym(key, "image", *parts)
            if image in images:
                return image
        at_rsna = studies.get(pseudonym(key, "study", "rsna", stem))
        return at_rsna or patients.get(pseudonym(key, "patient", "", name))

    known = {str(name): film(str(name)) for name in names.unique()}
    return names.astype(str).map(known).astype("string")


def _as_fractions(
    boxes: pd.DataFrame, form: _Form, films: pd.DataFrame
) -> pd.DataFrame:
    if form.place == _CORNERS:
        boxes = boxes.assign(
            width=boxes.width - boxes.left, height=boxes.height - boxes.top
        )
    if form.unit == "film":
        return boxes
    across: float | pd.Series = SIDE
    down: float | pd.Series = SIDE
    if form.unit == "stored":
        sizes = films.set_index("image_id")
        across = boxes.image_id.map(sizes["columns"]).astype("float64")
        down = boxes.image_id.map(sizes["rows"]).astype("float64")
    return boxes.assign(
        left=boxes.left / across,
        top=boxes.top / down,
        width=boxes.width / across,
        height=boxes.height / down,
    )
