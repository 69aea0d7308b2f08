"""The gate's page: every question with value, bound, n and verdict."""

from pathlib import Path

from cxrmlops.records.verdict import GateResult, Verdict
from cxrmlops.reporting.pages import environment
from cxrmlops.system.files import write_text

WORDS = {"fail": "failed", "not_assessed": "not assessed", "pass": "passed"}


def write_gate(path: Path, verdict: Verdict) -> None:
    """Write one HTML file that needs no other file, no network and no script."""
    prepared = environment()
    prepared.filters["number"] = number
    text = prepared.get_template("gate.html").render(
        verdict=verdict, groups=_groups(verdict), words=WORDS
    )
    write_text(path, text)


def rows(verdict: Verdict) -> list[dict[str, str]]:
    """Return one row a question, as a table shows it: what failed comes first."""
    return [_row(gate) for part in _groups(verdict).values() for gate in part]


def _row(gate: GateResult) -> dict[str, str]:
    return {
        "question": gate.name,
        "verdict": WORDS[gate.verdict],
        "value": number(gate.value),
        "bound": number(gate.bound),
        "n": number(gate.n),
        "reason": gate.reason,
    }


def number(value: float | None) -> str:
    """Write a number for a table cell; "" where there is none."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _groups(verdict: Verdict) -> dict[str, list[GateResult]]:
    return {
        kind: [gate for gate in verdict.gates if gate.verdict == kind] for kind in WORDS
    }
