"""
How often the gate passes a model of known AUC: its operating characteristic.

    python -m benchmarks.gate_operating_characteristic [--rounds 400] [--seed 1]
                                                       [--processes 2] [--figure SVG]

Each round draws a val of 4,026 and a test set of 2,013 studies (`gate_cohorts`), fits
calibration and thresholds on val, measures test, and asks the gate: the project's own
code with the bounds of params.yaml. Asked are AUC, recalls, calibration, thumbnail,
every subgroup, inflation within levels on val, and leaks. What needs a network or
films (heat maps, ROAD, robustness, shortcut probes) is not: it comes on top.
"""

import argparse
import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from benchmarks.gate_cohorts import MILD, REALISTIC, World, draw, moved
from cxrmlops.evaluation.examination.within_levels import auc_inflation
from cxrmlops.evaluation.gates.examination_gate import (
    ExaminationBounds,
    judge_inflation,
)
from cxrmlops.evaluation.gates.gate import (
    Bounds,
    judge_assessed,
    judge_figures,
    judge_leak,
)
from cxrmlops.evaluation.gates.subgroup_gate import SubgroupBounds, judge_subgroups
from cxrmlops.evaluation.performance.figures import Predictions, calibration_figures
from cxrmlops.evaluation.performance.subgroups import MIN_PER_CLASS, members
from cxrmlops.evaluation.statistics.calibration import fit_temperature
from cxrmlops.evaluation.statistics.comparison import auc_difference
from cxrmlops.evaluation.statistics.estimates import estimate, estimates
from cxrmlops.evaluation.statistics.intervals import proportion, wilson
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.evaluation.statistics.thresholds import choose_points
from cxrmlops.model.inference import calibrated
from cxrmlops.params import GateParams, load_params
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.examination import Inflation
from cxrmlops.records.metrics import SubgroupFigures
from cxrmlops.records.verdict import GateResult, Verdict

N_VAL, N_TEST = 4026, 2013
ECE_ROUNDS = (
    200  # of the bootstrap; nobody here is near the bound but the miscalibrated
)
GOOD = (
    World("alike", 0.96),
    World("mild", 0.96, kinds=MILD, views={"AP": 0.94, "PA": 0.97}),
    World("realistic", 0.96, kinds=REALISTIC),
)
CURVE = (
    *(replace(GOOD[0], auc=auc) for auc in (0.94, 0.945, 0.95, 0.955, 0.96, 0.97)),
    *(replace(GOOD[2], auc=auc) for auc in (0.94, 0.95, 0.96, 0.97)),
)
BAD = (
    World("AP at .80", 0.90, bad=("view", "AP")),
    World("vendor of 16 % at .80", 0.96, bad=("manufacturer", "C")),
    World("vendor of 8 % at .80", 0.96, bad=("manufacturer", "D")),
    World("vendor of 4 % at .80", 0.96, bad=("manufacturer", "E")),
    World("fracture at .80", 0.96, bad=("findings", "fracture")),
    World("pneumothorax at .80", 0.96, bad=("findings", "pneumothorax")),
    World("reads the vendor", 0.96, vendor_bonus=1.5),
    World("patients on two sides", 0.96, leak=0.01),
    World("miscalibrated", 0.96, later=1.5),
)
WORLDS = tuple(dict.fromkeys((*CURVE, *GOOD, *BAD)))
Rule = TypeVar("Rule", Bounds, SubgroupBounds, ExaminationBounds)


@dataclass(frozen=True)
class Candidate:
    """What the gate gets to see of one simulated model."""

    figures: dict[str, Estimate]
    groups: tuple[SubgroupFigures, ...]
    inflation: tuple[Inflation, ...]
    leak: GateResult
    n_test_studies: int


def main() -> None:
    """Print pass rates and who refuses; draw the curve."""
    asked = _arguments()
    params = _params().gate
    found = {}
    with ProcessPoolExecutor(asked.processes) as pool:
        for world in WORLDS:
            one = partial(simulate, world, asked.seed)
            found[world] = list(pool.map(one, range(asked.rounds), chunksize=20))
            gc.freeze()  # statsmodels collects garbage each time it is asked
            print(row(world, [judged(each, params) for each in found[world]]))
    print()
    for line in trade_off(found, params):
        print(line)
    if asked.figure:
        from benchmarks.gate_curve import draw_curve

        rates = {world: pass_rate(found[world], params) for world in CURVE}
        asked.figure.write_text(draw_curve(rates), encoding="utf-8")


def simulate(world: World, seed: int, number: int) -> Candidate:
    """Draw val and test once, and measure them as the stages do."""
    rng = np.random.default_rng([seed, number])
    move = _moved(world)
    val = draw(world, N_VAL, rng, move=move)
    test = draw(world, N_TEST, rng, move=move)
    test["logit"] += world.later
    split = np.full(N_VAL, "val")
    fitted = fit_temperature(val.logit, val.abnormal, split)
    val, test = (_calibrated(each, fitted) for each in (val, test))
    balanced, sensitive = choose_points(
        val.probability,
        val.abnormal,
        split,
        high_sensitivity=_params().train.high_sensitivity,
    )
    return Candidate(
        figures=_figures(test, balanced.threshold, sensitive.threshold),
        groups=tuple(_groups(test)),
        inflation=tuple(
            Inflation(name=name, n=N_VAL, inflation=estimate(_inflation(val, name)))
            for name in ("view", "manufacturer")
        ),
        leak=judge_leak(_sides(world, val, test, rng), policy="patient"),
        n_test_studies=N_TEST,
    )


def judged(candidate: Candidate, params: GateParams) -> Verdict:
    """Ask the gate."""
    gates = [
        candidate.leak,
        *judge_figures(candidate.figures, _bounds(Bounds, params)),
        *judge_subgroups(
            candidate.groups,
            n_test_studies=candidate.n_test_studies,
            bounds=_bounds(SubgroupBounds, params),
        ),
        *(
            judge_inflation(each, _bounds(ExaminationBounds, params))
            for each in candidate.inflation
        ),
    ]
    gates.append(judge_assessed(gates, params.max_not_assessed))
    return Verdict.of(gates, bundle_hash="", split_hash="", test_hash="")


def row(world: World, verdicts: Sequence[Verdict]) -> str:
    """Write one line of the table: how many pass, and who refuses."""
    n = len(verdicts)
    passed = wilson(sum(each.passed for each in verdicts), n)
    family = [
        sum(
            any(_is_failed(g.name, g.verdict, kind) for g in each.gates)
            for each in verdicts
        )
        for kind in ("headline", "subgroup")
    ]
    names = Counter(g.name for v in verdicts for g in v.gates if g.verdict == "fail")
    told = ", ".join(f"{name} {times / n:.0%}" for name, times in names.most_common(4))
    asked = np.mean([len(each.gates) for each in verdicts])
    unasked = np.mean([each.count("not_assessed") for each in verdicts])
    return (
        f"| {world.auc:g} | {world.name} | {passed.value:.1%} ({passed.low:.1%}-"
        f"{passed.high:.1%}) | {1 - family[0] / n:.0%} | {1 - family[1] / n:.0%} | "
        f"{unasked:.1f} of {asked:.1f} | {told} |"
    )


def pass_rate(found: Sequence[Candidate], params: GateParams) -> Estimate:
    """Return the share that passes, with Wilson's interval."""
    passed = sum(judged(each, params).passed for each in found)
    share = wilson(passed, len(found))
    return Estimate(value=share.value, low=share.low, high=share.high, n=len(found))


def trade_off(found: dict[World, list[Candidate]], params: GateParams) -> list[str]:
    """Write pass rates under other bounds: a line for each pair of bounds."""
    worlds = [w for w in CURVE if w.auc in (0.94, 0.95, 0.96)] + [GOOD[1], *BAD[1:6]]
    lines = ["| AUC | recalls | " + " | ".join(f"{w.name} {w.auc:g}" for w in worlds)]
    for auc in (0.935, 0.94, 0.9425, 0.945):
        for recall in (0.83, 0.84, 0.85):
            bounds = {
                "min_auc_lower": auc,
                "min_recall_asf_lower": recall,
                "min_recall_nsf_lower": recall,
            }
            other = params.model_copy(update=bounds)
            rates = [pass_rate(found[world], other).value for world in worlds]
            told = " | ".join(f"{rate:.1%}" for rate in rates)
            lines.append(f"| {auc:g} | {recall:g} | {told} |")
    return lines


def _is_failed(name: str, verdict: str, kind: str) -> bool:
    is_subgroup = name.startswith("subgroup.")
    return verdict == "fail" and is_subgroup == (kind == "subgroup")


def _bounds(kind: type[Rule], params: GateParams) -> Rule:
    return kind(**{f.name: getattr(params, f.name) for f in fields(kind)})


_moved = cache(moved)
_params = cache(load_params)


def _calibrated(rows: pd.DataFrame, fitted: object) -> pd.DataFrame:
    logit = (rows.logit + fitted.shift).to_numpy()
    return rows.assign(probability=calibrated(logit, temperature=fitted.temperature))


def _reading(rows: pd.DataFrame) -> Predictions:
    """Numbers for patients: sorting pseudonyms would take most of the time."""
    columns = (rows.probability, rows.abnormal, rows.patient_id)
    return Predictions(*(column.to_numpy() for column in columns))


def _figures(
    test: pd.DataFrame, balanced: float, sensitive: float
) -> dict[str, Estimate]:
    score, asf = test.probability.to_numpy(), test.abnormal.to_numpy()
    patient = test.patient_id.to_numpy()
    ece = calibration_figures(_reading(test), bins=10, rounds=ECE_ROUNDS, seed=1)["ece"]
    thumbnail = auc_difference(score, test.thumbnail, asf, patient).interval
    return estimates(
        {
            "auc": auc_interval(score, asf, patient),
            "balanced.recall_asf": proportion(score[asf] >= balanced, patient[asf]),
            "balanced.recall_nsf": proportion(score[~asf] < balanced, patient[~asf]),
            "high_sensitivity.recall_asf": proportion(
                score[asf] >= sensitive, patient[asf]
            ),
            "ece": ece,
            "auc_over_thumbnail": thumbnail,
        }
    )


def _groups(test: pd.DataFrame) -> Iterator[SubgroupFigures]:
    """Measure of each group what the gate looks at: its AUC."""
    score, asf = test.probability.to_numpy(), test.abnormal.to_numpy()
    patient = test.patient_id.to_numpy()
    for name, level, rows in members(test, asf):
        n_asf, n_nsf = int((asf & rows).sum()), int((~asf & rows).sum())
        is_assessed = min(n_asf, n_nsf) >= MIN_PER_CLASS
        found = auc_interval(score[rows], asf[rows], patient[rows])
        yield SubgroupFigures(
            group=name,
            level=level,
            n=n_asf + n_nsf,
            n_asf=n_asf,
            n_nsf=n_nsf,
            verdict="assessed" if is_assessed else "not_assessed",
            auc=estimate(found) if is_assessed else None,
            gap=None,
            recall_asf=None,
            recall_nsf=None,
        )


def _inflation(val: pd.DataFrame, name: str) -> object:
    return auc_inflation(val, val[name].astype(str))


def _sides(
    world: World, val: pd.DataFrame, test: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Name who stands where; a leaking world shares some patients."""
    names = "test " + test.patient_id.astype(str)
    shared = rng.random(len(test)) < world.leak
    names = names.where(~shared, "val " + test.patient_id.astype(str))
    patient = [*("val " + val.patient_id.astype(str)), *names]
    study = np.arange(len(patient))
    return pd.DataFrame(
        {
            "patient_id": patient,
            "group": patient,
            "study_id": study,
            "pixel_hash": study,
            "split": ["val"] * len(val) + ["test"] * len(test),
        }
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
