from dataclasses import replace

import numpy as np
import pytest

from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.skew import check_skew, skew_images
from cxrmlops.system.errors import BundleError, ResourceError
from tests.make import make_reading_bundle


def test_a_bundle_answers_its_own_images_as_when_it_was_made(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=32))

    assert check_skew(bundle, Reader(bundle)) < 1e-4


def test_a_machine_that_computes_something_else_is_refused(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=32))
    bundle.network.shift(1.0)

    with pytest.raises(ResourceError, match="by up to 1.000 logits"):
        check_skew(bundle, Reader(bundle))


def test_a_bundle_without_answers_to_its_own_images_is_refused(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=32))
    bundle = replace(bundle, reference={})

    with pytest.raises(BundleError, match="has no answers to its own test films"):
        check_skew(bundle, Reader(bundle))


@pytest.mark.parametrize("size", [32, 100, 512])
def test_the_images_are_alike_at_every_size_and_unlike_each_other(size):
    images = skew_images(size)

    assert images.shape == (3, size, size)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(
        images.mean((1, 2)), skew_images(256).mean((1, 2)), rtol=0.05
    )
    assert not np.array_equal(images[0], images[1])
