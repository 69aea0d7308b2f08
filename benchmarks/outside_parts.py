"""
Do frame and corners give the label away beyond what the patient shows? On real films.

    python -m benchmarks.outside_parts FOLDER

FOLDER holds manifest.csv with the columns file, patient_id, label (1: any significant
finding), view, sex, age and, where there is one, balanced (1: take it). A share of the
patients is val, drawn `DRAWS` times; markers are painted into one cell of the 16 x 16
thumbnail of a share of the abnormal films.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pictures import read_squares
from cxrmlops.evaluation.examination.outside_parts import PARTS, measure_excess
from cxrmlops.evaluation.examination.probes import read_grey
from cxrmlops.evaluation.performance.thumbnail import SIDE, shrink
from cxrmlops.evaluation.statistics.ranking import auc_interval

DRAWS = 5
VAL = 0.2  # of the patients
PLANTED = {  # marker -> share of ASF films, cell of the thumbnail
    "nothing": (0.0, 0),
    "frame": (0.6, SIDE // 2),
    "corner": (0.6, 2 * SIDE + 2),
}


def main() -> None:
    """Print upper ends, means and largest of all draws, per part and marker."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = parser.add_argument("folder", type=Path) and parser.parse_args().folder
    table = pd.read_csv(folder / "manifest.csv")
    if "balanced" in table:
        table = table[table.balanced == 1].reset_index(drop=True)
    grey = shrink(read_squares(table, folder, size=128))
    print("| marker | part | AUC alone, upper end | adds | upper end | largest |")
    print("|---|---|---|---|---|---|")
    for marker, (share, cell) in PLANTED.items():
        drawn = [_draw(table, grey, share, cell, seed=k) for k in range(DRAWS)]
        for name in PARTS:
            alone, adds, high = np.array([each[name] for each in drawn]).T
            print(
                f"| {marker} | {name} | {alone.mean():.3f} | {adds.mean():.3f} "
                f"| {high.mean():.3f} | {high.max():.3f} |"
            )


def _draw(
    table: pd.DataFrame, grey: np.ndarray, share: float, cell: int, *, seed: int
) -> dict[str, tuple[float, float, float]]:
    rng = np.random.default_rng(seed)
    patients = rng.permutation(table.patient_id.unique())
    val = table.patient_id.isin(patients[: int(VAL * len(patients))]).to_numpy()
    is_asf = (table.label == 1).to_numpy()
    shown = grey.copy()
    shown[is_asf & (rng.random(len(table)) < share), cell] = 1
    images = _images(table, val, is_asf)
    excess = measure_excess(images, shown, rule="max")
    found = {}
    for name, part in PARTS.items():
        score = read_grey(shown[:, part], is_asf, ~val, table.patient_id)
        added = excess[name]
        if score is None or added is None:
            raise SystemExit("error: too few patients of a class to learn from")
        alone = auc_interval(score[val], is_asf[val], table.patient_id[val])
        found[name] = (alone.high, added.value, added.high)
    return found


def _images(table: pd.DataFrame, val: np.ndarray, is_asf: np.ndarray) -> pd.DataFrame:
    """Return what the readers ask of SPLITS rows, a study a film."""
    names = [f"{number:06}" for number in range(len(table))]
    known = table.assign(
        image_id=names,
        study_id=names,
        split=np.where(val, "val", "train"),
        abnormal=is_asf,
        portable="unknown",
        age_years=pd.to_numeric(table.age, errors="coerce"),
        manufacturer="",
        source="",
        year=pd.array([pd.NA] * len(table), dtype="Int64"),
        findings="",
    )
    return known.astype({"study_id": "string", "patient_id": "string"})


if __name__ == "__main__":
    main()
