import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.figures import reading
from cxrmlops.evaluation.spread import spreads
from cxrmlops.evaluation.subgroups import subgroups
from tests.make import make_studies


def found(studies, *, rounds=200):
    read = reading(studies.probability, studies.abnormal, studies.patient_id)
    groups = subgroups(studies, read, threshold=0.5)
    listed = spreads(studies, read, groups, rounds=rounds, seed=1)
    return {each.group: each for each in listed}


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


def test_a_group_of_one_level_has_no_spread():
    assert "source" not in found(make_studies(200))
