from math import inf, nan

import pytest

from cxrmlops.evaluation.statistics.estimates import estimate, estimates
from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.records.estimate import Estimate

KNOWN = Interval(0.5, 0.4, 0.6, 10)


def test_an_interval_keeps_its_numbers():
    assert estimate(KNOWN) == Estimate(value=0.5, low=0.4, high=0.6, n=10)


@pytest.mark.parametrize(
    "interval",
    [None, Interval(nan, 0.4, 0.6, 10), Interval(0.5, nan, nan, 10),
     Interval(0.5, 0.4, inf, 10)],
)  # fmt: skip
def test_what_has_no_finite_ends_is_no_estimate(interval):
    assert estimate(interval) is None


def test_a_figure_that_could_not_be_computed_is_left_out():
    found = estimates({"auc": KNOWN, "lr_positive": Interval(inf, 2.0, inf, 10)})

    assert list(found) == ["auc"]
