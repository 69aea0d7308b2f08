from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cxrmlops.model.agreement import compare
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint
from tests.model.make import GOOD

POINTS = (
    OperatingPoint(BALANCED, 0.5, "made up"),
    OperatingPoint(HIGH_SENSITIVITY, 0.2, "made up"),
)


def answers(probability: list, evidence: list) -> SimpleNamespace:
    return SimpleNamespace(
        probability=np.array(probability), evidence=np.array(evidence)
    )


def test_differences_flips_and_maps_are_counted():
    exact = answers([0.4999, 0.5, 0.1999, 0.9], [[[1.0, -4.0]]] * 4)
    other = answers([0.5001, 0.4999, 0.1999, 0.904], [[[1.1, -4.2]]] * 4)

    found = compare(exact, other, precision="bf16", device="cpu", points=POINTS)

    assert found.n == 4
    assert found.mean_difference == pytest.approx((0.0002 + 0.0001 + 0 + 0.004) / 4)
    assert found.largest_difference == pytest.approx(0.004)
    assert found.flips == {BALANCED: 2, HIGH_SENSITIVITY: 0}
    assert found.map_difference == pytest.approx(0.2 / 4)


def test_what_is_just_within_every_bound_may_read():
    assert GOOD.obstacle == ""
    assert "agrees" in GOOD.told()


@pytest.mark.parametrize(
    ("quirk", "why"),
    [
        ({"n": 39}, "compared on 39 films, 40 are needed"),
        ({"mean_difference": 0.00101}, "mean difference 0.0010, allowed 0.001"),
        ({"largest_difference": 0.0101}, "largest difference 0.0101, allowed 0.01"),
        ({"map_difference": 0.021}, "difference of maps 0.0210, allowed 0.02"),
        ({"map_difference": float("nan")}, "difference of maps nan"),
        ({"flips": {BALANCED: 3}}, "3 of 200 answers change at balanced, allowed 2"),
    ],
)
def test_each_bound_by_itself_keeps_a_precision_from_reading(quirk, why):
    found = replace(GOOD, **quirk)

    assert why in found.obstacle
    assert why in found.told()


def test_one_answer_may_change_however_few_the_films():
    assert replace(GOOD, n=40, flips={BALANCED: 1}).obstacle == ""
    assert "2 of 40" in replace(GOOD, n=40, flips={BALANCED: 2}).obstacle


def test_maps_without_evidence_that_differ_are_far_apart():
    nothing, something = (answers([0.5], [[[value]]]) for value in (0.0, 1.0))

    found = compare(nothing, something, precision="bf16", device="cpu", points=POINTS)

    assert found.map_difference > 1
