import numpy as np
import pytest

from cxrmlops.evaluation.examination.image_changes import (
    CHANGES,
    border_cut,
    corners_masked,
    gamma,
    jpeg,
    rotated,
    window,
)


def images(n=2, *, size=64, padding=8):
    """Build films that lie between columns of padding."""
    rng = np.random.default_rng(0)
    squares = rng.integers(90, 110, (n, size, size)).astype(np.uint8)
    squares[:, size // 4 : size // 2, size // 4 : size // 2] += 60
    squares[:, :, :padding] = squares[:, :, size - padding :] = 0
    return squares


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_moves_the_image_and_keeps_shape_and_padding(name):
    squares = images()
    before = squares.copy()

    changed = CHANGES[name](squares)

    np.testing.assert_array_equal(squares, before)
    assert changed.shape == squares.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, squares)
    if not name.startswith("rotated"):
        assert not changed[:, :, :8].any()
        assert not changed[:, :, -8:].any()
    assert np.corrcoef(changed.ravel(), squares.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("name", CHANGES)
def test_no_images_and_black_images_are_no_error(name):
    assert CHANGES[name](np.empty((0, 32, 32), np.uint8)).shape == (0, 32, 32)
    black = np.zeros((1, 32, 32), np.uint8)
    assert CHANGES[name](black).max() <= 26  # 0.1 brighter at most


def test_a_window_and_gamma_follow_their_formulas():
    grey = np.full((1, 4, 4), 102, np.uint8)  # 0.4

    assert (window(grey, width=0.6) == 85).all()  # (0.4 - 0.5) / 0.6 + 0.5 = 1 / 3
    assert (window(grey, level=-0.1) == 128).all()
    assert (gamma(grey, exponent=2) == round(0.16 * 255)).all()


@pytest.mark.parametrize(
    ("name", "grey"),  # of 0.4
    [
        ("window wider", (0.4 - 0.5) / 1.2 + 0.5),
        ("window narrower", (0.4 - 0.5) / 0.8 + 0.5),
        ("brighter", 0.5),
        ("darker", 0.3),
        ("gamma 0.8", 0.4**0.8),
        ("gamma 1.25", 0.4**1.25),
    ],
)
def test_each_change_is_as_strong_as_its_name_says(name, grey):
    changed = CHANGES[name](np.full((1, 4, 4), 102, np.uint8))

    assert np.abs(changed / 255 - grey).max() <= 0.5 / 255 + 1e-6


def test_an_image_is_rotated_by_5_degrees_counterclockwise():
    image = np.zeros((1, 101, 101), np.uint8)
    image[0, 50, 90] = image[0, 50, 10] = 255  # 40 pixels right and left of the middle
    image[0, 0, 0] = 1

    turned = CHANGES["rotated 5 degrees"](image)[0]
    row, column = np.unravel_index(turned[:, 51:].argmax(), (101, 50))

    assert abs(abs(row - 50) - 40 * np.sin(np.radians(5))) < 1
    assert abs(column + 51 - 50 - 40 * np.cos(np.radians(5))) < 1


def test_markers_in_the_images_corners_are_gone_and_the_rest_is_untouched():
    marked = images(1)
    marked[0, 2:5, 10:13] = 255  # top left of the film, beside the padding

    masked = corners_masked(marked)

    assert masked.max() < 255
    np.testing.assert_array_equal(masked[:, 8:-8], marked[:, 8:-8])
    np.testing.assert_array_equal(masked[:, :, 16:-16], marked[:, :, 16:-16])


def test_cutting_the_border_enlarges_the_rest():
    square = images(1, padding=0)
    square[0, 0] = square[0, -1] = 255

    cut = border_cut(square)

    assert cut[0, [0, -1]].max() < 255
    assert (cut > 140).sum() > (square[:, 1:-1] > 140).sum()


def test_a_turn_keeps_the_middle_and_there_is_a_loss_in_jpeg():
    squares = images()

    assert rotated(squares, degrees=5)[0, 32, 32] == pytest.approx(
        squares[0, 31:34, 31:34].mean(), abs=40
    )
    assert 0 < np.abs(jpeg(squares).astype(int) - squares).mean() < 8


def test_padding_above_and_below_an_image_stays_black_when_it_becomes_brighter():
    squares = images().swapaxes(1, 2)

    brighter = CHANGES["brighter"](squares)

    assert not brighter[:, :8].any()
    assert not brighter[:, -8:].any()
    assert (brighter[:, 8:-8] > squares[:, 8:-8]).all()
