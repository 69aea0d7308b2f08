"""What the stage `gate` writes."""

from typing import ClassVar, Literal

from cxrmlops.records.record import Part, Record


class GateResult(Part):
    """One question and its answer."""

    name: str
    value: int | float | None  # the end of the interval, or the count, that was judged
    bound: int | float
    n: int | None  # studies behind the value
    verdict: Literal["pass", "fail", "not_assessed"]
    reason: str  # one sentence


class Verdict(Record):
    """Passed or refused, every gate with its reason."""

    file: ClassVar[str] = "gate/verdict.json"

    passed: bool
    reasons: tuple[str, ...]  # of the gates that refused
    gates: tuple[GateResult, ...]
    bundle_hash: str  # 64 hex digits
    split_hash: str
    test_hash: str
