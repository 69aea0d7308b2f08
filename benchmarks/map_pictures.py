"""
Ten films with what is known to be abnormal outlined: the map as drawn before, and now.

    CXR_PSEUDONYM_KEY=demo python -m benchmarks.map_pictures demo --out maps.png

The first ten val films, by name, that are abnormal, have boxes (`examine.boxes` of that
project's params.yaml) and lie above the balanced threshold: none is chosen by its map.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.data.placement import placed
from cxrmlops.data.squares import image_squares
from cxrmlops.dicom.identity import pseudonym_key
from cxrmlops.evaluation.examination.box_overlap import box_mask
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import BATCH, Reader
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_image, tile_middles
from cxrmlops.params import load_params
from cxrmlops.records.tables import INDEX, SPLITS
from cxrmlops.reporting.overlay import FULL_SCALE, above_threshold
from cxrmlops.vocabulary.findings import BALANCED

FILMS = 10
HEIGHT = 256  # pixels of a film in the picture


def main() -> None:
    """Draw one row as it was, one as it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("project", type=Path, help="folder with params.yaml and data/")
    parser.add_argument("--out", type=Path, default=Path("map_places.png"))
    asked = parser.parse_args()
    data = asked.project / "data"
    params = load_params(asked.project / "params.yaml").examine
    reader = Reader(read_bundle(data / "train/bundle"), batch_size=BATCH)
    images = SPLITS.read(data / "split").sort_values("image_id", ignore_index=True)
    boxes = read_boxes(asked.project / str(params.boxes), pseudonym_key(), images)
    sizes = INDEX.read(data / "preprocess")[["image_id", "rows", "columns"]]
    chosen = images[(images.split == "val") & images.image_id.isin(boxes.image_id)]
    chosen = chosen.merge(sizes, on="image_id")
    squares = image_squares(data / "preprocess")(chosen)
    draw(chosen, squares, boxes, reader, asked.out)


def draw(
    images: pd.DataFrame,
    squares: np.ndarray,
    boxes: pd.DataFrame,
    reader: Reader,
    path: Path,
) -> None:
    """Draw the first films that the model answers ASF.

    Args:
        images: n rows of SPLITS with `rows` and `columns` of the film.
        squares: shape (n, size, size), uint8.
        boxes: of `data.finding_boxes`.
        reader: of the bundle.
        path: of the picture.
    """
    card = reader.bundle.card
    threshold = next(p.threshold for p in card.operating_points if p.name == BALANCED)
    answers = reader.read(squares)
    found = np.flatnonzero(answers.probability >= threshold)[:FILMS]
    now = cell_places(reader.network, card.size)
    ways = {"before: cells side by side": tile_middles(len(now), card.size)}
    ways["now: where each cell looks"] = now
    figure, axes = plt.subplots(
        len(ways), len(found), figsize=(1.3 * len(found), 3.4), layout="constrained"
    )
    for row, (title, places) in zip(axes, ways.items(), strict=True):
        row[0].set_title(title, loc="left", fontsize=8)
        for each, at in zip(row, found, strict=True):
            image = images.iloc[at]
            place = placed(image["rows"], image["columns"], size=card.size)
            heat = evidence_on_image(
                above_threshold(
                    answers.evidence[at],
                    pooling=card.pooling,
                    logit_of_image=float(answers.logit[at]),
                    temperature=card.temperature,
                    threshold=threshold,
                ),
                place,
                places=places,
                rows=HEIGHT,
                columns=round(HEIGHT * place.width / place.height),
            )
            film = squares[at][
                place.top : place.top + place.height,
                place.left : place.left + place.width,
            ]
            extent = (0, 1, 1, 0)
            each.imshow(film, cmap="gray", extent=extent, vmin=0, vmax=255)
            each.imshow(
                np.ma.masked_less(heat, 0), cmap="inferno", extent=extent, alpha=0.45,
                vmin=0, vmax=FULL_SCALE,
            )  # fmt: skip
            mask = box_mask(boxes[boxes.image_id == image.image_id])
            middle = (np.arange(len(mask)) + 0.5) / len(mask)
            each.contour(
                middle, middle, mask, levels=[0.5], colors="#37e05a", linewidths=1
            )
            each.set_aspect(image["rows"] / image["columns"])
            each.axis("off")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
