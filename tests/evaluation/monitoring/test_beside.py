"""Champion and challenger on the same studies."""

import numpy as np
import pandas as pd
import pytest

from cxrmlops.evaluation.monitoring.beside import beside
from cxrmlops.evaluation.statistics.comparison import auc_difference


def make_pairs(
    old: list[float | None], new: list[float | None], conclusion: list[str] | str = ""
) -> pd.DataFrame:
    frame = pd.DataFrame({"patient_id": [f"P{n}" for n in range(len(old))]})
    for who, probabilities in (("champion", old), ("challenger", new)):
        values = pd.Series(probabilities, dtype="float64")
        answer = np.where(values.isna(), "", np.where(values >= 0.5, "ASF", "NSF"))
        frame[f"{who}_outcome"] = np.where(values.isna(), "rejected", "scored")
        frame[f"{who}_probability"] = values
        frame[f"{who}_balanced"] = answer
        frame[f"{who}_high_sensitivity"] = answer
    return frame.assign(conclusion=conclusion)


def test_differing_answers_are_counted_without_any_report():
    pairs = make_pairs([0.9, 0.8, 0.2, 0.1], [0.7, 0.3, 0.6, 0.1])

    told = beside(pairs, min_reported=2)

    balanced, _ = told["points"]
    assert (balanced.both_asf, balanced.both_nsf) == (1, 1)
    assert (balanced.only_challenger_asf, balanced.only_champion_asf) == (1, 1)
    assert balanced.kappa.value == 0.0
    assert told["mean_absolute_difference"] == pytest.approx((0.2 + 0.5 + 0.4) / 4)
    assert told["largest_difference"] == pytest.approx(0.5)
    assert told["why"] == "0 ASF and 0 NSF with a report, 2 of each are asked"
    assert told["auc_difference"] is None


def test_what_one_of_both_rejected_is_counted_and_not_compared():
    told = beside(make_pairs([0.9, None, 0.2], [None, 0.4, 0.2]), min_reported=2)

    assert (told["n_both"], told["n_only_champion"]) == (1, 1)
    assert told["n_only_challenger"] == 1
    assert told["mean_absolute_difference"] == 0.0


def test_the_difference_of_aucs_is_paired_on_studies_with_a_clear_report():
    rng = np.random.default_rng(3)
    asf = np.arange(60) % 2 == 0
    old = np.clip(0.5 + 0.1 * asf + rng.normal(0, 0.2, 60), 0, 1)
    new = np.clip(0.5 + 0.3 * asf + rng.normal(0, 0.2, 60), 0, 1)
    words = np.where(asf, "ASF", "NSF")
    pairs = make_pairs([*old, 0.1, 0.2], [*new, 0.9, 0.9], [*words, "disputed", ""])

    told = beside(pairs, min_reported=20)

    patients = [f"P{n}" for n in range(60)]
    expected = auc_difference(new, old, asf, patients)
    assert told["auc_difference"].value == pytest.approx(expected.interval.value)
    assert told["auc_difference"].low == pytest.approx(expected.interval.low)
    assert told["p"] == pytest.approx(expected.p)
    assert told["auc_challenger"].value > told["auc_champion"].value
    assert (told["n_reported"], told["n_asf"], told["n_nsf"]) == (60, 30, 30)


def test_nothing_read_yet_is_not_assessed():
    told = beside(make_pairs([], []), min_reported=2)

    assert told["n_both"] == 0
    assert told["mean_absolute_difference"] is None
    assert told["points"][0].kappa is None
