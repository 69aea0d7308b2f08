import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp

from cxrmlops.model.pooling import POOLINGS, pooled

MAPS = arrays(np.float32, (3, 4), elements=st.floats(-1000, 1000, width=32))


@settings(deadline=None)
@given(MAPS)
def test_log_sum_exp_is_scipys_with_the_mean_in_place_of_the_sum(evidence):
    values = evidence.astype(np.float64)
    expected = logsumexp(4.0 * values, b=1 / values.size) / 4.0  # r = 4

    assert pooled(evidence, "log_sum_exp") == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(MAPS)
def test_log_sum_exp_lies_between_mean_and_maximum(evidence):
    found = pooled(evidence, "log_sum_exp")

    assert pooled(evidence, "mean") - 1e-6 <= found <= evidence.max() + 1e-6


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_map_that_is_the_same_everywhere_is_pooled_to_its_value(pooling):
    assert pooled(np.full((5, 5), 3.25), pooling) == pytest.approx(3.25)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("by", [-1e4, 0.5, 1e4])
def test_a_constant_on_every_cell_is_a_constant_on_the_logit(pooling, by):
    evidence = np.random.default_rng(0).normal(size=(7, 7))

    apart = pooled(evidence + by, pooling) - pooled(evidence, pooling)

    assert apart == pytest.approx(by, rel=1e-9)


def test_an_unknown_pooling_is_refused_and_the_known_are_named():
    with pytest.raises(ValueError, match=r"'max'.*mean, log_sum_exp"):
        pooled(np.zeros((2, 2)), "max")
