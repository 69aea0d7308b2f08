import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from cxrmlops.model.inference import read_squares
from cxrmlops.model.network import build_network
from cxrmlops.model.out_of_distribution import (
    MIN_IMAGES,
    Familiar,
    collected,
    fit_familiar,
)

CPU = torch.device("cpu")


def cloud(n: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    """Draw films with a few strong directions among 60 features: (n, 60), float32."""
    strong = np.random.default_rng(0).normal(size=(5, 60))
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, 5)) @ strong + 0.3 * rng.normal(size=(n, 60)) + shift
    return made.astype(np.float32)


def test_the_distance_is_that_of_probabilistic_pca():
    train, val = cloud(300, seed=1), cloud(80, seed=2)
    familiar = fit_familiar(train, val)
    scaled = (train - train.mean(0)) / train.std(0)
    k = len(familiar.variance)
    theirs = PCA(n_components=k, svd_solver="full").fit(scaled)

    asked = (val - train.mean(0)) / train.std(0)
    expected = np.einsum("nd,de,ne->n", asked, theirs.get_precision(), asked) / 60

    np.testing.assert_allclose(familiar.distance(val), expected, rtol=1e-3)


def test_images_of_the_same_kind_lie_at_about_one_and_none_of_val_is_refused():
    val = cloud(80, seed=2)
    familiar = fit_familiar(cloud(300, seed=1), val)

    assert np.median(familiar.distance(cloud(80, seed=3))) == pytest.approx(1, abs=0.4)
    assert familiar.distance(val).max() < familiar.limit


@pytest.mark.parametrize("direction", range(0, 60, 13))
def test_an_image_that_differs_where_no_image_of_train_does_is_far(direction):
    familiar = fit_familiar(cloud(300, seed=1), cloud(80, seed=2))
    odd = cloud(1, seed=4)
    odd[0, direction] += 30

    assert familiar.distance(odd)[0] > familiar.limit


def test_too_few_images_say_nothing():
    enough, few = cloud(MIN_IMAGES, seed=1), cloud(MIN_IMAGES - 1, seed=2)

    assert fit_familiar(few, enough) is None
    assert fit_familiar(enough, few) is None
    assert fit_familiar(enough, enough) is not None


def test_a_feature_that_never_varies_does_no_harm():
    train, val = cloud(100, seed=1), cloud(50, seed=2)
    train[:, 7] = val[:, 7] = 3

    usual = fit_familiar(train, val).limit
    val[0, 7] += 0.1  # a channel that was dead in train stirs in one film of val

    assert fit_familiar(train, val).limit < 2 * usual


def test_it_travels_as_arrays():
    familiar = fit_familiar(cloud(100, seed=1), cloud(50, seed=2))
    asked = cloud(20, seed=3)

    back = Familiar.from_arrays(familiar.to_arrays())

    np.testing.assert_allclose(back.distance(asked), familiar.distance(asked), 1e-6)
    assert back.limit == pytest.approx(familiar.limit)
    assert Familiar.from_arrays({"intensity": np.zeros(3)}) is None


def test_features_are_the_means_of_every_channel_of_every_stage():
    torch.manual_seed(1)
    network = build_network("resnet18_narrow").eval()
    images = np.random.default_rng(1).integers(0, 256, (5, 64, 64), np.uint8)

    with collected(network) as found:
        read_squares(network, images, device=CPU, batch_size=2)
    got = np.concatenate(found)

    assert got.shape == (5, 8 + 16 + 32 + 64)
    assert not network.layer1._forward_hooks
    with torch.inference_mode():
        evidence = read_squares(network, images, device=CPU, batch_size=5)[1]
    # the logit is one weighted sum of the last stage's means
    weight = network.evidence.weight.detach().numpy().ravel()
    np.testing.assert_allclose(
        got[:, -64:] @ weight, evidence.mean((1, 2)), rtol=1e-3, atol=1e-4
    )
