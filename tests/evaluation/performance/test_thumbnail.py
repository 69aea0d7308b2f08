import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cxrmlops.evaluation.performance.thumbnail import read_thumbnails, shrink
from cxrmlops.system.errors import DataError


def images(n=120, *, size=64, seed=0, sign=0):
    rng = np.random.default_rng(seed)
    abnormal = np.arange(n) % 2 == 0
    squares = rng.integers(80, 120, size=(n, size, size), dtype=np.uint8)
    squares[abnormal, : size // 2] += np.uint8(sign)
    split = np.repeat(["train", "val", "test"], [n // 2, n // 4, n - n // 2 - n // 4])
    return squares, abnormal, split


@pytest.mark.parametrize("size", [16, 17, 64, 100])
def test_every_pixel_counts_once(size):
    squares = np.random.default_rng(0).integers(
        0, 256, size=(3, size, size), dtype=np.uint8
    )
    edges = np.arange(16) * size // 16
    ends = np.append(edges[1:], size)

    thumbnails = shrink(squares).reshape(3, 16, 16)

    for row, column in [(0, 0), (7, 3), (15, 15)]:
        cell = squares[:, edges[row] : ends[row], edges[column] : ends[column]]
        np.testing.assert_allclose(
            thumbnails[:, row, column], cell.mean(axis=(1, 2)) / 255, rtol=1e-6
        )


def test_white_stays_white_and_no_image_gives_no_thumbnail():
    np.testing.assert_allclose(shrink(np.full((1, 512, 512), 255, np.uint8)), 1)
    assert shrink(np.empty((0, 32, 32), np.uint8)).shape == (0, 256)


def test_a_giveaway_in_the_intensities_is_found():
    squares, abnormal, split = images(sign=10)

    probability = read_thumbnails(shrink(squares), abnormal, split)

    assert roc_auc_score(abnormal[split == "test"], probability) > 0.95


def test_noise_is_not_read():
    squares, abnormal, split = images(400)

    probability = read_thumbnails(shrink(squares), abnormal, split)

    assert 0.35 < roc_auc_score(abnormal[split == "test"], probability) < 0.65


def fitted_by_hand(thumbnails, abnormal, split):
    """Fit every smoothing on train with scikit-learn: AUC on val and test, answers."""
    train = split == "train"
    grey = thumbnails - thumbnails[train].mean(axis=0)
    grey /= thumbnails[train].std(axis=0)
    found = []
    for strength in (0.0001, 0.001, 0.01, 0.1, 1.0):
        fit = LogisticRegression(C=strength, max_iter=5000).fit(
            grey[train], abnormal[train]
        )
        said = {side: fit.predict_proba(grey[split == side])[:, 1] for side in SIDES}
        areas = [roc_auc_score(abnormal[split == side], said[side]) for side in SIDES]
        found.append((*areas, said["test"]))
    return found


SIDES = ("val", "test")


def test_the_smoothing_is_chosen_on_val_and_labels_of_test_are_not_looked_at():
    squares, abnormal, split = images(80, sign=1, seed=4)
    thumbnails = shrink(squares)
    turned = np.where(split == "test", ~abnormal, abnormal)
    on_val, on_test, said = zip(
        *fitted_by_hand(thumbnails, abnormal, split), strict=True
    )
    best = int(np.argmax(on_val))
    others = {int(np.argmax(on_test)), int(np.argmin(on_test))}
    assert best not in others, "test, read either way, would choose another smoothing"

    plain = read_thumbnails(thumbnails, abnormal, split)

    np.testing.assert_allclose(plain, said[best], atol=1e-4)
    np.testing.assert_array_equal(plain, read_thumbnails(thumbnails, turned, split))


def test_of_equally_good_smoothings_the_strongest_is_taken():
    squares, abnormal, split = images(sign=30)
    thumbnails = shrink(squares)
    on_val, _, said = zip(*fitted_by_hand(thumbnails, abnormal, split), strict=True)
    assert set(on_val) == {1.0}

    answers = read_thumbnails(thumbnails, abnormal, split)

    np.testing.assert_allclose(answers, said[0], atol=1e-4)


def test_the_weakest_smoothing_is_taken_where_val_is_read_best_with_it():
    squares, abnormal, split = images(80, sign=1, seed=3)
    thumbnails = shrink(squares)
    on_val, _, said = zip(*fitted_by_hand(thumbnails, abnormal, split), strict=True)
    assert on_val[-1] > max(on_val[:-1])

    answers = read_thumbnails(thumbnails, abnormal, split)

    np.testing.assert_allclose(answers, said[-1], atol=1e-4)


def test_a_one_sided_training_set_is_refused():
    squares, abnormal, split = images()

    with pytest.raises(DataError, match="train holds one class only"):
        read_thumbnails(shrink(squares), abnormal | (split == "train"), split)
