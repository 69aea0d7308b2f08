"""
Made-up films as pictures, with boxes.csv: the masks of their planted findings.

    python -m benchmarks.made_up_pictures OUT --studies 1000

writes what `benchmarks.localisation` reads: frontal films of studies without a misfit,
labelled by what was planted, not by what the made-up radiologist signed.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrmlops.data.finding_boxes import PLACE, SIDE
from cxrmlops.dicom.read.pixels import display_picture
from cxrphantom.cohort import make_cohort


def main() -> None:
    """Make the films, and write them as PNG files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--side", type=int, default=192, help="pixels")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        make_cohort(
            raw,
            studies=asked.studies,
            backlog_studies=0,
            seed=asked.seed,
            side=asked.side,
        )
        (asked.out / "images").mkdir(parents=True)
        films = pd.DataFrame(_films(raw, asked.out))
        films.to_csv(asked.out / "manifest.csv", index=False)
        _boxes(raw, films).to_csv(asked.out / "boxes.csv", index=False)
    print(f"{len(films)} films, {int(films.label.sum())} abnormal")


def _films(raw: Path, out: Path) -> Iterator[dict[str, object]]:
    truth = pd.read_csv(raw / "truth.csv", keep_default_na=False)
    taken = truth[truth.image == "included"]
    for number, row in enumerate(taken.to_dict("records")):
        picture = display_picture(raw / row["path"]).image
        file = f"images/{number:05d}.png"
        Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(out / file)
        yield {
            "file": file,
            "patient_id": Path(row["path"]).parts[1],
            "label": int(row["abnormal"]),
            "view": row["view"],
            "findings": row["findings"],
            "uid": row["sop_instance_uid"],
        }


def _boxes(raw: Path, films: pd.DataFrame) -> pd.DataFrame:
    regions = pd.read_csv(raw / "regions.csv", dtype={"sop_instance_uid": str})
    named = regions.merge(films, left_on="sop_instance_uid", right_on="uid")
    places = named[list(PLACE)] * SIDE
    return places.set_axis(["x", "y", "width", "height"], axis=1).assign(
        file=named.file
    )


if __name__ == "__main__":
    main()
