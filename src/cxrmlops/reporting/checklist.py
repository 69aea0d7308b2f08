"""What a reviewer asks an evaluation for, where it stands, and what is not stated.

The seventeen questions are drawn from CLAIM (2020, 2024), TRIPOD+AI (BMJ 2024) and
MI-CLAIM (2020). A question that nothing here can answer is a gap that the page shows.
"""

from dataclasses import dataclass

from cxrmlops.records.metrics import Metrics
from cxrmlops.records.split import SplitManifest


@dataclass(frozen=True)
class Item:
    """One question, its place in the report, and what is missing of the answer."""

    asked: str
    where: str
    gap: str = ""


def checklist(metrics: Metrics, manifest: SplitManifest) -> list[Item]:
    """Answer the seventeen questions for one evaluation.

    Args:
        metrics: of the evaluation.
        manifest: of the split.
    """
    return [*_design(manifest), *_results(metrics), *_use()]


def _design(manifest: SplitManifest) -> list[Item]:
    leak = "" if manifest.policy == "patient" else "the split leaks by design"
    return [
        Item(
            "Identity: model, weights, code, data, seeds, versions, repeating it",
            "sections 7 and 9; code, environment and data hashes in the MLflow run",
            "date: it would make two equal rebuilds differ; the registry keeps it",
        ),
        Item("Intended use, users, scope and role", "first page"),
        Item(
            "Data: source, period, devices, flow, split by patient, prevalence",
            "section 7 and its diagram; vendors and sites in section 6",
            leak,
        ),
        Item(
            "Reference standard and label noise",
            "sections 7 and 9",
            "agreement between readers; share of wrong labels",
        ),
        Item(
            "Preprocessing, architecture, start, training, stopping, selection",
            "section 7; every setting in settings.json of the MLflow run",
            "number of trials before this one",
        ),
        Item("Operating points chosen on val alone, then frozen", "sections 1 and 9"),
    ]


def _results(metrics: Metrics) -> list[Item]:
    small = sum(g.verdict == "not_assessed" for g in metrics.subgroups)
    return [
        Item("Results with 95 % intervals", "sections 1, 2 and 4"),
        Item("Calibration, before and after", "section 3"),
        Item("Clinical utility, workload, misses", "section 4"),
        Item(
            "Subgroups with n and intervals, and gaps",
            "section 6",
            f"CR against DX, lines and devices{_too_small(small)}",
        ),
        Item(
            "Robustness",
            "the page of the stage `examine`, on val: window, compression, rotation, "
            "masked markers",
            "external test set; other seeds",
        ),
        Item("Not evaluable, counted as failures", "section 5"),
        Item(
            "Explanation checked",
            "section 9 says what a map is not; weight randomisation, ROAD, corners and "
            "boxes on the page of the stage `examine`",
            "boxes, where `examine.boxes` names none",
        ),
    ]


def _use() -> list[Item]:
    return [
        Item(
            "Errors looked at, one by one",
            "the page that `cxrmlops errors` writes; it stays at the site",
            "a clinical comment by type of error",
        ),
        Item(
            "Baselines, version before, gates",
            "sections 1 and 2; gates in verdict.json; the champion at registration",
        ),
        Item("Runtime", "training: the MLflow run", "memory; reading"),
        Item(
            "Limits, bias, ethics, licence of the data, funding, availability",
            "section 9",
            "ethics approval, licence of the data, funding",
        ),
    ]


def _too_small(n: int) -> str:
    return f"; {n} groups too small" if n else ""
