"""What the stage `gate` writes."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from cxrmlops.records.record import Part, Record

ASSESSED = "assessed"  # the question whether enough of the others have an answer
Outcome = Literal["passed", "refused", "not assessed"]
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
    """Passed, refused or not assessed, every gate with its reason."""

    file: ClassVar[str] = "gate/verdict.json"

    outcome: Outcome
    reasons: tuple[str, ...]  # against the model; none where it passed
    gates: tuple[GateResult, ...]
    bundle_hash: str  # 64 hex digits
    split_hash: str
    test_hash: str

    @classmethod
    def of(cls, gates: Sequence[GateResult], **hashes: str) -> Self:
        """Join the answers: what failed refuses; too few answers are no verdict.

        Args:
            gates: every question, with the one whether enough of them have an answer.
            hashes: of bundle, split and test.
        """
        failed = [gate for gate in gates if gate.verdict == "fail"]
        open_ones = [
            gate
            for gate in gates
            if gate.name == ASSESSED and gate.verdict == "not_assessed"
        ]
        outcome: Outcome = "passed"
        if failed or open_ones:
            outcome = "refused" if failed else "not assessed"
        reasons = tuple(gate.reason for gate in [*failed, *open_ones])
        return cls(outcome=outcome, reasons=reasons, gates=tuple(gates), **hashes)

    @property
    def passed(self) -> bool:
        """Whether the model may be offered; neither other outcome lets it in."""
        return self.outcome == "passed"

    def count(self, kind: str) -> int:
        """Count the questions with this verdict: pass, fail or not_assessed."""
        return sum(gate.verdict == kind for gate in self.gates)

    @property
    def sentence(self) -> str:
        """Say the outcome, by how many questions, and which have no answer."""
        open_ones = [
            gate.name
            for gate in self.gates
            if gate.verdict == "not_assessed" and gate.name != ASSESSED
        ]
        n_passed, of = self.count("pass"), f"of {len(self.gates)} questions"
        told = {
            "passed": f"passed, {n_passed} {of}",
            "refused": f"refused, {self.count('fail')} {of} failed and {n_passed} "
            "passed",
            "not assessed": f"neither passed nor refused, too few answers: {n_passed} "
            f"{of} passed",
        }[self.outcome]
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
