"""
Which films the model may score: adult chests, frontal, for presentation.

`accept` decides by the header, `accept_picture` by the picture. A refusal is a result
that is counted and reported; it never looks like "normal". What follows from each
reason: `vocabulary/reasons.py`.
"""

import math
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.age import age_years, oldest_years
from cxrmlops.dicom.read.attributes import COLOUR, GREY, text, texts, whole_number
from cxrmlops.dicom.read.body_part import is_chest, is_human
from cxrmlops.dicom.read.completeness import missing_part
from cxrmlops.dicom.read.derived_image import is_derived
from cxrmlops.dicom.read.drawing import is_smooth, is_two_greys
from cxrmlops.dicom.read.headers import ImageHeader
from cxrmlops.dicom.read.pixel_order import disorder
from cxrmlops.dicom.read.plausibility import (
    is_blank,
    is_negative,
    is_noise,
    thumbnail,
    without_frame,
)
from cxrmlops.dicom.read.projection import view
from cxrmlops.dicom.read.upright import is_frontal, turn
from cxrmlops.system.errors import Rejected

_CR, _DX = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1"
_DX_RAW = "1.2.840.10008.5.1.4.1.1.1.1.1"
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # public sets ship CR films so

MIN_SIDE = 64  # pixels
MAX_ASPECT = 2.5  # a whole chest is at most about 1.6 times as wide as high


def accept(
    dataset: Dataset,
    *,
    chest_words: Sequence[str],
    min_age_years: float = 18,
    header: ImageHeader | None = None,
) -> None:
    """Let a film pass by its header, or say why not.

    Args:
        dataset: header as `read_header` gives it.
        chest_words: what the site calls a chest, e.g. CHEST, THORAX.
        min_age_years: younger patients are refused; an unknown age is not, but where
            the date of birth says that the patient is not that old even today.
        header: what `describe` made of the dataset, where that is at hand.

    Raises:
        Rejected: with the first reason of `REASONS` that holds.
    """
    _check_kind(dataset)
    _check_picture_attributes(dataset)
    if not is_human(dataset):
        raise Rejected("not_human", "species, breed or protocol of an animal")
    found, where = is_chest(dataset, chest_words)
    if found is None:
        raise Rejected("chest_unknown", where or "no attribute names the body part")
    if not found:
        raise Rejected("not_chest", where)
    if where := is_derived(dataset):
        raise Rejected("derived", where)
    _check_view(dataset, header.view if header else view(dataset))
    age = header.age_years if header else age_years(dataset)
    if math.isnan(age):
        age = oldest_years(dataset)
    if age < min_age_years:  # False for NaN
        raise Rejected("child", f"younger than {min_age_years:g} years")


def accept_picture(image: np.ndarray, *, view_is_stated: bool = True) -> None:
    """Let a film pass by its picture, or say why not.

    Args:
        image: shape (rows, columns), float32, 0 darkest to 1 brightest.
        view_is_stated: False asks the picture itself whether it is frontal.

    Raises:
        Rejected: `too_small`, `partial`, `blank`, `not_a_radiograph`, `incomplete`,
            `noise_only`, `scrambled`, `turned`, `inverted` or `not_frontal`.
    """
    check_shape(*image.shape)
    small = thumbnail(image)
    _check_content(image, small)
    field = without_frame(small)
    turned = turn(field)
    if turned:
        raise Rejected("turned", turned)
    if is_negative(small):
        raise Rejected("inverted", "the lungs are brighter than spine and abdomen")
    if not view_is_stated and not is_frontal(field):
        raise Rejected("not_frontal", "no view is stated, and it does not look frontal")


def _check_content(image: np.ndarray, small: np.ndarray) -> None:
    """Refuse what shows nothing, or not as it was taken."""
    if is_blank(small):
        raise Rejected("blank", "almost all pixels are alike")
    if is_two_greys(image):
        raise Rejected("not_a_radiograph", "nearly all pixels have one of two greys")
    if is_smooth(small):
        raise Rejected("not_a_radiograph", "the picture has no detail")
    lost = missing_part(image)
    if lost:
        raise Rejected("incomplete", lost)
    if is_noise(small):
        raise Rejected("noise_only", "neighbouring pixels have nothing in common")
    mixed = disorder(image)
    if mixed:
        raise Rejected("scrambled", mixed)


def check_shape(rows: int, columns: int) -> None:
    """Refuse pictures too small or too narrow for a chest."""
    if min(rows, columns) < MIN_SIDE:
        raise Rejected("too_small", f"{rows} x {columns} pixels")
    if max(rows, columns) > MAX_ASPECT * min(rows, columns):
        raise Rejected("partial", f"{rows} x {columns} pixels")


def _check_kind(dataset: Dataset) -> None:
    kind, modality = text(dataset, "SOPClassUID"), texts(dataset, "Modality")[0]
    raw = "FOR PROCESSING" in texts(dataset, "PresentationIntentType")
    if kind == _DX_RAW or (kind in (_CR, _DX, _CAPTURE) and raw):
        raise Rejected("for_processing", "SOP class or PresentationIntentType")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise Rejected("not_an_image", "no Rows or Columns")
    if kind not in (_CR, _DX, _CAPTURE) or modality not in ("CR", "DX"):
        raise Rejected("not_cr_dx", "SOP Class UID or Modality")


def _check_picture_attributes(dataset: Dataset) -> None:
    if whole_number(dataset, "NumberOfFrames", 1) > 1:
        raise Rejected("multi_frame", "NumberOfFrames is above 1")
    grey = text(dataset, "PhotometricInterpretation").upper()
    if grey not in GREY + COLOUR:
        raise Rejected("not_grayscale", "PhotometricInterpretation")
    if min(whole_number(dataset, "Rows"), whole_number(dataset, "Columns")) < 1:
        raise Rejected("not_an_image", "Rows or Columns is below 1")


def _check_view(dataset: Dataset, stated: str) -> None:
    if stated == "lateral":
        raise Rejected("lateral", "view position, code, description or orientation")
    if stated == "unknown" and text(dataset, "SOPClassUID") == _CAPTURE:
        raise Rejected("derived", "secondary capture that names no view")
