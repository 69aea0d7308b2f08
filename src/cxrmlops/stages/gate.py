"""Test figures -> passed, refused or not assessed, with reasons."""

import logging
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from cxrmlops.evaluation.gates.examination_gate import (
    ExaminationBounds,
    judge_examination,
)
from cxrmlops.evaluation.gates.gate import Bounds, judge, judge_assessed
from cxrmlops.evaluation.gates.subgroup_gate import SubgroupBounds, judge_subgroups
from cxrmlops.params import GateParams
from cxrmlops.records.examination import Examination
from cxrmlops.records.headline import Headline
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import SPLITS
from cxrmlops.records.validation import Validation
from cxrmlops.records.verdict import Verdict
from cxrmlops.reporting.gate_report import write_gate
from cxrmlops.system.files import whole_folder

Kind = TypeVar("Kind", Bounds, SubgroupBounds, ExaminationBounds)

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
    """Write verdict.json, metrics.json (for DVC) and gate.html.

    A refusal is a completed stage with its reasons, and so is a verdict on too little.

    Raises:
        DataError: an input is missing.
    """
    metrics = Metrics.read(evaluate / "figures.json")

    gates = [
        *judge(
            metrics,
            SPLITS.read(split),
            manifest=SplitManifest.read(split / "manifest.json"),
            validation=Validation.read(validate / "report.json"),
            bounds=_bounds(Bounds, params),
        ),
        *judge_subgroups(
            metrics.subgroups,
            n_test_studies=metrics.n_test_studies,
            bounds=_bounds(SubgroupBounds, params),
        ),
        *judge_examination(
            Examination.read(examine / "examination.json"),
            metrics,
            bounds=_bounds(ExaminationBounds, params),
        ),
    ]
    gates.append(judge_assessed(gates, params.max_not_assessed))

    verdict = Verdict.of(
        gates,
        bundle_hash=metrics.bundle_hash,
        split_hash=metrics.split_hash,
        test_hash=metrics.test_hash,
    )
    with whole_folder(out) as draft:
        verdict.write(draft / "verdict.json")
        Headline.of(metrics, verdict).write(draft / "metrics.json")
        write_gate(draft / "gate.html", verdict)
    for reason in verdict.reasons:
        log.warning("gate: %s", reason)
    log.info("gate: %s", verdict.sentence)


def _bounds(kind: type[Kind], params: GateParams) -> Kind:
    return kind(**{f.name: getattr(params, f.name) for f in fields(kind)})
