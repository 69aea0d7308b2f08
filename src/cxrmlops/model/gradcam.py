"""Other ways to ask a network where its answer comes from, by pytorch-grad-cam."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from cxrmlops.model.ensemble import Network
from cxrmlops.model.inference import to_images
from cxrmlops.model.network import EvidenceResNet
from cxrmlops.system.errors import ParamsError

EVIDENCE = "evidence"  # the forward pass; needs nothing of this module
METHODS: Mapping[str, str] = {  # our name -> class of pytorch-grad-cam
    "ablationcam": "AblationCAM",
    "eigencam": "EigenCAM",
    "eigengradcam": "EigenGradCAM",
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "gradcamelementwise": "GradCAMElementWise",
    "hirescam": "HiResCAM",
    "kpcacam": "KPCA_CAM",
    "layercam": "LayerCAM",
    "scorecam": "ScoreCAM",
    "shapleycam": "ShapleyCAM",
    "xgradcam": "XGradCAM",
}


class LogitOnly(nn.Module):
    """The network as pytorch-grad-cam expects one: images -> (n, 1) logits."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Answer films, shape (n, 1, s, s), by logits, shape (n, 1)."""
        return self.network(images)[0][:, None]


def image_maps(network: Network, squares: np.ndarray, *, method: str) -> np.ndarray:
    """Map what speaks for ASF in each film, by a method of the literature.

    Args:
        network: in eval mode; the films go to its device.
        squares: shape (n, size, size), uint8.
        method: a key of `METHODS`.

    Returns:
        Shape (n, h, w), float32, 0-1, on the network's own cells, as evidence is: the
        methods would enlarge them to another place than where a cell looks. Each film
        is scaled for itself, so two films' maps cannot be compared. Of an ensemble: the
        mean of the networks' maps.

    Raises:
        ParamsError: there is no such method.
    """
    if method not in METHODS:
        raise ParamsError(
            f"score.saliency_method: no method is called '{method}'; choose "
            f"{EVIDENCE} or one of {', '.join(METHODS)}"
        )
    maps = [_one_map(each, squares, METHODS[method]) for each in network.members]
    return np.asarray(np.mean(maps, axis=0), np.float32)


def _one_map(network: EvidenceResNet, squares: np.ndarray, method: str) -> np.ndarray:
    # Here and not above: it takes five seconds to load, and a night that shows evidence
    # needs nothing of it.
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget

    images = to_images(torch.from_numpy(squares), network.bias.device)
    targets = [BinaryClassifierOutputTarget(1)] * len(squares)
    explainer = getattr(pytorch_grad_cam, method)
    with explainer(LogitOnly(network), [network.layer4[-1]]) as explain:
        store = explain.activations_and_grads
        explain.get_target_width_height = lambda _: store.activations[0].shape[:1:-1]
        return np.asarray(explain(images, targets), np.float32)
