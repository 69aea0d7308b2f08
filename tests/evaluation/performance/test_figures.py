import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    precision_recall_fscore_support,
)

from cxrmlops.evaluation.performance.figures import (
    answer_figures,
    calibration_figures,
    confusion,
    ranking_figures,
    reading,
)
from cxrmlops.system.errors import DataError

CASES = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=st.sampled_from(np.linspace(0, 1, 11))),
        hnp.arrays(bool, n).filter(lambda a: a.any() and not a.all()),
    )
)


def make_reading(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=n) * 2
    probability = 1 / (1 + np.exp(-logit))
    return reading(probability, rng.random(n) < probability, np.arange(n))


@settings(deadline=None, max_examples=40)
@given(CASES)
def test_answers_equal_scikit_learns(case):
    probability, abnormal = case
    read = reading(probability, abnormal, np.arange(len(abnormal)))

    figures = answer_figures(read, 0.45, rounds=100, seed=1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        abnormal, probability >= 0.45, labels=[True, False], zero_division=0
    )

    for k, name in enumerate(["asf", "nsf"]):
        assert figures[f"recall_{name}"].value == pytest.approx(recall[k])
        assert figures[f"f1_{name}"].value == pytest.approx(f1[k])
        if f"precision_{name}" in figures:
            assert figures[f"precision_{name}"].value == pytest.approx(precision[k])
    right = accuracy_score(abnormal, probability >= 0.45)
    assert figures["accuracy"].value == pytest.approx(right)


@settings(deadline=None, max_examples=20)
@given(CASES)
@example((np.zeros(4), np.array([True, False, True, True])))  # a very large ECE
def test_every_value_lies_in_its_interval(case):
    read = reading(*case, np.arange(len(case[0])))

    figures = (
        answer_figures(read, 0.45, rounds=100, seed=1)
        | ranking_figures(read, rounds=100, seed=1)
        | calibration_figures(read, bins=5, rounds=100, seed=1)
    )

    for name, figure in figures.items():
        if np.isfinite(figure.low):
            assert figure.low <= figure.value <= figure.high, name
        if not name.startswith("calibration_"):
            assert 0 <= figure.value <= 1, name
            assert not figure.low < 0, name
            assert not figure.high > 1, name
        if name.startswith(("recall_asf", "recall_nsf")) and "_at_" not in name:
            assert figure.high - figure.low > 0.05, "never certain of 40 studies"


def drawn_by_hand(read, figure, *, rounds=400, seed=5):
    """Bootstrap studies, one a patient, with a figure of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        rows = rng.integers(len(read), size=len(read))
        if 0 < read.abnormal[rows].sum() < len(read):
            found.append(figure(read.abnormal[rows], read.probability[rows]))
    return np.percentile(found, [2.5, 97.5])


def test_bootstrap_limits_are_percentiles_of_draws_made_by_hand():
    read = make_reading(150)
    drawing = {"rounds": 1000, "seed": 1}

    figures = (
        answer_figures(read, 0.4, **drawing)
        | ranking_figures(read, **drawing)
        | calibration_figures(read, bins=5, **drawing)
    )

    def f1(true, said):
        return 2 * (true & said).sum() / (true.sum() + said.sum())

    by_hand = {
        "auprc": average_precision_score,
        "brier": lambda is_asf, p: np.mean((is_asf - p) ** 2),
        "f1_asf": lambda is_asf, p: f1(is_asf, p >= 0.4),
        "f1_nsf": lambda is_asf, p: f1(~is_asf, p < 0.4),
    }
    for name, figure in by_hand.items():
        limits = tuple(drawn_by_hand(read, figure))
        ours = (figures[name].low, figures[name].high)
        assert ours == pytest.approx(limits, abs=0.02), name


def test_a_probability_at_the_threshold_is_answered_asf():
    read = reading(
        [0.5, 0.5, 0.5, 0.1, 0.9], [True, True, False, False, True], list("abcde")
    )

    table = confusion(read, 0.5)
    figures = answer_figures(read, 0.5, rounds=10, seed=1)

    assert (table.asf_found, table.asf_missed) == (3, 0)
    assert (table.nsf_right, table.nsf_false_alarm) == (1, 1)
    assert figures["recall_asf"].value == 1
    assert figures["recall_nsf"].value == 0.5


def test_each_recall_says_how_many_studies_it_rests_on():
    read = make_reading()

    figures = answer_figures(read, 0.5, rounds=100, seed=1)

    assert figures["recall_asf"].n == read.abnormal.sum()
    assert figures["recall_nsf"].n == (~read.abnormal).sum()
    assert figures["precision_asf"].n == (read.probability >= 0.5).sum()


def test_a_class_that_is_never_answered_has_no_precision():
    read = reading([0.1, 0.2, 0.3, 0.4], [True, False, True, False], list("abcd"))

    figures = answer_figures(read, 0.9, rounds=100, seed=1)

    assert "precision_asf" not in figures
    assert figures["recall_asf"].value == 0


def test_the_confusion_adds_up_to_every_study():
    read = make_reading()

    table = confusion(read, 0.5)

    assert table.n == len(read)
    assert table.asf_found + table.asf_missed == read.abnormal.sum()


def test_the_area_under_precision_stands_beside_its_baseline():
    read = make_reading()

    figures = ranking_figures(read, rounds=100, seed=1)

    assert figures["auprc_baseline"].value == pytest.approx(read.abnormal.mean())
    assert figures["auc_bootstrap"].value == pytest.approx(figures["auc"].value)
    assert figures["recall_nsf_at_recall_asf_95"].n == (~read.abnormal).sum()


def test_a_well_calibrated_reader_has_slope_one_and_little_error():
    read = make_reading(4000)

    figures = calibration_figures(read, bins=10, rounds=200, seed=1)

    assert figures["calibration_slope"].low < 1 < figures["calibration_slope"].high
    intercept = figures["calibration_intercept"]
    assert intercept.low < 0 < intercept.high
    assert figures["ece"].high < 0.03


def test_an_overconfident_reader_has_a_slope_below_one():
    read = make_reading(4000)
    logit = np.log(read.probability / (1 - read.probability))
    sure = reading(1 / (1 + np.exp(-3 * logit)), read.abnormal, read.patient)

    figures = calibration_figures(sure, bins=10, rounds=200, seed=1)

    assert figures["calibration_slope"].high < 0.5
    assert figures["ece"].low > 0.05


def test_perfect_separation_has_no_calibration_line():
    read = reading([0.1, 0.2, 0.8, 0.9], [False, False, True, True], list("abcd"))

    figures = calibration_figures(read, bins=5, rounds=100, seed=1)

    assert "calibration_slope" not in figures
    assert "brier" in figures


@pytest.mark.parametrize(
    ("probability", "abnormal", "message"),
    [
        ([], [], "the test set is empty; enlarge the cohort"),
        ([0.1, 0.2], [True, True], "holds 2 ASF and 0 NSF studies; figures need both"),
        (
            [0.1, 0.2, np.nan],
            [True, False, True],
            "1 of 3 test probabilities are not numbers",
        ),
    ],
)
def test_a_test_set_that_shows_nothing_is_refused(probability, abnormal, message):
    with pytest.raises(DataError, match=message):
        reading(probability, abnormal, np.arange(len(abnormal)))
