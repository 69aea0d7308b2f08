"""Test figures -> pass or refuse, with reasons."""

import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

from cxrmlops.evaluation.gates.examination_gate import (
    ExaminationBounds,
    judge_examination,
)
from cxrmlops.evaluation.gates.gate import Bounds, judge
from cxrmlops.files import read_facts, write_json
from cxrmlops.params import GateParams
from cxrmlops.tables import SPLITS

Kind = TypeVar("Kind", Bounds, ExaminationBounds)

log = logging.getLogger(__name__)


def run(
    *,
    evaluate: Path,
    examine: Path,
    split: Path,
    validate: Path,
    out: Path,
    params: GateParams,
) -> None:
    """Write verdict.json. A refusal is a completed stage with its reasons.

    Raises:
        DataError: an input is missing.
    """
    metrics = read_facts(evaluate / "metrics.json")

    gates = judge(
        metrics,
        SPLITS.read(split),
        manifest=read_facts(split / "manifest.json"),
        validation=read_facts(validate / "report.json"),
        bounds=_bounds(Bounds, params),
    ) + judge_examination(
        read_facts(examine / "examination.json"),
        metrics,
        bounds=_bounds(ExaminationBounds, params),
    )
    reasons = [gate.reason for gate in gates if gate.verdict == "fail"]

    write_json(
        out / "verdict.json",
        {
            "passed": not reasons,
            "reasons": reasons,
            "gates": [asdict(gate) for gate in gates],
            "bundle_hash": metrics["bundle_hash"],
            "split_hash": metrics["split_hash"],
            "test_hash": metrics["test_hash"],
        },
    )
    for reason in reasons:
        log.warning("gate: %s", reason)
    unknown = sum(gate.verdict == "not_assessed" for gate in gates)
    log.info(
        "gate: %s; %d gates, %d failed, %d not assessed",
        "refused" if reasons else "passed",
        len(gates),
        len(reasons),
        unknown,
    )


def _bounds(kind: type[Kind], params: GateParams) -> Kind:
    return kind(**{f.name: getattr(params, f.name) for f in fields(kind)})
