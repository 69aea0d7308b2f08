import math

import pytest

from cxrmlops.errors import DataError
from cxrmlops.vocabulary.findings import OperatingPoint, answer, study_probability

POINT = OperatingPoint("balanced", 0.5, "for the test")


def test_the_threshold_itself_is_asf():
    assert [answer(p, POINT) for p in (0.0, 0.499, 0.5, 1.0)] == [
        *("NSF", "NSF", "ASF", "ASF")
    ]


@pytest.mark.parametrize("probability", [math.nan, math.inf, -0.1, 1.1])
def test_what_is_no_probability_is_no_answer(probability):
    with pytest.raises(DataError, match="no number from 0 to 1"):
        answer(probability, POINT)
    for rule in ("max", "mean"):
        for images in ([probability, 0.5], [0.5, probability]):
            with pytest.raises(DataError, match="no number from 0 to 1"):
                study_probability(images, rule)
