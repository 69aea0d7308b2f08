"""What a model points at, on a made-up film: for screens that must show no patient."""

import tempfile
from pathlib import Path

import numpy as np

from cxrmlops.data.preprocess import network_square, reading_picture
from cxrmlops.data.reference_images import reference_pictures
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.reporting.shown_image import EVIDENCE, Row, draw, jpeg, show_image

IMAGES = 4  # normal and abnormal; the one the model suspects most is shown
SIDE = 512  # pixels


def draw_synthetic_map(bundle: Path) -> bytes:
    """Read made-up films and draw the most suspicious one as the night would.

    Args:
        bundle: folder of the model.

    Returns:
        A JPEG file. Without a map where the model finds nothing in any of the films.
    """
    model = read_bundle(bundle)
    with tempfile.TemporaryDirectory() as folder:
        rows = _read(model, Path(folder))
        row = max(rows, key=lambda one: float(one["probability"]))
        identity = model.identity
        image = show_image(
            row, Path(folder), model=identity, method=EVIDENCE, side=SIDE
        )
        overlay = draw(image, model=identity, method=EVIDENCE)
    return jpeg(overlay.pixels)


def _read(model: Bundle, folder: Path) -> list[Row]:
    squares, rows = [], []
    for number, image in enumerate(reference_pictures(IMAGES, scope=model.card.scope)):
        square, placement = network_square(image.image, size=model.card.size)
        squares.append(square)
        picture = reading_picture(image.image, longest_side=SIDE)
        np.save(folder / f"{number}.npy", picture)
        rows.append({"picture": f"{number}.npy", "placement": placement.to_json()})
    answers = Reader(model, accelerator="cpu").read(np.stack(squares))
    return [
        row
        | {
            "logit": float(answers.logit[n]),
            "probability": float(answers.probability[n]),
            "evidence": answers.evidence[n].astype("<f2").tobytes(),
            "evidence_rows": answers.evidence.shape[1],
            "evidence_columns": answers.evidence.shape[2],
        }
        for n, row in enumerate(rows)
    ]
