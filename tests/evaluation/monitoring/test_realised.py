import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from cxrmlops.evaluation.monitoring.realised import kappa, months
from cxrmlops.records.metrics import Confusion
from cxrmlops.vocabulary.findings import OperatingPoint

POINTS = (
    OperatingPoint("balanced", 0.5, "made up"),
    OperatingPoint("high_sensitivity", 0.2, "made up"),
)


def answers(n: int = 200, *, month: str = "2026-03", seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    probability = rng.random(n)
    is_asf = rng.random(n) < probability
    return pd.DataFrame(
        {
            "night": f"{month}-05",
            "study_id": [f"{month}-{i}" for i in range(n)],
            "probability": probability,
            "conclusion": np.where(is_asf, "ASF", "NSF"),
        }
    ).astype({"night": "string", "conclusion": "string"})


def test_figures_of_a_month_are_those_of_scikit_learn():
    rows = answers()

    (month,) = months(rows, POINTS, min_reported=20)

    is_asf = rows.conclusion == "ASF"
    flagged = rows.probability >= 0.5
    assert month.auc.value == pytest.approx(roc_auc_score(is_asf, rows.probability))
    assert month.recall_asf.value == pytest.approx(flagged[is_asf].mean())
    assert month.recall_nsf.value == pytest.approx(1 - flagged[~is_asf].mean())
    assert month.kappa.value == pytest.approx(cohen_kappa_score(is_asf, flagged))
    assert month.recall_asf_high_sensitivity.value == pytest.approx(
        (rows.probability[is_asf] >= 0.2).mean()
    )
    assert month.confusion.n == month.n_reported == 200


def test_a_month_with_few_reports_is_not_assessed_but_counted():
    rows = answers(60)
    rows.loc[30:, "conclusion"] = ""

    (month,) = months(rows, POINTS, min_reported=20)

    assert (month.n_scored, month.n_reported) == (60, 30)
    assert month.auc is month.kappa is month.recall_asf is None
    assert "20 of each are asked" in month.why
    assert month.confusion.n == 30


def test_reports_that_do_not_commit_themselves_are_no_label():
    rows = answers()
    rows.loc[:9, "conclusion"] = "uncertain"

    (month,) = months(rows, POINTS, min_reported=20)

    assert (month.n_reported, month.n_unlabelled, month.confusion.n) == (200, 10, 190)


def test_months_come_newest_first():
    rows = pd.concat([answers(month="2026-02"), answers(month="2026-03")])

    assert [m.month for m in months(rows, POINTS, min_reported=20)] == [
        "2026-03",
        "2026-02",
    ]


def test_where_all_answers_are_alike_there_is_no_kappa():
    table = Confusion(asf_found=10, asf_missed=0, nsf_right=0, nsf_false_alarm=9)

    assert kappa(table) is None
