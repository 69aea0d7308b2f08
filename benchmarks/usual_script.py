"""
The script people write: pydicom + torchvision + pytorch-grad-cam.

As commonly written, one film at a time, and as strong as it gets without leaving these
packages: films in batches, channels last, the answer taken from the pass that the map
needs anyway.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import torch
import torchvision
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

BATCH = 8  # films


def images_per_second(
    images: Sequence[Path],
    out: Path,
    *,
    size: int,
    channels_last: bool = False,
    batched: bool = False,
) -> float:
    """Read, score, explain and draw films.

    Args:
        images: DICOM files.
        out: folder for overlay pictures (no structured report: the usual script has
            none, so the comparison favours it).
        size: pixels per side of the network's square.
        channels_last: the faster memory layout, which few scripts use.
        batched: `BATCH` films at a time, and one pass for answer and map.
    """
    out.mkdir(parents=True, exist_ok=True)
    network = torchvision.models.resnet152(weights=None, num_classes=2).eval()
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    at_once = BATCH if batched else 1
    start = time.perf_counter()
    with GradCAM(model=network, target_layers=[network.layer4[-1]]) as explain:
        for begin in range(0, len(images), at_once):
            some = images[begin : begin + at_once]
            rgb = np.stack([_read(image, size) for image in some])
            batch = torch.from_numpy(rgb).permute(0, 3, 1, 2)
            if channels_last:
                batch = batch.contiguous(memory_format=torch.channels_last)
            if not batched:
                with torch.no_grad():
                    network(batch).softmax(1)
            heats = explain(
                input_tensor=batch, targets=[ClassifierOutputTarget(1)] * len(some)
            )
            explain.outputs.softmax(1)
            for image, picture, heat in zip(some, rgb, heats, strict=True):
                overlay = show_cam_on_image(picture, heat, use_rgb=True)
                Image.fromarray(overlay).save(out / f"{image.stem}.png")
    return len(images) / (time.perf_counter() - start)


def _read(image: Path, size: int) -> np.ndarray:
    """Return a film as colours, shape (size, size, 3), float32, 0-1."""
    values = pydicom.dcmread(image).pixel_array.astype(np.float32)
    values = (values - values.min()) / (np.ptp(values) + 1e-6)
    picture = Image.fromarray((values * 255).astype(np.uint8)).resize((size, size))
    return np.repeat(np.asarray(picture, np.float32)[..., None] / 255, 3, axis=2)
