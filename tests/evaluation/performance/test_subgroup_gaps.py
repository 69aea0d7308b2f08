import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.performance.figures import reading
from cxrmlops.evaluation.performance.subgroup_gaps import subgroup_gaps
from cxrmlops.evaluation.performance.subgroups import subgroups
from cxrmlops.evaluation.statistics.ranking import auc, auc_interval, standard_error
from tests.make import make_studies


def found(studies):
    read = reading(studies.probability, studies.abnormal, studies.patient_id)
    groups = subgroups(studies, read, threshold=0.5)
    return {each.group: each for each in subgroup_gaps(studies, read, groups)}


def test_it_is_the_largest_auc_less_the_smallest():
    studies = make_studies(400)

    age = found(studies)["portable"]

    areas = {
        level: roc_auc_score(own.abnormal, own.probability)
        for level, own in studies.groupby("portable")
    }
    assert age.gap.value == pytest.approx(max(areas.values()) - min(areas.values()))
    assert areas[age.highest] == max(areas.values())
    assert areas[age.lowest] == min(areas.values())


def test_a_group_that_is_read_badly_is_apart_and_the_others_are_not():
    studies = make_studies(600)
    portable = (studies.portable == "yes").to_numpy()
    noise = np.random.default_rng(1).random(600)
    studies["probability"] = np.where(portable, noise, studies.probability)

    listed = found(studies)

    assert listed["portable"].lowest == "yes"
    assert listed["portable"].gap.low > 0.3
    assert listed["sex"].gap.low == 0


def test_with_two_levels_it_is_the_difference_that_delong_gives():
    studies = make_studies(400)
    sides = [studies[studies.sex == level] for level in ("F", "M")]
    areas = [auc_interval(s.probability, s.abnormal, s.patient_id) for s in sides]
    errors = [
        standard_error(auc(s.probability, s.abnormal, s.patient_id).influence,
                       s.patient_id)
        for s in sides
    ]  # fmt: skip

    gap = found(studies)["sex"].gap

    value = abs(areas[0].value - areas[1].value)
    step = 1.959964 * np.hypot(*errors)
    assert (gap.low, gap.value, gap.high) == pytest.approx(
        (max(0, value - step), value, value + step), abs=1e-6
    )


@pytest.mark.soak
def test_95_of_100_spreads_hold_the_truth():
    """Three levels that are read alike and one that is not; n = 600, 500 cohorts."""
    held = 0
    rng = np.random.default_rng(1)
    truth = norm.cdf(1.5 / np.sqrt(2)) - norm.cdf(1.0 / np.sqrt(2))
    for _ in range(500):
        studies = make_studies(600)
        level = rng.integers(4, size=600)
        apart = np.where(level == 3, 1.0, 1.5)
        logit = rng.normal(size=600) + apart * studies.abnormal
        studies["probability"] = 1 / (1 + np.exp(-logit))
        names = np.array(["Alpha", "Beta", "Gamma", "Delta"])
        studies["manufacturer"] = pd.array(names[level], dtype="string")
        gap = found(studies)["manufacturer"].gap
        held += gap.low <= truth <= gap.high

    assert held / 500 >= 0.935  # Bonferroni: at least 95 %, more where pairs agree


def test_a_group_of_one_level_has_no_spread():
    assert "source" not in found(make_studies(200))


def test_with_three_levels_every_pair_is_as_unsure_as_bonferroni_asks():
    studies = make_studies(450)
    levels = np.array(["Alpha", "Beta", "Gamma"])[np.arange(450) // 2 % 3]
    studies["manufacturer"] = pd.array(levels, dtype="string")
    noise = np.random.default_rng(1).normal(0, 9.0, 450)
    logit = studies.logit + noise * (levels == "Gamma")
    studies["probability"] = 1 / (1 + np.exp(-logit))

    spread = found(studies)["manufacturer"]

    own = [group for _, group in studies.groupby("manufacturer")]
    areas, variances = [], []
    for group in own:
        asf, nsf = (group.probability[group.abnormal == side] for side in (True, False))
        won = (asf.to_numpy()[:, None] > nsf.to_numpy()).astype(float)
        areas.append(won.mean())
        variances.append(
            won.mean(1).var(ddof=1) / len(asf) + won.mean(0).var(ddof=1) / len(nsf)
        )
    z = norm.ppf(1 - 0.05 / (2 * 3))  # three pairs
    lows, highs = [0.0], []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        gap = abs(areas[one] - areas[other])
        step = z * np.sqrt(variances[one] + variances[other])
        lows.append(gap - step)
        highs.append(gap + step)
    assert spread.gap.value == pytest.approx(max(areas) - min(areas))
    assert (spread.gap.low, spread.gap.high) == pytest.approx(
        (max(lows), max(highs)), abs=1e-6
    )
    assert spread.gap.low > 0
    assert spread.gap.n == 450
    assert spread.lowest == "Gamma"


def test_the_spread_of_findings_knows_that_their_aucs_share_the_normals():
    studies = make_studies(300)
    is_asf = studies.abnormal.to_numpy(dtype=bool)
    names = np.where(np.arange(300) // 2 % 2, "nodule", "effusion")
    studies["findings"] = pd.array(np.where(is_asf, names, ""), dtype="string")
    logit = studies.logit - 1.5 * (is_asf & (names == "effusion"))
    studies["probability"] = 1 / (1 + np.exp(-logit))
    score = studies.probability.to_numpy()

    spread = found(studies)["finding"]

    high, low = (
        (score[is_asf & (names == name)][:, None] > score[~is_asf]).astype(float)
        for name in ("nodule", "effusion")
    )
    shared = high.mean(0) - low.mean(0)
    variance = (
        high.mean(1).var(ddof=1) / len(high)
        + low.mean(1).var(ddof=1) / len(low)
        + shared.var(ddof=1) / len(shared)
    )
    value, step = high.mean() - low.mean(), norm.ppf(0.975) * np.sqrt(variance)
    assert (spread.highest, spread.lowest) == ("nodule", "effusion")
    assert (spread.gap.low, spread.gap.value, spread.gap.high) == pytest.approx(
        (max(0, value - step), value, value + step), abs=1e-6
    )
