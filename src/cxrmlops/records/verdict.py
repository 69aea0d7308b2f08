"""What the stage `gate` writes."""

from collections import Counter
from typing import ClassVar, Literal

from cxrmlops.records.record import Part, Record

NAMED = 3  # questions of one family; more of them are counted


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

    def count(self, kind: str) -> int:
        """Count the questions with this verdict: pass, fail or not_assessed."""
        return sum(gate.verdict == kind for gate in self.gates)

    @property
    def sentence(self) -> str:
        """Say passed or refused, by how many questions, and which have no answer."""
        open_ones = [g.name for g in self.gates if g.verdict == "not_assessed"]
        n_passed, of = self.count("pass"), f"of {len(self.gates)} questions"
        told = (
            f"passed, {n_passed} {of}"
            if self.passed
            else f"refused, {self.count('fail')} {of} failed and {n_passed} passed"
        )
        told += f"; {len(open_ones)} not assessed"
        return told + (f": {_named(open_ones)}" if open_ones else "")


def _named(names: list[str]) -> str:
    """Name questions; those of a large family, as of subgroups, by family and count."""
    families = Counter(name.split(".")[0] for name in names)
    told = dict.fromkeys(
        name if families[family] <= NAMED else f"{family} ({families[family]})"
        for name in names
        for family in [name.split(".")[0]]
    )
    return ", ".join(told)
