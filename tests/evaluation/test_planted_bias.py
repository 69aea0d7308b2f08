"""The synthetic hospital's own bias, planned but not rendered, through the gate."""

import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.examination.probes import read_level
from cxrmlops.evaluation.examination.within_levels import auc_inflation
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.params import load_params
from cxrphantom.plan import plan_studies
from cxrphantom.vendors import VENDORS

pytestmark = pytest.mark.integration


def planned(bias):
    plan = plan_studies(studies=2000, backlog_studies=0, seed=5, bias=bias)
    return pd.DataFrame(
        {
            "patient_id": [str(each.exam.person.number) for each in plan],
            "vendor": [each.vendor.manufacturer for each in plan],
            "abnormal": [bool(each.findings) for each in plan],
        }
    )


def vendor_alone(studies):
    """Learn on the first 70 % of patients, read the others."""
    first = studies.patient_id.isin(studies.patient_id.unique()[: len(studies) // 2])
    is_asf, learnt = studies.abnormal.to_numpy(), first.to_numpy()
    score = read_level(studies.vendor, is_asf, learnt)
    rest = ~learnt
    return auc_interval(score[rest], is_asf[rest], studies.patient_id[rest])


@pytest.mark.parametrize(("bias", "refused"), [(0.0, False), (0.9, True)])
def test_a_planted_bias_is_refused_and_a_fair_cohort_is_not(bias, refused):
    reached = vendor_alone(planned(bias))

    assert (reached.high > load_params().gate.max_shortcut_auc) is refused
    assert (reached.low > 0.9) is refused


@pytest.mark.parametrize("reads", ["lung", "vendor"])
def test_of_two_networks_on_a_biased_cohort_the_one_that_reads_vendors_is_refused(
    reads,
):
    studies = planned(0.5)
    rng = np.random.default_rng(0)
    seen = (
        studies.abnormal
        if reads == "lung"
        else studies.vendor == VENDORS[2].manufacturer
    )
    studies["probability"] = 4 * seen.to_numpy() + rng.normal(size=len(studies))

    inflation = auc_inflation(studies, studies.vendor)

    refused = inflation.high > load_params().gate.max_auc_inflation
    assert refused is (reads == "vendor")
