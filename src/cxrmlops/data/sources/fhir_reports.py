"""
Reports that a RIS sends as FHIR: DiagnosticReport (R4, R4B, R5), alone or in a Bundle.

Read of each: `status` (final, amended, corrected and appended count; preliminary ones,
ours among them, do not), the study by `imagingStudy` (R5: `study`) with a DICOM UID, or
by an accession number (`identifier` or `basedOn` with the type ACSN), and the
conclusion: `conclusionCode` with the code NSF, ASF, uncertain or disputed, else
`conclusion` if it is that word alone. A site with other words translates them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from cxrmlops.data.report_labels import Conclusion, read_conclusions
from cxrmlops.data.sources.rows import REPORT_ROWS, Namer, report_row
from cxrmlops.system.errors import DataError

COUNTED = ("final", "amended", "corrected", "appended")
MAX_BYTES = 16 * 1024**2
_WORDS = {word.casefold() for word in Conclusion}
_OID = "urn:oid:"

Json = dict[str, Any]


def fhir_report_rows(path: Path, namer: Namer) -> pd.DataFrame:
    """Read one JSON file: `REPORT_ROWS`, one row per report that counts.

    Raises:
        DataError: no FHIR in it, or a report without study or conclusion.
    """
    rows = []
    for report in _reports(_content(path)):
        if report.get("status") not in COUNTED:
            continue
        study, accession = _study(report), _accession(report)
        if not study and not accession:
            raise DataError(
                f"{path.name}: a report names no study; give imagingStudy a DICOM UID, "
                "or an identifier of type ACSN"
            )
        rows.append((study, accession, _conclusion(report)))
    words = pd.Series([word for _, _, word in rows], dtype="string")
    said = read_conclusions(words, where=f"{path.name}: conclusionCode or conclusion")
    return REPORT_ROWS.from_rows(
        [
            report_row(
                conclusion=conclusion,
                study_id=namer.name("study", study),
                accession_id=namer.name("accession", accession),
            )
            for (study, accession, _), conclusion in zip(rows, said, strict=True)
        ]
    )


def _content(path: Path) -> Any:
    if path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path.name} is larger than {MAX_BYTES // 1024**2} MiB; send fewer "
            "reports in one file"
        )
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise DataError(f"{path.name} is not JSON; send it again") from None


def _reports(content: Any) -> Iterator[Json]:
    found = content if isinstance(content, dict) else {}
    entries = [each.get("resource") for each in _dicts(found.get("entry"))]
    for resource in _dicts([found, *entries]):
        if resource.get("resourceType") == "DiagnosticReport":
            yield resource


def _study(report: Json) -> str:
    for name in ("imagingStudy", "study"):
        for reference in _dicts(report.get(name)):
            for value in (
                _value(reference.get("identifier")),
                reference.get("reference"),
            ):
                if isinstance(value, str) and value.startswith(_OID):
                    return value.removeprefix(_OID)
    return ""


def _accession(report: Json) -> str:
    found = _dicts(report.get("identifier"))
    found += [
        reference["identifier"]
        for reference in _dicts(report.get("basedOn"))
        if isinstance(reference.get("identifier"), dict)
    ]
    for identifier in found:
        kind = identifier.get("type")
        codes = _dicts(kind.get("coding")) if isinstance(kind, dict) else []
        if any(code.get("code") == "ACSN" for code in codes):
            return _value(identifier)
    return ""


def _conclusion(report: Json) -> str:
    for concept in _dicts(report.get("conclusionCode")):
        for coding in _dicts(concept.get("coding")):
            if str(coding.get("code", "")).strip().casefold() in _WORDS:
                return str(coding["code"])
    text = report.get("conclusion")
    return text if isinstance(text, str) else ""


def _value(identifier: Any) -> str:
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return value if isinstance(value, str) else ""


def _dicts(content: Any) -> list[Json]:
    return (
        [e for e in content if isinstance(e, dict)] if isinstance(content, list) else []
    )
