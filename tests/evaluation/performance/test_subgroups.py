import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.performance.figures import reading
from cxrmlops.evaluation.performance.subgroups import age_band, subgroups
from tests.make import make_studies


def judged(studies):
    read = reading(studies.probability, studies.abnormal, studies.patient_id)
    return {(g.group, g.level): g for g in subgroups(studies, read, threshold=0.5)}


def test_every_study_is_in_one_level_of_each_group_but_findings():
    studies = make_studies(200)

    groups = judged(studies)

    for name in ("sex", "age", "view", "portable", "manufacturer", "source", "year"):
        assert sum(g.n for (group, _), g in groups.items() if group == name) == 200, (
            name
        )


def test_a_groups_auc_is_that_of_its_own_studies():
    studies = make_studies(200)

    women = judged(studies)["sex", "F"]

    own = studies[studies.sex == "F"]
    assert women.auc.value == pytest.approx(
        roc_auc_score(own.abnormal, own.probability)
    )
    assert women.n == len(own)


def test_a_finding_is_judged_against_all_normals():
    studies = make_studies(200)
    normals = int((~studies.abnormal).sum())

    nodules = judged(studies)["finding", "nodule"]

    assert nodules.n_nsf == normals
    assert nodules.n_asf == studies.findings.str.contains("nodule").sum()


def test_small_groups_are_not_assessed():
    studies = make_studies(200)
    studies.loc[studies.index[:12], "manufacturer"] = "Rare"

    rare = judged(studies)["manufacturer", "Rare"]

    assert not rare.assessed
    assert (rare.n, rare.auc, rare.recall_asf, rare.gap) == (12, None, None, None)


def test_a_group_of_all_studies_has_no_gap():
    only = judged(make_studies(200))["source", "hospital"]

    assert only.assessed
    assert only.gap is None


def test_a_group_that_is_read_badly_shows_a_gap():
    studies = make_studies(400)
    portable = (studies.portable == "yes").to_numpy()
    noise = np.random.default_rng(1).random(400)
    studies["probability"] = np.where(portable, noise, studies.probability)

    groups = judged(studies)

    assert groups["portable", "yes"].gap.high < 0
    assert groups["portable", "no"].gap.low > 0


def test_studies_of_one_image_and_of_several_are_groups_of_their_own():
    studies = make_studies(200)
    studies["n_images"] = np.resize([1, 1, 1, 2, 3], 200)

    groups = judged(studies)

    assert groups["n_images", "1"].n == 120
    assert groups["n_images", "2 or more"].n == 80


def test_unknown_years_and_vendors_are_named_so():
    studies = make_studies(200)
    studies["year"] = pd.array([pd.NA] * 200, dtype="Int64")
    studies["manufacturer"] = pd.array([""] * 200, dtype="string")

    groups = judged(studies)

    assert ("year", "unknown") in groups
    assert ("manufacturer", "unknown") in groups


def test_ages_fall_in_their_bands():
    ages = pd.Series([17.9, 18, 39.9, 40, 79.99, 80, 101, np.nan])

    assert age_band(ages).tolist() == [
        "under 18", "18-39", "18-39", "40-59", "60-79", "80+", "80+", "unknown",
    ]  # fmt: skip


def test_the_order_of_groups_is_that_of_the_report():
    keys = list(judged(make_studies(100)))

    assert keys == sorted(
        keys, key=lambda k: (["sex", "age", "view", "portable",
                              "manufacturer", "source", "year", "n_images",
                              "finding"].index(k[0]), k[1])
    )  # fmt: skip


def wins(score, asf, nsf):
    """Compare every pair: shape (n_asf, n_nsf), ties half."""
    gap = score[asf][:, None] - score[nsf]
    return (gap > 0) + 0.5 * (gap == 0)


def test_a_gap_is_as_unsure_as_two_independent_aucs():
    studies = make_studies(300)
    score, is_asf = studies.probability.to_numpy(), studies.abnormal.to_numpy()
    women = (studies.sex == "F").to_numpy()

    gap = judged(studies)["sex", "F"].gap

    own, rest = (wins(score, side & is_asf, side & ~is_asf) for side in (women, ~women))
    # DeLong 1988: the variance of each, and no study in common
    variance = sum(
        w.mean(1).var(ddof=1) / len(w) + w.mean(0).var(ddof=1) / w.shape[1]
        for w in (own, rest)
    )
    step = 1.959964 * np.sqrt(variance)
    value = own.mean() - rest.mean()
    assert (gap.low, gap.value, gap.high) == pytest.approx(
        (value - step, value, value + step), abs=1e-6
    )
    assert gap.n == women.sum()


def test_the_gap_of_a_finding_knows_that_both_aucs_share_the_normals():
    studies = make_studies(300)
    score, is_asf = studies.probability.to_numpy(), studies.abnormal.to_numpy()
    shown = is_asf & studies.findings.str.contains("nodule").to_numpy(dtype=bool)

    gap = judged(studies)["finding", "nodule"].gap

    own, rest = wins(score, shown, ~is_asf), wins(score, is_asf & ~shown, ~is_asf)
    # the abnormal studies are apart, each normal counts in both
    shared = own.mean(0) - rest.mean(0)
    variance = (
        own.mean(1).var(ddof=1) / len(own)
        + rest.mean(1).var(ddof=1) / len(rest)
        + shared.var(ddof=1) / len(shared)
    )
    step = 1.959964 * np.sqrt(variance)
    value = own.mean() - rest.mean()
    assert (gap.low, gap.value, gap.high) == pytest.approx(
        (value - step, value, value + step), abs=1e-6
    )


def test_recalls_of_a_group_count_its_own_studies_at_or_above_the_threshold():
    studies = make_studies(200)
    at = np.where(studies.abnormal, 0.5, 0.49)
    at[:8] = np.where(studies.abnormal[:8], 0.49, 0.5)
    studies["probability"] = at
    women = studies[studies.sex == "F"]
    wrong = studies[:8][studies.sex[:8] == "F"]

    found = judged(studies)["sex", "F"]

    for recall, abnormal in ((found.recall_asf, True), (found.recall_nsf, False)):
        n = (women.abnormal == abnormal).sum()
        missed = (wrong.abnormal == abnormal).sum()
        assert missed > 0
        assert recall.value == pytest.approx(1 - missed / n)
        assert recall.n == n


@pytest.mark.parametrize("scarce", [True, False])
@pytest.mark.parametrize(("others", "assessed"), [(10, True), (9, False)])
def test_a_gap_needs_ten_studies_of_each_class_outside(others, assessed, scarce):
    studies = make_studies(400)
    abnormal = studies.abnormal.to_numpy(dtype=bool) == scarce
    outside = np.zeros(400, dtype=bool)
    for of_class, n in ((abnormal, others), (~abnormal, 50)):
        outside[np.flatnonzero(of_class)[:n]] = True
    studies["portable"] = pd.array(np.where(outside, "yes", "no"), dtype="string")

    gap = judged(studies)["portable", "no"].gap

    assert (gap is not None) is assessed
