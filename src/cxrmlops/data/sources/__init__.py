"""Every source of films and reports gives the same rows; see rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from cxrmlops.data.image_list import ListedImage, is_listed
from cxrmlops.data.sources import hospital, nih, openi, rsna
from cxrmlops.data.sources.rows import IMAGE_ROWS, SourceInput, image_row

PICTURES = (".png", ".jpg", ".jpeg")
DICOM = (".dcm",)  # where pictures and DICOM files may both be meant


@dataclass(frozen=True)
class Source:
    """How one kind of films and reports is read."""

    image_rows: Callable[[Sequence[ListedImage], SourceInput], pd.DataFrame]
    report_rows: Callable[[SourceInput], pd.DataFrame]
    label_policy: str  # name and version of the source's own rules
    suffixes: tuple[str, ...]  # of film files, lower case; () any file may be one
    has_dates: bool  # of studies; else the date window is skipped


SOURCES = {
    "hospital": Source(
        hospital.image_rows, hospital.report_rows, hospital.LABEL_POLICY, (), True
    ),
    "nih": Source(nih.image_rows, nih.report_rows, nih.LABEL_POLICY, PICTURES, False),
    "openi": Source(
        openi.image_rows, openi.report_rows, openi.LABEL_POLICY, PICTURES, False
    ),
    "rsna": Source(
        rsna.image_rows,
        rsna.report_rows,
        rsna.LABEL_POLICY,
        PICTURES + DICOM,
        False,
    ),
}


def read_images(
    source: Source,
    files: Sequence[ListedImage],
    reading: SourceInput,
    *,
    include: frozenset[str] | None,
) -> pd.DataFrame:
    """Describe every film file of a source: `IMAGE_ROWS`, in the order of `files`.

    Files that are not asked for (`include`), or whose name no table can hold, are not
    opened; they are rows too, rejected as `not_listed` or `bad_file_name`.
    """
    images = [file for file in files if _is_image(file, source)]
    asked = [file for file in images if file.named and is_listed(file.path, include)]
    skipped = [
        image_row(
            file,
            image_id=reading.namer.name("file", file.path),
            rejected="not_listed" if file.named else "bad_file_name",
        )
        for file in images
        if not (file.named and is_listed(file.path, include))
    ]
    rows = source.image_rows(asked, reading)
    both = [frame for frame in (rows, IMAGE_ROWS.from_rows(skipped)) if len(frame)]
    if not both:
        return rows
    return pd.concat(both).sort_values("path", ignore_index=True)


def _is_image(file: ListedImage, source: Source) -> bool:
    suffix = PurePosixPath(file.path).suffix.lower()
    return not source.suffixes or suffix in source.suffixes
