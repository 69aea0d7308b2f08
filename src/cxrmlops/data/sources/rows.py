"""
The rows that every source gives, whatever its files look like.

From here on nobody is named: a source hands out keyed pseudonyms only, equal for equal
numbers. The path of a film is the one thing that may still name a patient.
"""

from dataclasses import dataclass
from pathlib import Path

from cxrmlops.data.image_list import ListedImage
from cxrmlops.dicom.identity import pseudonym
from cxrmlops.records.tables import Table
from cxrmlops.vocabulary.scope import Scope

# One row per file that was looked at.
IMAGE_ROWS = Table(
    "image rows",
    {
        "path": "string",  # below the film folder
        "bytes": "int64",
        "mtime_ns": "int64",
        "image_id": "string",  # pseudonyms; "" the film does not say
        "study_id": "string",
        "accession_id": "string",
        "patient_id": "string",  # of issuer and number
        "number_id": "string",  # of the number alone
        "loose_number_id": "string",  # of what is left of it; see `loosely`
        "has_issuer": "bool",  # the film says who issued the number
        "study_date": "string",  # YYYYMMDD; "" unknown
        "view": "string",  # PA, AP or unknown
        "portable": "string",  # yes, no or unknown
        "sex": "string",  # F, M, O or unknown
        "age_years": "float64",  # NaN unknown
        "manufacturer": "string",  # "" unknown
        "rejected": "string",  # "" usable so far; else why not
        "detail": "string",
    },
)

# One row per report.
REPORT_ROWS = Table(
    "report rows",
    {
        "study_id": "string",  # "" the report names its study by accession number only
        "accession_id": "string",  # "" not given
        "number_id": "string",  # "" not given
        "loose_number_id": "string",  # "" not given
        "study_date": "string",  # YYYYMMDD; "" not given
        "conclusion": "string",  # NSF, ASF, uncertain or disputed
        "findings": "string",  # finding types, joined by "|"
        "codes": "string",  # the report's own codes in full, joined by "|"
    },
)


@dataclass(frozen=True)
class Namer:
    """Gives numbers their pseudonyms."""

    key: bytes

    def name(self, kind: str, *parts: str) -> str:
        """Name a thing by its number, the last of `parts`; no number, no name."""
        plain = [part.strip() for part in parts]
        return pseudonym(self.key, kind, *plain) if plain[-1] else ""


def loosely(number: str) -> str:
    """Reduce a number to what a spreadsheet and typing leave of it.

    Without case, blanks and leading zeros. Two numbers that agree so only are not
    taken for one; it serves to say what is wrong with a table.
    """
    return "".join(number.split()).casefold().lstrip("0")


@dataclass(frozen=True)
class SourceInput:
    """What a source needs to know to read its films and reports."""

    images: Path  # folder
    reports: Path  # table, archive or folder
    namer: Namer
    scope: Scope
    work: Path  # for unfinished work; the caller removes it on success


def image_row(file: ListedImage, **known: object) -> dict[str, object]:
    """Make a row of `IMAGE_ROWS` in which only the `known` columns are filled."""
    return {
        "path": file.path,
        "bytes": file.bytes,
        "mtime_ns": file.mtime_ns,
        "image_id": "",
        "study_id": "",
        "accession_id": "",
        "patient_id": "",
        "number_id": "",
        "loose_number_id": "",
        "has_issuer": False,
        "study_date": "",
        "view": "unknown",
        "portable": "unknown",
        "sex": "unknown",
        "age_years": float("nan"),
        "manufacturer": "",
        "rejected": "",
        "detail": "",
    } | known


def report_row(*, conclusion: str, **known: object) -> dict[str, object]:
    """Make a row of `REPORT_ROWS` in which only the `known` columns are filled."""
    return {
        "study_id": "",
        "accession_id": "",
        "number_id": "",
        "loose_number_id": "",
        "study_date": "",
        "conclusion": conclusion,
        "findings": "",
        "codes": "",
    } | known
