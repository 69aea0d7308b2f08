"""
The model's errors, one by one, for a radiologist who settles what is true.

Looking at errors alone flatters the model: labels that agree with it by mistake are
never looked at. So a random sample of right answers comes along, and the page says so.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrmlops.data.adjudication import ASKED, WRITTEN_BY_READERS
from cxrmlops.data.sources.csv_table import read_csv
from cxrmlops.data.spreadsheet import to_csv
from cxrmlops.data.squares import image_squares
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_square
from cxrmlops.records.tables import REPORTS, SPLITS, STUDIES
from cxrmlops.reporting.evaluation_report import environment
from cxrmlops.reporting.overlay import above_threshold, blend
from cxrmlops.reporting.shown_image import jpeg
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import require_ours, whole_folder
from cxrmlops.vocabulary.findings import BALANCED

KINDS = {
    "missed": "Missed: reported ASF, answered NSF",
    "false_alarm": "False alarm: reported NSF, answered ASF",
    "right": "Right answers, drawn at random",
}
UNSETTLED = ("uncertain", "disputed")  # conclusions that are no label
PAGE, TABLE = "index.html", "adjudication.csv"
SIDE = 384  # pixels of a picture on the page


@dataclass(frozen=True)
class Case:
    """One study, as the page shows it."""

    row: Mapping[str, object]  # of `choose_cases`
    image: str  # JPEG as a data address
    map: str  # likewise; "": a right NSF, or no place above the threshold


def write_review(
    data: Path, out: Path, *, most: int, right: int, seed: int
) -> dict[str, int]:
    """Write index.html and adjudication.csv, readable by the owner alone.

    Args:
        data: folder of the stages' results.
        out: replaced whole, unless something of a reader's is in it.
        most: errors of each kind; the worst come first.
        right: right answers to draw.
        seed: of the draw.

    Returns:
        kind -> number of studies.

    Raises:
        DataError: a stage before `evaluate` has not run, or `out` holds other files
            or a table that readers have written in.
    """
    require_ours(out, (PAGE, TABLE), where="errors: --out")
    _require_untouched(out / TABLE)
    bundle = read_bundle(data / "train" / "bundle")
    threshold = _balanced(bundle)
    reports = REPORTS.read(data / "cohort")
    chosen = choose_cases(
        STUDIES.read(data / "evaluate"), threshold, most=most, right=right, seed=seed
    ).merge(reports[["study_id", "codes"]], on="study_id", how="left")
    open_ones = reports[reports.conclusion.isin(UNSETTLED) & has_image(reports)]
    cases = list(_cases(chosen, SPLITS.read(data / "split"), bundle, data))
    template = environment().get_template("errors.html")
    page = template.render(
        cases=cases,
        kinds=KINDS,
        threshold=threshold,
        unsettled=len(open_ones),
        name=bundle.card.name,
        bundle_hash=bundle.hash,
    )
    with whole_folder(out, private=True) as draft:
        (draft / PAGE).write_text(page, encoding="utf-8")
        (draft / TABLE).write_text(_table(chosen, open_ones), encoding="utf-8")
    counts = chosen.kind.value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in KINDS}


def _require_untouched(table: Path) -> None:
    """Refuse to replace a table in which readers have settled anything."""
    if not table.exists():
        return
    there = read_csv(table)
    filled = [name for name in WRITTEN_BY_READERS if name in there.columns]
    if (there[filled] != "").any(axis=None):
        raise DataError(
            f"errors: --out: {table} holds what readers wrote; keep it elsewhere, or "
            "name another folder"
        )


def has_image(reports: pd.DataFrame) -> pd.Series:
    """Return which studies were set aside for their label, and for nothing else."""
    return reports.outcome.isin(["uncertain_label", "disputed_label"])


def choose_cases(
    studies: pd.DataFrame, threshold: float, *, most: int, right: int, seed: int
) -> pd.DataFrame:
    """Choose the errors, worst first, and a sample of right answers.

    Args:
        studies: STUDIES rows of test.
        threshold: of the balanced point.
        most: errors of each kind.
        right: right answers to draw.
        seed: of the draw; the same rows in any order give the same sample.

    Returns:
        The chosen rows, with `kind` (a key of KINDS), sorted by kind, then by the
        distance of the probability from the threshold; right ones by study.
    """
    rows = studies.sort_values("study_id", ignore_index=True)
    flagged = rows.probability >= threshold
    wrong = {
        "missed": rows[rows.abnormal & ~flagged],
        "false_alarm": rows[~rows.abnormal & flagged],
    }
    parts = [
        part.assign(kind=kind, far=(part.probability - threshold).abs())
        .sort_values(["far", "study_id"], ascending=[False, True])
        .head(most)
        .drop(columns="far")
        for kind, part in wrong.items()
    ]
    good = rows[rows.abnormal == flagged]
    drawn = good.sample(n=min(right, len(good)), random_state=seed).sort_index()
    return pd.concat([*parts, drawn.assign(kind="right")], ignore_index=True)


def _cases(
    chosen: pd.DataFrame, images: pd.DataFrame, bundle: Bundle, data: Path
) -> Iterator[Case]:
    """Draw one study at a time: the film with the highest score decides."""
    squares_of = image_squares(data / "preprocess")
    reader, threshold = Reader(bundle, batch_size=8), _balanced(bundle)
    places = cell_places(reader.network, bundle.card.size)
    by_study = (
        images[images.split == "test"].sort_values("image_id").groupby("study_id")
    )
    for row in chosen.to_dict("records"):
        of_study = by_study.get_group(row["study_id"])
        squares = squares_of(of_study)
        answers = reader.read(squares)
        top = int(np.argmax(answers.logit))
        heat = above_threshold(
            answers.evidence[top],
            pooling=bundle.card.pooling,
            logit_of_image=float(answers.logit[top]),
            temperature=bundle.card.temperature,
            threshold=threshold,
        )
        # no report shows a map of an NSF; here a miss shows what little was seen
        flagged = row["probability"] >= threshold
        overlooked = row["kind"] == "missed" and bool((heat > 0).any())
        shown = heat if flagged or overlooked else None
        yield _draw(row, squares[top], shown, places)


def _balanced(bundle: Bundle) -> float:
    return next(p.threshold for p in bundle.card.operating_points if p.name == BALANCED)


def _draw(
    row: Mapping[str, object],
    square: np.ndarray,
    heat: np.ndarray | None,
    places: Sequence[float],
) -> Case:
    image = np.asarray(Image.fromarray(square).resize((SIDE, SIDE)))
    if heat is None:
        return Case(row, _address(image), "")
    size = len(square)
    (spread,) = evidence_on_square(heat[None], places=places, size=size, side=SIDE)
    return Case(row, _address(image), _address(blend(image, spread)))


def _address(pixels: np.ndarray) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(pixels)).decode()


def _table(chosen: pd.DataFrame, unsettled: pd.DataFrame) -> str:
    """Write the rows to be settled; reader, decision and comment are left empty."""
    answered = [
        {name: row[name] for name in ("study_id", "kind", "codes")}
        | {
            "label": "ASF" if row["abnormal"] else "NSF",
            "probability": f"{row['probability']:.4f}",
        }
        for row in chosen.to_dict("records")
    ]
    open_ones = [
        {name: row[name] for name in ("study_id", "codes")}
        | {"kind": "unsettled", "label": row["conclusion"]}
        for row in unsettled.to_dict("records")
    ]
    return to_csv(ASKED, [*answered, *open_ones])
