"""
The content tree that a report must have, row by row, and where one departs from it.

TID 1500 with TID 1501, 300, 320, 1204, 1004, 1600-1603 and 4019 of PS3.16; written
apart from the builder, so that one checks the other.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

Row = tuple[str, str, str]  # relationship, value type, code of the concept name
PARAMETERS = 8  # two operating points, rule, network, input, temperature, two hashes


@dataclass(frozen=True)
class Facts:
    """What a report is about, known from its films and not from the report."""

    images: int = 1
    evaluable: bool = True
    overlays: int = 1
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


def ohif_refuses(report: Dataset) -> list[str]:
    """Check what OHIF 3 needs to show a report: its own rules, not the standard's."""
    said: list[str] = []
    groups = groups_of(report)
    trackers = [
        str(one.UID) for g in groups for one in children(g) if name(one) == "112040"
    ]
    if name(report) != "126000" or not groups:
        said.append("no Imaging Measurement Report with a group")
    if len(set(trackers)) != len(groups):
        said.append("groups without a Tracking Unique Identifier of their own")
    for group in groups:
        numbers = numbers_of(group)
        if not numbers:
            said.append("a group without a number")
        elif any(not children(number) for number in numbers):
            said.append("a number without a child")
        elif not _shows_region(numbers[0]):
            said.append("the first number does not begin with a region of a film")
    return said


def _shows_region(number: Dataset) -> bool:
    region = children(number)[0]
    sources = [(one.RelationshipType, one.ValueType) for one in children(region)]
    return region.ValueType == "SCOORD" and ("SELECTED FROM", "IMAGE") in sources


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
        yield from _measurements(f"group {number}", group, facts, images)


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
        ("HAS CONCEPT MOD", "CODE", "363698007"): 1,  # finding site
        ("HAS CONCEPT MOD", "TEXT", "111001"): 1,  # algorithm: name, version, ...
        ("HAS CONCEPT MOD", "TEXT", "111003"): 1,
        ("HAS CONCEPT MOD", "TEXT", "122405"): 1,
        ("HAS CONCEPT MOD", "TEXT", "111002"): PARAMETERS,
        ("HAS CONCEPT MOD", "CODE", "111000"): 1,
        _contains("NUM", "111029"): 1,  # image quality rating
        _contains("CODE", "111050"): 1,  # quality assessment
        _contains("CODE", "121402"): 1,  # normality
        _contains("CODE", "121403"): 1,  # level of significance
        _contains("IMAGE", "121112"): images,  # source of measurement
        _contains("IMAGE", "130401"): facts.overlays if is_study else 0,
        _contains("TEXT", "121106"): 1 if is_study else 0,  # comment
    }
    if facts.evaluable:
        rows[_contains("CODE", "121071")] = 1  # finding
        rows[_contains("NUM", "122157")] = 1  # probability
        rows[_contains("NUM", "371933006")] = 2  # both thresholds
    else:
        rows[_contains("CODE", "111052")] = 1  # quality finding
    return rows


def _measurements(
    place: str, group: Dataset, facts: Facts, images: int
) -> Iterator[tuple[str, Dataset, dict[Row, int]]]:
    for order, number in enumerate(numbers_of(group)):
        rows: dict[Row, int] = {("HAS CONCEPT MOD", "TEXT", "121050"): 1}
        if order == 0:
            rows["INFERRED FROM", "SCOORD", "121112"] = images
        if name(number) == "122157":
            rows["HAS CONCEPT MOD", "CODE", "121071"] = 1  # probability of what
        yield f"{place}, number {order}", number, rows
        for region in children(number)[: images if order == 0 else 0]:
            source = ("SELECTED FROM", "IMAGE", "260753009")
            yield f"{place}, outline", region, {source: 1}


def _contains(kind: str, code: str) -> Row:
    return "CONTAINS", kind, code


def _row(item: Dataset) -> Row:
    return str(item.RelationshipType), str(item.ValueType), name(item)
