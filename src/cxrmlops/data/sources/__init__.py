"""Every source of films and reports gives the same rows; see rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from cxrmlops.data.film_list import FilmFile, is_listed
from cxrmlops.data.sources import hospital, nih, openi
from cxrmlops.data.sources.rows import FILM_ROWS, SourceInput, film_row

PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Source:
    """How one kind of films and reports is read."""

    film_rows: Callable[[Sequence[FilmFile], SourceInput], pd.DataFrame]
    report_rows: Callable[[SourceInput], pd.DataFrame]
    label_policy: str  # name and version of the source's own rules
    suffixes: tuple[str, ...]  # of film files, lower case; () any file may be one
    has_dates: bool  # of studies; else the date window is skipped


SOURCES = {
    "hospital": Source(
        hospital.film_rows, hospital.report_rows, hospital.LABEL_POLICY, (), True
    ),
    "nih": Source(nih.film_rows, nih.report_rows, nih.LABEL_POLICY, PICTURES, False),
    "openi": Source(
        openi.film_rows, openi.report_rows, openi.LABEL_POLICY, PICTURES, False
    ),
}


def read_films(
    source: Source,
    files: Sequence[FilmFile],
    reading: SourceInput,
    *,
    include: frozenset[str] | None,
) -> pd.DataFrame:
    """Describe every film file of a source: `FILM_ROWS`, in the order of `files`.

    Files that are not asked for (`include`), or whose name no table can hold, are not
    opened; they are rows too, rejected as `not_listed` or `bad_file_name`.
    """
    films = [file for file in files if _is_film(file, source)]
    asked = [file for file in films if file.named and is_listed(file.path, include)]
    skipped = [
        film_row(
            file,
            image_id=reading.namer.name("file", file.path),
            rejected="not_listed" if file.named else "bad_file_name",
        )
        for file in films
        if not (file.named and is_listed(file.path, include))
    ]
    rows = source.film_rows(asked, reading)
    both = [frame for frame in (rows, FILM_ROWS.from_rows(skipped)) if len(frame)]
    if not both:
        return rows
    return pd.concat(both).sort_values("path", ignore_index=True)


def _is_film(file: FilmFile, source: Source) -> bool:
    suffix = PurePosixPath(file.path).suffix.lower()
    return not source.suffixes or suffix in source.suffixes
