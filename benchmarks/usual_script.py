"""The script people write: pydicom + torchvision + pytorch-grad-cam, one by one."""

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


def images_per_second(
    images: Sequence[Path], out: Path, *, size: int, channels_last: bool
) -> float:
    """Read, score, explain and draw each film as commonly written.

    Args:
        images: DICOM files.
        out: folder for overlay pictures (no structured report: the usual script has
            none, so the comparison favours it).
        size: pixels per side of the network's square.
        channels_last: the faster memory layout, which few scripts use.
    """
    out.mkdir(parents=True, exist_ok=True)
    network = torchvision.models.resnet152(weights=None, num_classes=2).eval()
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    start = time.perf_counter()
    with GradCAM(model=network, target_layers=[network.layer4[-1]]) as explain:
        for image in images:
            _one(image, out, network, explain, size, channels_last)
    return len(images) / (time.perf_counter() - start)


def _one(image, out, network, explain, size, channels_last) -> None:
    values = pydicom.dcmread(image).pixel_array.astype(np.float32)
    values = (values - values.min()) / (np.ptp(values) + 1e-6)
    picture = Image.fromarray((values * 255).astype(np.uint8)).resize((size, size))
    rgb = np.repeat(np.asarray(picture, np.float32)[..., None] / 255, 3, axis=2)
    batch = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    if channels_last:
        batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        network(batch).softmax(1)
    heat = explain(input_tensor=batch, targets=[ClassifierOutputTarget(1)])[0]
    overlay = show_cam_on_image(rgb, heat, use_rgb=True)
    Image.fromarray(overlay).save(out / f"{image.stem}.png")
