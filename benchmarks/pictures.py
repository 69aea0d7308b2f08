"""Pictures and labels from a folder, for machines without the pixel front end."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from cxrmlops.model.loader import ImageDataset
from cxrmlops.model.training import LabelledImages


def read_squares(table: pd.DataFrame, folder: Path, *, size: int) -> np.ndarray:
    """Read the pictures of a manifest: shape (n, size, size), uint8.

    Args:
        table: its column `file` names them, below `folder`.
        folder: of manifest.csv.
        size: side of the padded square, aspect kept.
    """
    return np.stack([_square(folder / file, size) for file in table.file])


def lesson(
    table: pd.DataFrame, squares: np.ndarray, chosen: np.ndarray, device: torch.device
) -> LabelledImages:
    """Return the chosen films, shape (n,) bool, with their labels (1: ASF)."""
    rows = np.flatnonzero(chosen)
    images = ImageDataset([squares], np.zeros(len(rows), int), rows, device=device)
    return LabelledImages(images, table.label.to_numpy()[rows] == 1)


def _square(path: Path, size: int) -> np.ndarray:
    with Image.open(path) as picture:
        grey = picture.convert("L")
    scale = size / max(grey.size)
    width, height = (max(1, round(side * scale)) for side in grey.size)
    square = np.zeros((size, size), np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = grey.resize(
        (width, height), Image.Resampling.LANCZOS
    )
    return square
