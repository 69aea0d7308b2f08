import pytest

from cxrmlops.evaluation.statistics.agreement import cohen_kappa


def test_kappa_is_that_of_the_textbook():
    # Cohen 1960 by hand: observed .70, expected .50
    found = cohen_kappa([[20, 5], [10, 15]])

    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high
    assert found.n == 50


def test_kappa_is_one_where_all_agree():
    assert cohen_kappa([[7, 0], [0, 3]]).value == 1.0


@pytest.mark.parametrize(
    "counts", [[[0, 0], [0, 0]], [[5, 0], [2, 0]], [[4, 3], [0, 0]]]
)
def test_there_is_no_kappa_where_one_gave_one_answer_to_all(counts):
    assert cohen_kappa(counts) is None
