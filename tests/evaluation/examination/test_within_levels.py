import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.examination.within_levels import auc_inflation
from cxrmlops.evaluation.statistics.ranking import auc
from tests.make import make_studies


def biased(n, *, tied, seed=0):
    """Give studies whose vendor follows the label with that probability."""
    studies = make_studies(n, split="val", seed=seed)
    rng = np.random.default_rng(seed)
    vendor = np.where(studies.abnormal, "Gamma", "Alpha")
    free = rng.random(n) >= tied
    vendor[free] = rng.choice(["Alpha", "Gamma"], int(free.sum()))
    return studies, pd.Series(vendor)


def test_a_network_that_reads_the_vendor_has_no_auc_within_vendors():
    studies, vendor = biased(600, tied=0.8)
    noise = np.random.default_rng(1).normal(size=600)
    studies["probability"] = (vendor == "Gamma") * 10 + noise

    inflation = auc_inflation(studies, vendor)

    whole = auc(studies.probability, studies.abnormal, studies.patient_id).value
    assert inflation.value == pytest.approx(whole - 0.5, abs=0.06)
    assert inflation.low > 0.25


def test_a_network_that_reads_the_lung_loses_nothing_within_vendors():
    studies, vendor = biased(600, tied=0.5)

    inflation = auc_inflation(studies, vendor)

    assert inflation.low < inflation.value < inflation.high < 0.03


@pytest.mark.integration
def test_the_interval_holds_the_truth_in_about_95_of_100():
    held = []
    for seed in range(200):
        studies, vendor = biased(160, tied=0.0, seed=seed)
        found = auc_inflation(studies, vendor)
        held.append(found.low <= 0 <= found.high)

    assert 0.90 <= np.mean(held) <= 1


def test_within_one_level_is_the_auc_itself():
    studies = make_studies(100, split="val")
    level = pd.Series(["A"] * 90 + ["B"] * 10)
    of_a = studies[:90]

    found = auc_inflation(studies, level)

    whole = auc(studies.probability, studies.abnormal, studies.patient_id).value
    within = auc(of_a.probability, of_a.abnormal, of_a.patient_id).value
    assert found.value == pytest.approx(whole - within)
    assert found.n == 90


def test_one_level_or_none_with_both_classes_is_not_assessed():
    studies = make_studies(100, split="val")

    assert auc_inflation(studies, pd.Series(["A"] * 100)) is None
    follows = pd.Series(np.where(studies.abnormal, "Gamma", "Alpha"))
    assert auc_inflation(studies, follows) is None


def test_levels_count_by_their_pairs_and_the_interval_is_delongs():
    studies = make_studies(260, split="val")
    level = pd.Series(np.where(np.arange(260) < 200, "A", "B"))
    noise = np.random.default_rng(1).random(260)
    score = np.where(level == "B", noise, studies.probability)
    studies["probability"] = score
    is_asf = studies.abnormal.to_numpy(dtype=bool)

    found = auc_inflation(studies, level)

    sides = [(level == name).to_numpy() for name in "AB"]
    pairs = np.array([(side & is_asf).sum() * (side & ~is_asf).sum() for side in sides])
    areas = np.array([roc_auc_score(is_asf[side], score[side]) for side in sides])
    within = (pairs * areas).sum() / pairs.sum()
    value = roc_auc_score(is_asf, score) - within
    assert found.value == pytest.approx(value)
    assert abs(areas.mean() - within) > 0.1, "equal weights would give another figure"

    # DeLong: each study's share of wins in all and within its level, less their means
    def shares(rows):
        won = (score[rows & is_asf][:, None] > score[rows & ~is_asf]).astype(float)
        part = np.zeros(260)
        part[rows & is_asf] = won.mean(1) - won.mean()
        part[rows & ~is_asf] = won.mean(0) - won.mean()
        for side in (rows & is_asf, rows & ~is_asf):
            part[side] *= np.sqrt(side.sum() / (side.sum() - 1)) / side.sum()
        return part

    whole = shares(np.ones(260, dtype=bool))
    parts = sum(w * shares(s) for w, s in zip(pairs / pairs.sum(), sides, strict=True))
    step = 1.959964 * np.sqrt(((whole - parts) ** 2).sum())
    assert (found.low, found.high) == pytest.approx((value - step, value + step))
    assert found.n == 260
