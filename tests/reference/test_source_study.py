"""The source study's published figures must come out of our own tables."""

import pytest

from cxrmlops.evaluation.performance import source_study
from cxrmlops.records.metrics import Confusion

PUBLISHED = {
    "precision_asf": 0.885,
    "precision_nsf": 0.894,
    "recall_asf": 0.898,
    "recall_nsf": 0.880,
    "f1_asf": 0.891,
    "f1_nsf": 0.887,
}
LIMITS = {
    "recall_asf": (0.878, 0.915),
    "recall_nsf": (0.859, 0.899),
    "precision_asf": (0.864, 0.903),
    "precision_nsf": (0.873, 0.912),
    "auc": (0.951, 0.969),
}


@pytest.fixture(scope="module")
def figures():
    return source_study.figures(rounds=500, seed=1)


@pytest.mark.parametrize(("name", "value"), PUBLISHED.items())
def test_the_confusion_matrix_gives_the_six_published_figures(figures, name, value):
    assert round(figures[name].value, 3) == value


@pytest.mark.parametrize(("name", "limits"), LIMITS.items())
def test_the_intervals_are_the_known_ones(figures, name, limits):
    assert (round(figures[name].low, 3), round(figures[name].high, 3)) == limits


def test_no_other_table_gives_the_six_figures():
    def rounded(found: int, right: int) -> dict[str, float]:
        missed, wrong = 1018 - found, 995 - right
        return {
            "precision_asf": round(found / (found + wrong), 3),
            "precision_nsf": round(right / (right + missed), 3),
            "recall_asf": round(found / 1018, 3),
            "recall_nsf": round(right / 995, 3),
            "f1_asf": round(2 * found / (2 * found + missed + wrong), 3),
            "f1_nsf": round(2 * right / (2 * right + missed + wrong), 3),
        }

    tables = [
        Confusion(
            asf_found=found,
            asf_missed=1018 - found,
            nsf_right=right,
            nsf_false_alarm=995 - right,
        )
        for found in range(900, 930)
        for right in range(865, 890)
        if rounded(found, right) == PUBLISHED
    ]

    assert tables == [source_study.CONFUSION]


def test_it_tested_2013_studies():
    assert source_study.CONFUSION.n == 2013
