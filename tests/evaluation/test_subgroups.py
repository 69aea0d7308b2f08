import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.figures import reading
from cxrmlops.evaluation.subgroups import age_band, subgroups
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
        keys, key=lambda k: (["sex", "age", "view", "portable", "manufacturer",
                              "source", "year", "finding"].index(k[0]), k[1])
    )  # fmt: skip
