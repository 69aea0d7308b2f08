"""The default bounds pass what they should and refuse what they should."""

import numpy as np
import pytest

from benchmarks import gate_operating_characteristic as characteristic
from benchmarks.gate_cohorts import World, draw, moved

pytestmark = pytest.mark.slow

ROUNDS = 12
SEED = 20


def n_passed(world):
    params = characteristic.load_params().gate
    found = [characteristic.simulate(world, SEED, n) for n in range(ROUNDS)]
    return sum(characteristic.judged(each, params).passed for each in found)


@pytest.mark.parametrize(
    "world", characteristic.GOOD[::2], ids=lambda world: world.name
)
def test_most_good_models_pass(world):
    # a rate of .90 gives fewer than 8 of 12 once in 200 times, one of .50 in 80 %
    assert n_passed(world) >= 8


@pytest.mark.parametrize(
    "world",
    [characteristic.CURVE[0], *characteristic.BAD],
    ids=lambda world: world.name,
)
def test_next_to_no_bad_model_passes(world):
    # a rate of .05 gives more than 3 of 12 once in 400 times, one of .50 in 93 %
    assert n_passed(world) <= 3


@pytest.mark.parametrize("auc", [0.94, 0.97])
def test_a_world_has_the_auc_that_it_says(auc):
    world = World("w", auc, kinds=characteristic.REALISTIC)
    rows = draw(world, 40_000, np.random.default_rng(3), move=moved(world))

    found = characteristic.auc_interval(rows.logit, rows.abnormal, rows.patient_id)

    assert found.value == pytest.approx(auc, abs=0.003)
