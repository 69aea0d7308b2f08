import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import affine_grid

from cxrmlops.model.augment import Augmentation, _places, augment

STRONG = Augmentation(15, 0.3, 0.2, 0.5, 0.1)


def drawn(images: torch.Tensor, by: Augmentation, *, seed: int = 0) -> torch.Tensor:
    return augment(images, by, generator=torch.Generator().manual_seed(seed))


def blob(*, row: int, column: int, n: int = 1, size: int = 33) -> torch.Tensor:
    images = torch.zeros(n, 1, size, size)
    images[:, :, row - 1 : row + 2, column - 1 : column + 2] = 1
    return images


def centre(image: torch.Tensor) -> np.ndarray:
    """Give the centre of mass, (row, column)."""
    weights = image.numpy().astype(np.float64)
    places = np.indices(weights.shape)
    return np.asarray((places * weights).sum((1, 2)) / weights.sum())


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    level=st.sampled_from([0.0, 0.3, 1.0]),
    by=st.builds(
        Augmentation,
        rotate_degrees=st.floats(0, 15),
        scale=st.floats(0, 0.3),
        shift=st.floats(0, 0.2),
        gamma=st.floats(0, 0.5),
        noise=st.floats(0, 0.1),
    ),
)
def test_an_image_stays_in_its_range(seed, level, by):
    images = torch.full((2, 1, 16, 16), level)
    images[:, :, 4:8, 4:8] = 1 - level

    moved = drawn(images, by, seed=seed)

    assert moved.shape == images.shape
    assert moved.isfinite().all()
    assert moved.amin() >= 0
    assert moved.amax() <= 1


def test_nothing_asked_changes_nothing():
    images = torch.rand(2, 1, 16, 16)

    torch.testing.assert_close(drawn(images, Augmentation()), images)


def test_the_same_seed_gives_the_same_images_and_another_others():
    images = torch.rand(2, 1, 16, 16)

    assert torch.equal(drawn(images, STRONG, seed=1), drawn(images, STRONG, seed=1))
    assert not torch.equal(drawn(images, STRONG, seed=1), drawn(images, STRONG, seed=2))


def test_every_image_of_a_batch_is_moved_in_its_own_way():
    images = blob(row=16, column=16, n=8)

    moved = drawn(images, Augmentation(shift=0.2))

    centres = {tuple(centre(image[0]).round(3)) for image in moved}
    assert len(centres) == 8


def test_left_stays_left():
    left = blob(row=16, column=6, n=200)

    moved = drawn(left, Augmentation(rotate_degrees=15, scale=0.3))

    assert all(centre(image[0])[1] < 16 for image in moved)


@pytest.mark.parametrize("degrees", [5.0, 15.0])
def test_rotation_stays_within_what_was_asked(degrees):
    top = blob(row=6, column=16, n=200)

    moved = drawn(top, Augmentation(rotate_degrees=degrees))

    down, across = np.array([centre(image[0]) - 16 for image in moved]).T
    angles = np.degrees(np.arctan2(across, -down))
    assert np.abs(angles).max() <= degrees + 0.5
    assert angles.min() < -degrees / 2 < degrees / 2 < angles.max()


def test_a_shift_is_a_fraction_of_the_side():
    middle = blob(row=16, column=16, n=200)

    moved = drawn(middle, Augmentation(shift=0.2))

    away = np.array([centre(image[0]) - 16 for image in moved])
    assert np.abs(away).max() <= 0.2 * 33 + 0.1
    assert np.abs(away).max() > 0.15 * 33


def test_what_comes_from_outside_is_black():
    bright = torch.ones(50, 1, 16, 16)

    moved = drawn(bright, Augmentation(shift=0.2))

    assert (moved[:, :, (0, -1)][:, :, :, (0, -1)] == 0).any()
    assert set(moved[:, 0, 8, 8].tolist()) == {1.0}


def test_gamma_bends_the_greys_between_black_and_white():
    images = torch.tensor([0.0, 0.25, 1.0]).repeat(20, 1, 3, 1)

    bent = drawn(images, Augmentation(gamma=0.3))

    assert torch.equal(bent[..., (0, 2)], images[..., (0, 2)])
    exponents = bent[:, 0, 0, 1].log() / torch.tensor(0.25).log()
    assert 0.7 <= exponents.min() < 0.85 < 1.15 < exponents.max() <= 1.3


def test_padding_stays_black_whatever_the_exposure():
    images = torch.zeros(4, 1, 32, 32)
    images[:, :, 8:24] = 0.5
    by = Augmentation(gamma=0.5, noise=0.1)

    exposed = drawn(images, by)

    assert (exposed[:, :, :8] == 0).all()
    assert (exposed[:, :, 24:] == 0).all()
    assert not torch.equal(exposed[:, :, 8:24], images[:, :, 8:24])


def test_a_rotation_turns_every_place_by_the_same_angle_and_stretches_none():
    size, by = 65, Augmentation(rotate_degrees=15)
    middle, arm = size // 2, 20
    places = {"up": (-arm, 0), "right": (0, arm), "down": (arm, 0), "left": (0, -arm)}
    turned = {}
    for name, (down, across) in places.items():
        spots = blob(row=middle + down, column=middle + across, n=50, size=size)
        at = [centre(image[0]) - middle for image in drawn(spots, by)]
        turned[name] = np.array([complex(x, -y) for y, x in at])

    before = {name: complex(x, -y) for name, (y, x) in places.items()}
    angles = {
        name: np.degrees(np.angle(now / before[name])) for name, now in turned.items()
    }
    assert angles["up"].std() > 5
    for name, now in turned.items():
        np.testing.assert_allclose(np.abs(now), arm, atol=0.3)
        np.testing.assert_allclose(angles[name], angles["up"], atol=1.0)


def test_a_change_of_size_is_the_same_both_ways():
    size, by = 65, Augmentation(scale=0.3)
    middle, arm = size // 2, 20
    up = drawn(blob(row=middle - arm, column=middle, n=50, size=size), by)
    right = drawn(blob(row=middle, column=middle + arm, n=50, size=size), by)

    rise = np.array([middle - centre(image[0])[0] for image in up]) / arm
    run = np.array([centre(image[0])[1] - middle for image in right]) / arm

    np.testing.assert_allclose(rise, run, atol=0.02)
    assert 0.68 <= rise.min() < 0.8 < 1.2 < rise.max() <= 1.32


def test_a_shift_is_drawn_for_each_way_on_its_own():
    middle = blob(row=16, column=16, n=300)

    moved = drawn(middle, Augmentation(shift=0.2))

    down, across = np.array([centre(image[0]) - 16 for image in moved]).T
    assert abs(np.corrcoef(down, across)[0, 1]) < 0.2
    for way in (down, across):  # uniform: a standard deviation of width / sqrt(12)
        assert way.std() == pytest.approx(2 * 0.2 * 33 / np.sqrt(12), rel=0.1)
        assert abs(way.mean()) < 0.7


@pytest.mark.parametrize("side", [31, 64])
def test_places_are_those_of_torch_s_own_affine_grid(side):
    cos, sin, along, across = torch.rand((4, 5)) * 2 - 1
    matrix = torch.stack(
        [torch.stack([cos, -sin, along], 1), torch.stack([sin, cos, across], 1)], 1
    )

    found = _places(cos, sin, along, across, side=side)

    want = affine_grid(matrix, [5, 1, side, side], align_corners=False)
    torch.testing.assert_close(found, want, rtol=0, atol=1e-6)
