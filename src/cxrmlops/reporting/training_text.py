"""A training in a page of Markdown, as Prefect shows it."""

from collections.abc import Sequence

from cxrmlops.records.estimate import in_words
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import Verdict
from cxrmlops.reporting.gate_report import rows
from cxrmlops.reporting.markdown_table import table

SHOWN = {  # figure of the test set -> in words
    "auc": "AUC",
    "balanced.recall_asf": "recall ASF, balanced",
    "balanced.recall_nsf": "recall NSF, balanced",
    "high_sensitivity.recall_asf": "recall ASF, high sensitivity",
    "high_sensitivity.recall_nsf": "recall NSF, high sensitivity",
    "ece": "calibration error",
}
GATE = ("question", "verdict", "value", "bound", "n", "reason")


def training_text(
    verdict: Verdict, metrics: Metrics, *, offered: str, pages: Sequence[str]
) -> str:
    """Write verdict, figures with intervals, and every question of the gate.

    Args:
        verdict: of the gate.
        metrics: of the test set.
        offered: what became of the model, a sentence.
        pages: where more is to be read, in Markdown.
    """
    figures = [
        [words, in_words(metrics.figures.get(name), n=False)]
        for name, words in SHOWN.items()
    ]
    figures.append(["AUC of a thumbnail", in_words(metrics.thumbnail["auc"], n=False)])
    lines = [
        f"# Gate {verdict.sentence}",
        "",
        offered,
        "",
        *(f"* {page}" for page in pages),
        "",
        f"## {metrics.n_test_studies:,} test studies, {metrics.n_test_asf:,} of them "
        "ASF",
        "",
        *table(("figure", "value (95 % interval)"), figures),
        "",
        "## Gate",
        "",
        "The value is the end of the 95 % interval that hurts, or a count. What is not "
        "assessed is not a pass.",
        "",
        *table(GATE, [[row[name] for name in GATE] for row in rows(verdict)]),
    ]
    return "\n".join(lines) + "\n"
