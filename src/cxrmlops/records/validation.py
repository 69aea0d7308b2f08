"""What the stage `validate` writes beside its tables."""

from typing import ClassVar

from cxrmlops.records.record import Part, Record


class Expectation(Part):
    """One promise, and whether it was kept."""

    table: str  # cohort, images or set
    reason: str  # the word for breaking it
    expectation: str  # of Great Expectations
    column: str
    limits: dict[str, int | float | tuple[str, ...]]
    success: bool
    failed: int  # rows that break it
    observed: int | float | None  # of the whole set; None: a promise about rows


class Validation(Record):
    """Promises that were checked, and how many films broke one."""

    file: ClassVar[str] = "validate/report.json"

    success: bool  # of the set as a whole
    n: int  # films
    quarantined: int  # films
    expectations: tuple[Expectation, ...]

    @property
    def unmet(self) -> int:
        """Count the promises that were not kept."""
        return sum(not each.success for each in self.expectations)
