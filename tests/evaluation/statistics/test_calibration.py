import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from cxrmlops.evaluation.statistics.calibration import (
    MAX_TEMPERATURE,
    PRIOR,
    Calibration,
    fit_temperature,
)
from cxrmlops.system.errors import DataError, LeakError


def drawn(*, n: int = 4000, slope: float = 1.0, shift: float = 0.0, seed: int = 0):
    """Draw logits and labels for which sigmoid(slope * logit + shift) is the truth."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2, n)
    return logit, rng.random(n) < 1 / (1 + np.exp(-slope * logit - shift))


def val(n: int) -> list[str]:
    return ["val"] * n


def probability(logit: np.ndarray, by: Calibration) -> np.ndarray:
    return 1 / (1 + np.exp(-(logit + by.shift) / by.temperature))


def test_a_network_that_is_twice_too_sure_is_cooled_down():
    logit, abnormal = drawn(slope=0.5)

    fitted = fit_temperature(logit, abnormal, val(len(logit)))

    assert fitted.temperature == pytest.approx(2.0, rel=0.1)
    assert fitted.shift == pytest.approx(0.0, abs=0.15)


def test_class_weights_are_undone():
    logit, abnormal = drawn(shift=-1.5)

    fitted = fit_temperature(logit, abnormal, val(len(logit)))

    assert probability(logit, fitted).mean() == pytest.approx(abnormal.mean(), abs=0.01)


def test_the_fit_is_that_of_penalised_logistic_regression():
    logit, abnormal = drawn(n=200, slope=0.7, shift=0.4)
    # the same belief in (1, 0): shift the penalty's centre by an offset of the logit
    fitted = fit_temperature(logit, abnormal, val(200))
    slope, shift = 1 / fitted.temperature, fitted.shift / fitted.temperature

    p = 1 / (1 + np.exp(-slope * logit - shift))
    pull = np.array([((p - abnormal) * logit).sum(), (p - abnormal).sum()])

    np.testing.assert_allclose(
        pull + PRIOR * np.array([slope - 1, shift]), 0, atol=1e-6
    )
    unpenalised = LogisticRegression(C=np.inf).fit(logit[:, None], abnormal)
    assert slope == pytest.approx(unpenalised.coef_[0, 0], rel=0.1)


def test_a_val_set_told_apart_without_error_keeps_the_temperature_finite():
    logit = np.array([-3.0, -2.0, 2.0, 3.0])

    fitted = fit_temperature(logit, logit > 0, val(4))

    assert 0.2 < fitted.temperature < 1
    assert abs(fitted.shift) < 1e-6


def test_a_network_that_knows_nothing_gives_the_share_of_asf():
    logit, abnormal = drawn(slope=-1.0, shift=-1.0)

    fitted = fit_temperature(logit, abnormal, val(len(logit)))

    assert fitted.temperature == pytest.approx(MAX_TEMPERATURE)
    assert probability(logit, fitted).mean() == pytest.approx(abnormal.mean(), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-60, 60), min_size=4, max_size=30),
    st.integers(0, 2**16),
)
def test_calibration_keeps_the_order_and_lowers_the_loss(logits, labels):
    logit = np.array(logits)
    abnormal = np.array([bool(labels >> (k % 16) & 1) for k in range(len(logit))])
    abnormal[:2] = [True, False]

    fitted = fit_temperature(logit, abnormal, val(len(logit)))

    def loss(z: np.ndarray) -> float:
        return float((np.logaddexp(0, z) - abnormal * z).sum())

    assert 0 < fitted.temperature <= MAX_TEMPERATURE + 1e-9
    assert np.isfinite(fitted.shift)
    assert loss((logit + fitted.shift) / fitted.temperature) <= loss(logit) + 1e-6


@pytest.mark.parametrize("foreign", ["test", "train", None])
def test_rows_of_another_split_are_refused(foreign):
    with pytest.raises(LeakError, match="on val alone, but got 1 of"):
        fit_temperature([0.1, 0.2, 0.3], [True, False, True], ["val", foreign, "val"])


def test_one_class_is_refused():
    with pytest.raises(DataError, match="val holds 2 ASF and 0 NSF"):
        fit_temperature([0.1, 0.2], [True, True], val(2))


def test_a_logit_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="1 of 2 logits are not numbers"):
        fit_temperature([0.1, np.nan], [True, False], val(2))


@pytest.mark.parametrize("a", [0.5, 2.0])
def test_one_studys_worth_of_belief_holds_the_slope_near_one(a):
    logit = np.array([-a, -a, a, a])

    fitted = fit_temperature(logit, logit > 0, val(4))

    # the loss 4 log(1 + exp(-s a)) + (s - 1)^2 / 2 has its least where
    slope = brentq(lambda s: s - 1 - 4 * a * expit(-s * a), 0.1, 10)
    assert fitted.temperature == pytest.approx(1 / slope, rel=1e-6)
