import re
from xml.etree import ElementTree

import numpy as np
import pytest

from cxrmlops.reporting.interval_plots import Row, beside_plot, forest_plot
from cxrmlops.reporting.plots import (
    Marker,
    confusion_plot,
    decision_plot,
    pr_plot,
    reliability_plot,
    roc_plot,
    score_plot,
    training_plot,
)

pytestmark = pytest.mark.integration

LINE = (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.9, 1.0]))
MARKER = Marker("balanced", (0.1, 0.08, 0.12), (0.9, 0.88, 0.92))
HALF = np.linspace(0, 1, 5)
ROWS = [
    Row("Sex", None, heading=True),
    Row("F", (0.9, 0.85, 0.95)),
    Row("unknown", None),
]

PLOTS = {
    "roc": lambda: roc_plot({"a": LINE, "b": LINE}, [MARKER]),
    "pr": lambda: pr_plot({"a": LINE}, [MARKER], baseline=0.5),
    "reliability": lambda: reliability_plot([(0.2, (0.3, 0.2, 0.4), 20)]),
    "scores": lambda: score_plot(HALF, HALF, {"balanced": 0.4, "high": 0.1}),
    "confusion": lambda: confusion_plot({"a": (9, 1, 8, 2), "b": (914, 104, 876, 119)}),
    "training": lambda: training_plot(
        HALF, {"train": HALF, "val": HALF}, HALF, best=[1]
    ),
    "decision": lambda: decision_plot(HALF, {"model": HALF, "all": HALF - 1}),
    "forest": lambda: forest_plot(ROWS, overall=0.9, label="AUC"),
    "beside": lambda: beside_plot(
        [Row("AUC", (0.9, 0.8, 0.95), (0.96, 0.95, 0.97))], ours="a", theirs="b"
    ),
}


@pytest.mark.parametrize("draw", PLOTS.values(), ids=PLOTS)
def test_a_plot_is_the_same_text_twice_and_tells_no_time(draw):
    once = draw()

    assert draw() == once
    assert ElementTree.fromstring(once).tag.endswith("svg")
    assert not re.search(r"20\d\d-\d\d-\d\d", once)
    assert "<dc:date>" not in once


def test_a_class_that_is_absent_is_no_crash():
    assert confusion_plot({"none": (0, 0, 5, 1)})
    assert score_plot(np.array([]), HALF, {"balanced": 0.4})


def test_the_style_does_not_leak_to_others():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    PLOTS["roc"]()

    assert dict(mpl.rcParams) == before
