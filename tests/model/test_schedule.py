import pytest

from cxrmlops.model.schedule import rate_factor


def rates(*, warmup: int, total: int) -> list[float]:
    return [
        rate_factor(step, warmup_steps=warmup, total_steps=total)
        for step in range(total)
    ]


def test_the_rate_rises_in_a_straight_line_then_only_falls():
    factors = rates(warmup=4, total=20)

    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert all(a > b for a, b in zip(factors[4:-1], factors[5:], strict=True))
    assert 0 < factors[-1] < 0.02


def test_halfway_down_the_rate_is_half():
    assert rate_factor(6, warmup_steps=2, total_steps=10) == pytest.approx(0.5)


@pytest.mark.parametrize(("warmup", "total"), [(0, 1), (0, 5), (5, 5), (9, 5), (1, 2)])
def test_every_step_of_an_odd_training_has_a_rate(warmup, total):
    assert all(0 < factor <= 1 for factor in rates(warmup=warmup, total=total))
