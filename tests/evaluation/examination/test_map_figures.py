import numpy as np
import pytest
from scipy.stats import spearmanr

from cxrmlops.evaluation.examination.map_figures import (
    concentration,
    mean_interval,
    measure_maps,
    rank_correlation,
)


def maps(n=6, *, cells=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, cells, cells)).astype("float32")


def test_correlation_by_ranks_is_spearmans():
    one, other = maps(), maps(seed=1) + maps() / 2

    found = rank_correlation(one, other)

    expected = [
        spearmanr(a.ravel(), b.ravel()).statistic
        for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.isnan(rank_correlation(one, np.ones_like(one))).all()


@pytest.mark.parametrize("cells", [3, 4, 7, 8, 16])
@pytest.mark.parametrize("corners", [True, False])
def test_even_evidence_has_no_concentration(cells, corners):
    even = np.ones((2, cells, cells), "float32")

    np.testing.assert_allclose(concentration(even, corners=corners), 1)


def test_evidence_in_a_corner_is_counted_there_and_not_in_the_middle():
    marked, middle = np.zeros((2, 1, 8, 8), "float32")
    marked[0, 0, 0] = middle[0, 4, 4] = 3

    np.testing.assert_allclose(concentration(marked, corners=True), 16)  # 4 of 64 cells
    np.testing.assert_allclose(concentration(middle, corners=True), 0)
    np.testing.assert_allclose(concentration(middle, corners=False), 0)


def test_evidence_against_is_no_mass_and_images_without_any_are_left_out():
    against = -np.ones((2, 8, 8), "float32")

    assert np.isnan(concentration(against, corners=True)).all()
    assert mean_interval(concentration(against, corners=True)) is None


def test_the_mean_has_students_interval():
    found = mean_interval(np.array([1.0, 2.0, 3.0, np.nan]))

    # t of two degrees of freedom is 4.303
    assert (found.value, found.n) == (2, 3)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5)


def test_figures_of_maps():
    evidence = maps()

    found = measure_maps(
        evidence,
        on_square=evidence,
        redrawn={"conv1": maps(seed=1)},
        all_redrawn=[maps(seed=1), maps(seed=2)],
        repeated={"noise": evidence * 2},
        road=(np.array([1.0, 1.2]), np.array([0.0, 0.1])),
    )

    assert found.repeated["noise"].low == pytest.approx(1)
    assert abs(found.redrawn["conv1"].value) < 0.3
    assert found.road.value == pytest.approx(1.05)
    assert found.grid == (8, 8)


def test_evidence_between_the_corners_is_at_the_border_alone():
    evidence = np.zeros((2, 8, 8), "float32")
    evidence[:, 0, 3] = 1
    nowhere = np.zeros(2)

    found = measure_maps(
        evidence,
        on_square=evidence,
        redrawn={},
        all_redrawn=[],
        repeated={},
        road=(nowhere, nowhere),
    )

    assert found.corners.value == 0
    # the border of one cell holds 28 of 64
    assert found.borders.value == pytest.approx(64 / 28, abs=1e-5)


def test_what_lies_at_the_edge_is_asked_of_the_map_laid_over_the_square():
    inside, nowhere = np.zeros((2, 8, 8), "float32"), np.zeros(2)
    inside[:, 4, 4] = 1

    found = measure_maps(
        np.ones((2, 2, 2), "float32"),  # two cells a side: all of them at the edge
        on_square=inside,
        redrawn={},
        all_redrawn=[],
        repeated={},
        road=(nowhere, nowhere),
    )

    assert found.grid == (2, 2)
    assert found.borders.value == found.corners.value == 0


def likeness(evidence, redrawn):
    return measure_maps(
        evidence,
        on_square=evidence,
        redrawn={},
        all_redrawn=redrawn,
        repeated={},
        road=(np.zeros(2), np.zeros(2)),
    ).all_redrawn


def test_likeness_to_redrawn_networks_is_absolute_and_its_interval_counts_networks():
    evidence = maps()
    shares = [0.0, 0.2, -0.4, 0.6]  # of the map in what eight networks give
    redrawn = [
        share * evidence + 0.3 * maps(seed=9 + k) for k, share in enumerate(shares * 2)
    ]

    found = likeness(evidence, redrawn)

    each = [
        abs(np.mean([spearmanr(evidence[k], m[k], axis=None)[0] for k in range(6)]))
        for m in redrawn
    ]
    step = 2.364624 * np.std(each, ddof=1) / np.sqrt(8)  # t of seven degrees
    assert found.value == pytest.approx(np.mean(each), abs=1e-5)
    assert (found.low, found.high) == pytest.approx(
        (np.mean(each) - step, np.mean(each) + step), abs=2e-5
    )
    assert found.n == len(evidence)


def test_a_map_that_does_not_depend_on_the_weights_is_like_those_of_any_network():
    evidence = maps()

    found = likeness(evidence, [(-1) ** k * evidence for k in range(8)])

    assert found.low > 0.99, "turned signs must not hide it"
