"""What MLflow's pages say of experiment, run, model and version: Markdown for people.

Below `NOTES` people write what they like: a description that is written again keeps it.
"""

from pathlib import Path

from cxrmlops.records.estimate import Estimate, in_words
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.origin import Origin
from cxrmlops.records.verdict import Verdict
from cxrmlops.vocabulary.findings import OperatingPoint

NOTE = "mlflow.note.content"  # MLflow's tag for what runs and experiments are
NOTES = "\n\n---\n*Notes (what stands below this line is kept)*\n"
PAGES = {  # of a run, by what they are
    "Report with plots": "evaluate/report.html",
    "Gate": "gate/gate.html",
    "Shortcuts and maps": "examine/report.html",
    "Model card": "evaluate/card.html",
}
EXPERIMENT = """\
Trainings of one question: **no significant finding (NSF) or any (ASF)** on frontal \
chest radiographs. One run a training, named by network, side in pixels and seed.

`auc`, `balanced.*`, `high_sensitivity.*`, `ece`: on test, with the ends of the 95 % \
interval as `.low` and `.high`; `gate.*`: questions of the gate; `val_auc` and losses: \
by epoch, on val. All other figures: `evaluate/figures.json` and \
`evaluate/report.html` of the run."""
MODEL = """\
Answers per study: no significant finding (NSF) or any (ASF) on frontal chest \
radiographs of adults, with an evidence map. Research and evaluation only, **not a \
medical device**.

Aliases: `candidate` passed the gate and is not worse than the champion; `champion` \
reads the backlog; `previous` was champion before. They are set by \
`cxrmlops register`, `approve` and `roll-back`, never by hand: the \
history (`cxrmlops history`) decides."""


def describe(data: Path, *, experiment_id: str, run_id: str) -> str:
    """Say how good a model is, what its gate said, and where to read on.

    Args:
        data: folder of the stages' results.
        experiment_id: of the training's run.
        run_id: of the training, whose pages are linked.
    """
    metrics = Metrics.read(data / Metrics.file)
    verdict = Verdict.read(data / Verdict.file)
    origin = Origin.read(data / Origin.file)
    run = f"#/experiments/{experiment_id}/runs/{run_id}"
    pages = [f"[{what}]({run}/artifacts/{page})" for what, page in PAGES.items()]
    kept_out = "" if verdict.passed else "\n\n" + "; ".join(verdict.reasons)
    return "\n\n".join(
        [
            f"AUC {_interval(metrics.figures.get('auc'))} on "
            f"{metrics.n_test_studies:,} test studies ({metrics.n_test_asf:,} ASF); "
            f"calibration error {_interval(metrics.figures.get('ece'))}",
            f"**Gate** {verdict.sentence}" + kept_out,
            _thresholds(metrics),
            " · ".join([*pages, f"[Training run]({run})"]),
            f"Bundle `{metrics.bundle_hash[:12]}`, "
            f"test set `{metrics.test_hash[:12]}`, code {_code(origin)}",
        ]
    )


def keeping_notes(text: str, before: str | None) -> str:
    """Return `text` with whatever people wrote below the line of the one before."""
    _, line, notes = (before or "").partition(NOTES)
    return text + NOTES + (notes if line else "")


def _thresholds(metrics: Metrics) -> str:
    rows = [_threshold(point, metrics) for point in metrics.operating_points]
    head = (
        "| operating point | threshold | recall ASF | recall NSF |\n|---|---|---|---|"
    )
    return "\n".join([head, *rows])


def _threshold(point: OperatingPoint, metrics: Metrics) -> str:
    recalls = (
        _interval(metrics.figures.get(f"{point.name}.recall_{side}"))
        for side in ("asf", "nsf")
    )
    name = point.name.replace("_", " ")
    return f"| {name} | {point.threshold:.3f} | {' | '.join(recalls)} |"


def _interval(figure: Estimate | None) -> str:
    return in_words(figure, n=False) if figure else "not computed"


def _code(origin: Origin) -> str:
    if not origin.git_commit:
        return "of no known commit"
    changed = {"yes": ", with uncommitted changes", "no": ""}.get(origin.git_dirty, "")
    return f"`{origin.git_commit[:12]}`{changed}"
