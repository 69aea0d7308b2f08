import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget

from cxrmlops.model.gradcam import METHODS, LogitOnly, image_maps
from cxrmlops.model.inference import read_squares, to_images
from cxrmlops.model.network import build_network
from cxrmlops.system.errors import ParamsError

CPU = torch.device("cpu")


def squares(n: int = 2, *, size: int = 96) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, size, size)).astype(np.uint8)


def untrained(architecture: str, **choice):
    torch.manual_seed(0)
    made = build_network(architecture, **choice).eval()
    with torch.no_grad():  # so that evidence varies, and is above 0 in places
        made.evidence.weight.uniform_(-1.0, 1.3)
    return made


NETWORKS = {
    "resnet18": {},
    "resnet50": {},
    "resnet18, log_sum_exp": {"pooling": "log_sum_exp"},
    "resnet18, log_sum_exp, 16": {"pooling": "log_sum_exp", "output_stride": 16},
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return untrained(request.param.split(",")[0], **NETWORKS[request.param])


@pytest.fixture(scope="module")
def small():
    return untrained("resnet18")


def gradcam(network, pixels: np.ndarray) -> np.ndarray:
    """Grad-CAM by pytorch-grad-cam at the map's own resolution, before ReLU."""
    images = to_images(torch.from_numpy(pixels), CPU)
    with GradCAM(LogitOnly(network), [network.layer4[-1]]) as cam:
        targets = [BinaryClassifierOutputTarget(1)] * len(pixels)
        cam(images, targets)
        grads = cam.activations_and_grads.gradients[0].numpy()
        features = cam.activations_and_grads.activations[0].numpy()
        return np.asarray(
            cam.get_cam_image(
                images, network.layer4[-1], targets, features, grads, False
            )
        )


def test_evidence_is_grad_cam_up_to_a_constant(network):
    images = squares()

    reference = gradcam(network, images)
    _, evidence = read_squares(network, images, device=CPU, batch_size=2)

    assert evidence.shape == reference.shape
    cells = evidence[0].size  # Grad-CAM's gradient of a mean is 1 / cells per cell
    scale = np.abs(evidence).max()
    np.testing.assert_allclose(reference * cells / scale, evidence / scale, atol=1e-4)


def test_what_is_shown_of_both_is_the_same(network):
    images = squares()

    def shown(maps: np.ndarray) -> np.ndarray:
        positive = np.maximum(maps, 0)
        return positive / positive.max((1, 2), keepdims=True)

    _, evidence = read_squares(network, images, device=CPU, batch_size=2)

    np.testing.assert_allclose(
        shown(gradcam(network, images)), shown(evidence), atol=1e-4
    )


# those two work alike, but read each film hundreds of times
SLOW = {"ablationcam", "scorecam"}


@pytest.mark.parametrize("method", sorted(set(METHODS) - SLOW))
def test_every_method_gives_one_map_per_image(small, method):
    maps = image_maps(small, squares(size=64), method=method)

    assert maps.shape == (2, 2, 2)  # the network's own cells
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert maps.max() <= 1


def test_grad_cam_is_handed_over_on_the_cells_of_the_evidence(small):
    images = squares(size=128)

    maps = image_maps(small, images, method="gradcam")

    _, evidence = read_squares(small, images, device=CPU, batch_size=2)
    positive = np.maximum(evidence, 0)
    lowest = positive.min((1, 2), keepdims=True)
    scaled = (positive - lowest) / (positive.max((1, 2), keepdims=True) - lowest)
    np.testing.assert_allclose(maps, scaled, atol=1e-4)


def test_an_unknown_method_is_refused_and_the_known_are_named(small):
    with pytest.raises(ParamsError, match=r"'psychic'.*evidence.*gradcam\+\+"):
        image_maps(small, squares(), method="psychic")
