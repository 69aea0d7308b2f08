import math

import pytest

from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.findings import (
    OperatingPoint,
    answer,
    result,
    study_probability,
)

POINT = OperatingPoint("balanced", 0.5, "for the test")


def test_the_threshold_itself_is_asf():
    assert [answer(p, POINT) for p in (0.0, 0.499, 0.5, 1.0)] == [
        *("NSF", "NSF", "ASF", "ASF")
    ]


def test_only_what_no_point_suspects_is_normal():
    sensitive = OperatingPoint("high_sensitivity", 0.2, "for the test")

    said = [result(p, POINT, sensitive) for p in (0.0, 0.199, 0.2, 0.499, 0.5, 1.0)]

    assert said == [
        *("normal", "normal", "equivocal", "equivocal", "abnormal", "abnormal")
    ]


def test_a_rule_out_point_above_the_balanced_one_changes_no_answer():
    sensitive = OperatingPoint("high_sensitivity", 0.7, "for the test")

    said = [result(p, POINT, sensitive) for p in (0.499, 0.5, 0.7)]

    assert said == ["normal", "abnormal", "abnormal"]


@pytest.mark.parametrize("probability", [math.nan, math.inf, -0.1, 1.1])
def test_what_is_no_probability_is_no_answer(probability):
    with pytest.raises(DataError, match="no number from 0 to 1"):
        answer(probability, POINT)


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_no_number_gives_a_study_no_answer(logit):
    for rule in ("max", "mean"):
        for images in ([logit, 0.5], [0.5, logit]):
            with pytest.raises(DataError, match="a logit that is no number"):
                study_probability(images, rule, 1.0)


def test_logits_are_joined_and_then_calibrated():
    logits, temperature = [-1.0, 4.0], 2.0

    mean = study_probability(logits, "mean", temperature)
    largest = study_probability(logits, "max", temperature)

    assert mean == pytest.approx(1 / (1 + math.exp(-1.5 / 2)))
    assert largest == pytest.approx(1 / (1 + math.exp(-4 / 2)))
    # the mean of both images' probabilities would be another answer
    apart = (1 / (1 + math.exp(1 / 2)) + 1 / (1 + math.exp(-4 / 2))) / 2
    assert abs(mean - apart) > 0.03
