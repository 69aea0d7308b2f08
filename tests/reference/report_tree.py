"""
The content tree that a report must have, row by row, and where one departs from it.

TID 1500 with TID 1410, 300, 1204, 1004, 1600-1603 and 4019 of PS3.16; written apart
from the builder, so that one checks the other.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

Row = tuple[str, str, str]  # relationship, value type, code of the concept name
PARAMETERS = (
    9  # 2 operating points, rule, network, pooling, input, temperature, 2 hashes
)


@dataclass(frozen=True)
class Facts:
    """What a report is about, known from its films and not from the report."""

    images: int = 1
    evaluable: bool = True
    overlays: int = 1
    is_read: bool = False  # by a reader, whose precision is a parameter
    in_library: int = 1  # films with PatientOrientation and ImagerPixelSpacing

    @property
    def groups(self) -> int:
        """One for the study, and one per film if there are several."""
        return 1 if self.images == 1 else 1 + self.images


def departures(report: Dataset, facts: Facts) -> list[str]:
    """Say where the tree has too few or too many of a row; [] is as it should be."""
    found: list[str] = []
    for place, item, expected in _nodes(report, facts):
        rows = Counter(_row(child) for child in children(item))
        for row in sorted({*rows, *expected}):
            if rows[row] != expected.get(row, 0):
                found.append(f"{place}: {rows[row]} of {row}, not {expected.get(row)}")
    return found


def children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or [])


def name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def groups_of(report: Dataset) -> list[Dataset]:
    (measurements,) = (one for one in children(report) if name(one) == "126010")
    return [one for one in children(measurements) if name(one) == "125007"]


def numbers_of(group: Dataset) -> list[Dataset]:
    return [one for one in children(group) if one.ValueType == "NUM"]


def _nodes(
    report: Dataset, facts: Facts
) -> Iterator[tuple[str, Dataset, dict[Row, int]]]:
    """Give every item that may have children, with the children it must have."""
    yield "root", report, _root(facts)
    for item in children(report):
        if name(item) == "111028":
            yield from _library(item, facts)
        elif name(item) == "126010":
            yield "measurements", item, {_contains("CONTAINER", "125007"): facts.groups}
    for number, group in enumerate(groups_of(report)):
        images = facts.images if number == 0 else 1
        yield f"group {number}", group, _group(facts, images, is_study=number == 0)
        yield from _measurements(f"group {number}", group)


def _root(facts: Facts) -> dict[Row, int]:
    observer = [("HAS OBS CONTEXT", "CODE", "121005")]
    observer += [("HAS OBS CONTEXT", "UIDREF", "121012")]
    observer += [("HAS OBS CONTEXT", "TEXT", f"12101{n}") for n in (3, 4, 5, 6)]
    return dict.fromkeys(observer, 1) | {
        ("HAS CONCEPT MOD", "CODE", "121049"): 1,  # language
        ("HAS CONCEPT MOD", "CODE", "121058"): 1,  # procedure reported
        _contains("CONTAINER", "111028"): min(facts.in_library, 1),
        _contains("CONTAINER", "126010"): 1,
    }


def _library(library: Dataset, facts: Facts) -> Iterator[tuple[str, Dataset, dict]]:
    descriptors = {
        ("HAS ACQ CONTEXT", kind, code): 1
        for kind, codes in {
            "CODE": ("121139",),
            "NUM": ("110910", "110911", "111026", "111066"),
            "TEXT": ("111043", "111044"),
        }.items()
        for code in codes
    }
    yield "library", library, {_contains("CONTAINER", "126200"): 1}
    for group in children(library):
        yield (
            "library group",
            group,
            {_contains("IMAGE", "260753009"): facts.in_library},
        )
        for image in children(group):
            yield "library image", image, descriptors


def _group(facts: Facts, images: int, *, is_study: bool) -> dict[Row, int]:
    rows: dict[Row, int] = {
        ("HAS OBS CONTEXT", "TEXT", "112039"): 1,
        ("HAS OBS CONTEXT", "UIDREF", "112040"): 1,
        _contains("SCOORD", "111030"): 1,  # image region
        ("HAS CONCEPT MOD", "TEXT", "111001"): 1,  # algorithm: name, version, ...
        ("HAS CONCEPT MOD", "TEXT", "111003"): 1,
        ("HAS CONCEPT MOD", "TEXT", "122405"): 1,
        ("HAS CONCEPT MOD", "TEXT", "111002"): PARAMETERS + facts.is_read,
        ("HAS CONCEPT MOD", "CODE", "111000"): 1,
        _contains("CODE", "111050"): 1,  # quality assessment
        _contains("CODE", "121402"): 1,  # normality
        _contains("CODE", "121403"): 1,  # level of significance
        _contains("IMAGE", "121112"): images,  # source of measurement
        _contains("IMAGE", "130401"): facts.overlays if is_study else 0,
        _contains("TEXT", "121106"): 1 if is_study else 0,  # comment
    }
    if facts.evaluable:
        rows[_contains("CODE", "121071")] = 1  # finding
        rows[_contains("NUM", "122157" if is_study else "IMAGE")] = 1  # probability
        if is_study:
            rows[_contains("NUM", "BALANCED")] = 1
            rows[_contains("NUM", "SENSITIVE")] = 1
    else:
        rows[_contains("CODE", "111052")] = 1  # quality finding
        rows[_contains("NUM", "NOT-EVALUABLE")] = 1
    return rows


def _measurements(place: str, group: Dataset) -> Iterator[tuple[str, Dataset, dict]]:
    for order, number in enumerate(numbers_of(group)):
        rows: dict[Row, int] = {
            ("HAS CONCEPT MOD", "TEXT", "121050"): 1,  # meaning
            ("HAS CONCEPT MOD", "CODE", "363698007"): 1,  # finding site
        }
        if name(number) in ("122157", "IMAGE"):
            rows["HAS CONCEPT MOD", "CODE", "121071"] = 1  # probability of what
        yield f"{place}, number {order}", number, rows
    for region in children(group):
        if region.ValueType == "SCOORD":
            source = ("SELECTED FROM", "IMAGE", "260753009")
            yield f"{place}, outline", region, {source: 1}


def _contains(kind: str, code: str) -> Row:
    return "CONTAINS", kind, code


def _row(item: Dataset) -> Row:
    return str(item.RelationshipType), str(item.ValueType), name(item)
