import numpy as np
import pytest
import torch
from PIL import Image

from cxrmlops.model.progressive import size_of_epoch, smaller

STEPS = ((32, 2), (64, 1))


def test_each_epoch_has_the_size_of_its_step_and_then_the_full_one():
    sizes = [size_of_epoch(number, STEPS, full=96) for number in range(1, 6)]

    assert sizes == [32, 32, 64, 96, 96]
    assert size_of_epoch(1, (), full=96) == 96


@pytest.mark.parametrize("size", [48, 32, 20])
def test_films_become_smaller_as_preprocessing_makes_them_smaller(size):
    rng = np.random.default_rng(0)
    film = np.kron(rng.integers(0, 256, (12, 12)), np.ones((8, 8))).astype(np.uint8)
    images = torch.from_numpy(film)[None, None].float() / 255

    made = smaller(images.contiguous(memory_format=torch.channels_last), size)

    pillow = Image.fromarray(film).resize((size, size), Image.Resampling.BILINEAR)
    expected = np.asarray(pillow, np.float32) / 255
    assert made.shape == (1, 1, size, size)
    np.testing.assert_allclose(made[0, 0].numpy(), expected, atol=1.5 / 255)
    assert made.min() >= 0
    assert made.max() <= 1


def test_films_of_full_size_are_not_touched():
    images = torch.rand(2, 1, 32, 32)

    assert smaller(images, 32) is images
